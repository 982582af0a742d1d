//! The protocol: what a request may be, and what is answered.

use serde_json::{Map, Value, json};

use super::FakeOpenAi;
use crate::told::Refusal;

/// An error as `OpenAI` writes it.
pub(super) fn error(refusal: &Refusal) -> Value {
    let kind = if refusal.status < 500 {
        "invalid_request_error"
    } else {
        "server_error"
    };
    json!({ "error": { "message": refusal.message, "type": kind, "param": refusal.param, "code": null } })
}

fn wrong(param: &str, message: &str) -> Refusal {
    Refusal {
        status: 400,
        param: Some(param.to_owned()),
        message: format!("{param}: {message}"),
    }
}

/// Refuses a request with anything that the server does not know, or that is not as it should be.
pub(super) fn check(request: &Value, unknown: &[&str]) -> Result<(), Refusal> {
    let members = request.as_object().ok_or_else(|| wrong("body", "no object"))?;
    for (name, value) in members {
        let is_right = match name.as_str() {
            name if unknown.contains(&name) => false,
            "model" => *value == FakeOpenAi::MODEL,
            "messages" => messages_are_right(value),
            "response_format" => format_is_right(value, members, unknown),
            "max_tokens" | "max_completion_tokens" => value.as_u64().is_some_and(|tokens| tokens > 0),
            "temperature" => value.as_f64().is_some_and(|value| (0.0..=2.0).contains(&value)),
            _ => false,
        };
        if !is_right {
            return Err(wrong(name, "not supported"));
        }
    }
    let missing = ["model", "messages"]
        .into_iter()
        .find(|name| !members.contains_key(*name));
    missing.map_or(Ok(()), |name| Err(wrong(name, "missing")))
}

fn messages_are_right(messages: &Value) -> bool {
    let is_right = |message: &Value| {
        ["system", "user", "assistant"].contains(&message["role"].as_str().unwrap_or_default())
            && message["content"].is_string()
    };
    let messages = messages.as_array().filter(|messages| !messages.is_empty());
    messages.is_some_and(|messages| messages.iter().all(is_right))
}

fn format_is_right(format: &Value, request: &Map<String, Value>, unknown: &[&str]) -> bool {
    match format["type"].as_str() {
        Some("json_schema") if !unknown.contains(&"json_schema") => {
            let schema = &format["json_schema"];
            let name = schema["name"].as_str().unwrap_or_default();
            let is_sign = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-';
            (1..=64).contains(&name.len())
                && name.bytes().all(is_sign)
                && (schema["strict"] != true || is_strict(&schema["schema"]))
        }
        // It wants to read the word somewhere, or a model might never end.
        Some("json_object") => request["messages"].to_string().to_lowercase().contains("json"),
        _ => false,
    }
}

/// Whether every object of a schema is closed, and all its members are required.
fn is_strict(schema: &Value) -> bool {
    match schema["type"].as_str() {
        Some("object") => {
            let empty = Map::new();
            let members = schema["properties"].as_object().unwrap_or(&empty);
            let required = schema["required"].as_array().map_or(0, Vec::len);
            schema["additionalProperties"] == false
                && required == members.len()
                && members.values().all(is_strict)
        }
        Some("array") => is_strict(&schema["items"]),
        Some(_) => true,
        None => false,
    }
}

/// What is answered to a request that is right: a dialogue about the word of its last message.
pub(super) fn completion(request: &Value) -> Value {
    let messages = request["messages"].as_array().map_or(&[][..], Vec::as_slice);
    let asked = messages.last().and_then(|message| message["content"].as_str());
    let asked: Value = serde_json::from_str(asked.unwrap_or_default()).unwrap_or_default();
    let dialogue = dialogue(asked["word"].as_str().unwrap_or_default()).to_string();
    let read = request["messages"].to_string().len() / 4;
    let written = dialogue.len() / 4;
    json!({
        "id": "chatcmpl-1",
        "object": "chat.completion",
        "created": 1_700_000_000,
        "model": FakeOpenAi::MODEL,
        "choices": [{
            "index": 0,
            "message": { "role": "assistant", "content": dialogue, "refusal": null },
            "logprobs": null,
            "finish_reason": "stop",
        }],
        "usage": { "prompt_tokens": read, "completion_tokens": written, "total_tokens": read + written },
    })
}

fn dialogue(word: &str) -> Value {
    let is_chinese = word
        .chars()
        .any(|letter| matches!(letter, '\u{3400}'..='\u{9FFF}' | '\u{20000}'..='\u{323AF}'));
    let word = if is_chinese { word } else { "你好" };
    json!({ "turns": [
        { "speaker": "A", "chinese": format!("你知道“{word}”吗？"), "pinyin": "Nǐ zhīdào … ma?", "english": "Do you know it?" },
        { "speaker": "B", "chinese": "我知道。", "pinyin": "Wǒ zhīdào.", "english": "I know it." },
        { "speaker": "A", "chinese": "太好了！", "pinyin": "Tài hǎo le!", "english": "Great!" },
    ] })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request() -> Value {
        let turn = json!({ "type": "string" });
        let schema = json!({
            "type": "object", "properties": { "a": turn }, "required": ["a"], "additionalProperties": false,
        });
        json!({
            "model": FakeOpenAi::MODEL,
            "messages": [{ "role": "user", "content": "{\"word\":\"学习\"} as JSON" }],
            "response_format": {
                "type": "json_schema", "json_schema": { "name": "n", "strict": true, "schema": schema },
            },
            "max_tokens": 7,
            "temperature": 1.0,
        })
    }

    #[test]
    fn a_request_is_as_the_protocol_has_it_or_refused_by_name() {
        assert_eq!(check(&request(), &[]), Ok(()));
        let changes = [
            ("model", json!("another")),
            ("messages", json!([])),
            ("messages", json!([{ "role": "me", "content": "x" }])),
            (
                "response_format",
                json!({ "type": "json_schema", "json_schema": { "name": "a b" } }),
            ),
            (
                "response_format",
                json!({ "type": "json_schema", "json_schema": { "name": "n", "strict": true, "schema": { "type": "object" } } }),
            ),
            ("max_tokens", json!(0)),
            ("temperature", json!(3)),
            ("something", json!(1)),
        ];
        for (name, value) in changes {
            let mut request = request();
            request[name] = value;
            let refusal = check(&request, &[]).unwrap_err();
            assert_eq!(
                (refusal.status, refusal.param.as_deref()),
                (400, Some(name)),
                "{request}"
            );
        }
    }

    #[test]
    fn what_is_not_understood_is_refused_by_name() {
        for (unknown, param) in [
            ("json_schema", "response_format"),
            ("temperature", "temperature"),
            ("max_tokens", "max_tokens"),
        ] {
            let refusal = check(&request(), &[unknown]).unwrap_err();
            assert_eq!(refusal.param.as_deref(), Some(param));
        }
    }
}
