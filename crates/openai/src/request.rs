//! What the server is asked for, in the words that it understands.

use parlance_domain::conversations::{Brief, RESPONSE_SCHEMA};
use serde_json::{Map, Value, json};

/// How free the model is: some variety, no nonsense.
const TEMPERATURE: f64 = 0.7;

/// What of the protocol a server understands. Servers differ, and say so by refusing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Dialect {
    /// Whether the form of the answer is given as a schema, or only said to be JSON.
    schema: bool,
    /// Whether the bound of tokens has its older name.
    max_tokens: bool,
    /// Whether a temperature may be chosen.
    temperature: bool,
}

impl Dialect {
    /// What most servers understand.
    pub(crate) const USUAL: Self = Self {
        schema: true,
        max_tokens: true,
        temperature: true,
    };

    /// The dialect of a server that refuses a request for this reason; none if it is not for the dialect.
    ///
    /// Each step leaves something out for good, so there are at most three.
    pub(crate) fn without(self, complaint: &Complaint) -> Option<Self> {
        let has = |name: &str| complaint.is_about(name);
        if self.schema && (has("response_format") || has("json_schema")) {
            Some(Self {
                schema: false,
                ..self
            })
        } else if self.max_tokens && has("max_tokens") {
            Some(Self {
                max_tokens: false,
                ..self
            })
        } else if self.temperature && has("temperature") {
            Some(Self {
                temperature: false,
                ..self
            })
        } else {
            None
        }
    }

    /// The request for a dialogue.
    pub(crate) fn request(self, model: &str, brief: &Brief) -> Value {
        let bound = if self.max_tokens {
            "max_tokens"
        } else {
            "max_completion_tokens"
        };
        let mut request = json!({
            "model": model,
            "messages": [
                { "role": "system", "content": Brief::INSTRUCTIONS },
                { "role": "user", "content": brief.data() },
            ],
            "response_format": self.response_format(),
            bound: brief.most_tokens(),
        });
        if self.temperature {
            request["temperature"] = TEMPERATURE.into();
        }
        request
    }

    fn response_format(self) -> Value {
        if self.schema {
            let schema = json!({ "name": "dialogue", "strict": true, "schema": strict_schema() });
            json!({ "type": "json_schema", "json_schema": schema })
        } else {
            json!({ "type": "json_object" })
        }
    }
}

/// Why a server refused a request, as far as it says.
#[derive(Debug, Default)]
pub(crate) struct Complaint(String);

impl Complaint {
    /// Reads `{"error":{"message":…,"param":…}}`, or whatever else there is as it is.
    pub(crate) fn read(body: &[u8]) -> Self {
        let answer: Map<String, Value> = serde_json::from_slice(body).unwrap_or_default();
        let error = answer.get("error").unwrap_or(&Value::Null);
        if let Some(param) = error["param"].as_str() {
            return Self(param.to_owned());
        }
        let message = error["message"].as_str().or(error.as_str());
        let message = message.map_or_else(|| String::from_utf8_lossy(body).into_owned(), str::to_owned);
        Self(message)
    }

    fn is_about(&self, name: &str) -> bool {
        self.0.contains(name)
    }
}

/// The schema of the domain, as strict as the protocol wants it: nothing but what is named.
fn strict_schema() -> Value {
    let mut schema = serde_json::from_str(RESPONSE_SCHEMA).unwrap_or_default();
    close(&mut schema);
    schema
}

fn close(schema: &mut Value) {
    match schema {
        Value::Object(members) => {
            members.values_mut().for_each(close);
            if members.get("type").and_then(Value::as_str) == Some("object") {
                members.insert("additionalProperties".to_owned(), false.into());
            }
        }
        Value::Array(items) => items.iter_mut().for_each(close),
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn brief() -> Brief {
        Brief {
            word: "学习".parse().unwrap(),
            reading: Some("xuéxí".to_owned()),
            gloss: None,
        }
    }

    #[test]
    fn the_request_carries_task_and_word_in_messages_of_their_own() {
        let request = Dialect::USUAL.request("model", &brief());
        assert_eq!(request["model"], "model");
        assert_eq!(request["messages"][0]["role"], "system");
        assert_eq!(request["messages"][0]["content"], Brief::INSTRUCTIONS);
        assert_eq!(request["messages"][1]["role"], "user");
        assert_eq!(request["messages"][1]["content"], brief().data());
        assert_eq!(request["messages"].as_array().unwrap().len(), 2);
        assert_eq!(request["max_tokens"], 1_024);
        assert_eq!(request["temperature"], 0.7);
    }

    #[test]
    fn the_schema_is_closed_at_every_level() {
        let schema = strict_schema();
        assert_eq!(schema["additionalProperties"], false);
        let turn = &schema["properties"]["turns"]["items"];
        assert_eq!(turn["additionalProperties"], false);
        assert_eq!(turn["required"].as_array().unwrap().len(), 4);
    }

    #[test]
    fn what_a_server_does_not_understand_is_left_out_step_by_step() {
        let without = |dialect: Dialect, body: &str| dialect.without(&Complaint::read(body.as_bytes()));
        let format = r#"{"error":{"message":"bad","param":"response_format"}}"#;
        let tokens = r#"{"error":{"message":"Unsupported parameter: 'max_tokens'"}}"#;
        let temperature = r#"{"error":"temperature is not supported"}"#;
        let object = without(Dialect::USUAL, format).unwrap();
        let request = object.request("model", &brief());
        assert_eq!(request["response_format"], json!({ "type": "json_object" }));
        assert_eq!(without(object, format), None);
        let newer = without(object, tokens).unwrap();
        let request = newer.request("model", &brief());
        assert_eq!(request["max_completion_tokens"], 1_024);
        assert!(request.get("max_tokens").is_none());
        let plain = without(newer, temperature).unwrap();
        assert!(plain.request("model", &brief()).get("temperature").is_none());
        for complaint in [format, tokens, temperature] {
            assert_eq!(without(plain, complaint), None, "{complaint}");
        }
    }

    #[test]
    fn other_complaints_are_not_about_the_dialect() {
        for body in [
            "",
            "{",
            "[]",
            r#"{"error":{"message":"max_tokens response_format","param":"messages"}}"#,
            r#"{"error":{"message":"no such model"}}"#,
        ] {
            assert_eq!(
                Dialect::USUAL.without(&Complaint::read(body.as_bytes())),
                None,
                "{body}"
            );
        }
        let plain = Complaint::read(b"unknown field response_format");
        assert!(Dialect::USUAL.without(&plain).is_some());
    }
}
