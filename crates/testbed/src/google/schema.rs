//! The published descriptions of messages, and whether a message is as described.

use std::sync::LazyLock;

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE};
use serde_json::{Map, Value};

/// What of a message is not as described, one sentence each.
pub(super) type Violations = Vec<String>;

/// A discovery document.
pub(super) struct Discovery(Value);

pub(super) static TEXT_TO_SPEECH: LazyLock<Discovery> =
    LazyLock::new(|| Discovery::read(include_str!("../../data/google/texttospeech.v1.json")));
pub(super) static SPEECH: LazyLock<Discovery> =
    LazyLock::new(|| Discovery::read(include_str!("../../data/google/speech.v1.json")));
pub(super) static GENERATIVE_LANGUAGE: LazyLock<Discovery> =
    LazyLock::new(|| Discovery::read(include_str!("../../data/google/generativelanguage.v1beta.json")));

/// In which direction a message goes: some members are only ever answered.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Direction {
    Request,
    Answer,
}

impl Discovery {
    fn read(text: &str) -> Self {
        // Without the document, every message is a violation.
        Self(serde_json::from_str(text).unwrap_or_default())
    }

    /// Holds a message against the description of this name.
    pub(super) fn check(&self, name: &str, message: &Value, direction: Direction) -> Violations {
        let mut check = Check {
            schemas: &self.0["schemas"],
            direction,
            violations: Vec::new(),
        };
        check.named(name, message, name);
        check.violations
    }
}

struct Check<'a> {
    schemas: &'a Value,
    direction: Direction,
    violations: Violations,
}

impl<'a> Check<'a> {
    fn violation(&mut self, path: &str, what: &str) {
        self.violations.push(format!("{path} {what}"));
    }

    fn named(&mut self, name: &str, value: &Value, path: &str) {
        match self.schemas.get(name) {
            Some(schema) => self.value(schema, value, path),
            None => self.violation(path, "has no description"),
        }
    }

    fn value(&mut self, schema: &'a Value, value: &Value, path: &str) {
        if let Some(name) = schema["$ref"].as_str() {
            return self.named(name, value, path);
        }
        match (schema["type"].as_str().unwrap_or_default(), value) {
            ("any", _) => {}
            ("object", Value::Object(members)) => self.object(schema, members, path),
            ("array", Value::Array(items)) => {
                for (place, item) in items.iter().enumerate() {
                    self.value(&schema["items"], item, &format!("{path}[{place}]"));
                }
            }
            (kind, value) if is_scalar(schema, kind, value) => {}
            (kind, _) => {
                let format = schema["format"].as_str().unwrap_or("usual");
                self.violation(path, &format!("is no {kind} of the {format} form"));
            }
        }
    }

    fn object(&mut self, schema: &'a Value, members: &Map<String, Value>, path: &str) {
        for (name, value) in members {
            let path = format!("{path}.{name}");
            let described = schema["properties"].get(name);
            match described.or_else(|| schema.get("additionalProperties")) {
                Some(member) if self.is_out_of_place(member) => {
                    self.violation(&path, "is only ever answered");
                }
                Some(member) => self.value(member, value, &path),
                None => self.violation(&path, "is unknown"),
            }
        }
        for (name, member) in schema["properties"].as_object().into_iter().flatten() {
            let is_required = member["description"]
                .as_str()
                .is_some_and(|text| text.starts_with("Required."));
            if is_required && !members.contains_key(name) {
                self.violation(&format!("{path}.{name}"), "is required");
            }
        }
    }

    fn is_out_of_place(&self, member: &Value) -> bool {
        self.direction == Direction::Request && member["readOnly"] == true
    }
}

fn is_scalar(schema: &Value, kind: &str, value: &Value) -> bool {
    match (kind, value) {
        ("boolean", Value::Bool(_)) | ("number", Value::Number(_)) => true,
        ("integer", Value::Number(number)) => match schema["format"].as_str() {
            Some("uint32") => number
                .as_u64()
                .is_some_and(|number| u32::try_from(number).is_ok()),
            _ => number
                .as_i64()
                .is_some_and(|number| i32::try_from(number).is_ok()),
        },
        ("string", Value::String(text)) => is_text(schema, text),
        _ => false,
    }
}

fn is_text(schema: &Value, text: &str) -> bool {
    if let Some(names) = schema["enum"].as_array() {
        return names.iter().any(|name| name == text);
    }
    match schema["format"].as_str() {
        Some("byte") => STANDARD.decode(text).is_ok() || URL_SAFE.decode(text).is_ok(),
        Some("int64") => text.parse::<i64>().is_ok(),
        Some("google-duration") => text
            .strip_suffix('s')
            .is_some_and(|seconds| seconds.parse::<f64>().is_ok()),
        _ => true,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    type Change = fn(&mut Value);

    fn synthesis(change: impl FnOnce(&mut Value)) -> Violations {
        let mut message = json!({
            "input": { "text": "hello" },
            "voice": { "languageCode": "en-US" },
            "audioConfig": { "audioEncoding": "MP3", "speakingRate": 1.0 },
        });
        change(&mut message);
        TEXT_TO_SPEECH.check("SynthesizeSpeechRequest", &message, Direction::Request)
    }

    #[test]
    fn a_message_as_described_has_no_violations() {
        assert_eq!(synthesis(|_| ()), Violations::new());
    }

    #[test]
    fn members_that_are_unknown_missing_or_of_another_type_are_violations() {
        let cases: [(Change, &str); 7] = [
            (
                |message| message["input"]["txt"] = json!("x"),
                ".input.txt is unknown",
            ),
            (
                |message| message["audio_config"] = json!({}),
                ".audio_config is unknown",
            ),
            (
                |message| message["input"]["text"] = json!(1),
                ".input.text is no string",
            ),
            (
                |message| message["audioConfig"] = json!({}),
                ".audioConfig.audioEncoding is required",
            ),
            (
                |message| message["audioConfig"]["audioEncoding"] = json!("mp3"),
                ".audioEncoding is no string",
            ),
            (
                |message| message["audioConfig"]["sampleRateHertz"] = json!(2.5),
                ".sampleRateHertz is no integer",
            ),
            (|message| message["voice"] = json!([]), ".voice is no object"),
        ];
        for (change, expected) in cases {
            let violations = synthesis(change);
            assert_eq!(violations.len(), 1, "{violations:?}");
            assert!(violations[0].contains(expected), "{violations:?}");
        }
    }

    #[test]
    fn forms_of_strings_are_checked() {
        let answer = |word: Value| {
            let message =
                json!({ "results": [{ "alternatives": [{ "words": [word] }], "languageCode": "en" }] });
            SPEECH.check("RecognizeResponse", &message, Direction::Answer)
        };
        assert_eq!(answer(json!({ "startTime": "1.300s" })), Violations::new());
        assert_eq!(answer(json!({ "startTime": "1.300" })).len(), 1);
        assert_eq!(answer(json!({ "startTime": 1.3 })).len(), 1);
        let recording = |content: &str| {
            let message = json!({ "config": { "languageCode": "en" }, "audio": { "content": content } });
            SPEECH.check("RecognizeRequest", &message, Direction::Request)
        };
        assert_eq!(recording("AAAA"), Violations::new());
        assert_eq!(recording("not base64").len(), 1);
    }

    #[test]
    fn gemini_is_held_to_the_names_of_its_rest_form() {
        let request = |message: &Value| {
            GENERATIVE_LANGUAGE.check("GenerateContentRequest", message, Direction::Request)
        };
        let good = json!({
            "contents": [{ "role": "user", "parts": [{ "text": "x" }] }],
            "generationConfig": {
                "responseMimeType": "application/json",
                "responseSchema": {
                    "type": "ARRAY",
                    "minItems": "3",
                    "items": { "type": "OBJECT", "properties": { "a": { "type": "STRING" } } },
                },
            },
        });
        assert_eq!(request(&good), Violations::new());
        for (pointer, value) in [
            ("/generationConfig/responseSchema/type", json!("array")),
            ("/generationConfig/responseSchema/minItems", json!("three")),
            ("/contents/0/parts/0", json!({ "txt": "x" })),
            (
                "/generationConfig",
                json!({ "response_mime_type": "application/json" }),
            ),
        ] {
            let mut message = good.clone();
            *message.pointer_mut(pointer).unwrap() = value;
            assert_eq!(request(&message).len(), 1, "{pointer}");
        }
        assert_eq!(
            request(&json!({})),
            ["GenerateContentRequest.contents is required"]
        );
    }
}
