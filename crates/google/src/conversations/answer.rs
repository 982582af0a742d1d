//! What Gemini answers, in one part or in many.

use parlance_domain::conversations::Draft;
use parlance_domain::providers::ProviderError;
use reqwest::StatusCode;
use serde::Deserialize;
use serde_json::Value;

use super::PROVIDER;
use crate::failure;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Part {
    #[serde(default)]
    candidates: Vec<Candidate>,
    prompt_feedback: Option<Feedback>,
    usage_metadata: Option<Usage>,
    /// Where a stream goes wrong after its beginning.
    error: Option<Value>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Candidate {
    content: Option<Content>,
    finish_reason: Option<String>,
}

#[derive(Deserialize)]
struct Content {
    #[serde(default)]
    parts: Vec<Piece>,
}

#[derive(Deserialize)]
struct Piece {
    #[serde(default)]
    text: String,
    /// Whether it is what the model thinks, not what it says.
    #[serde(default)]
    thought: bool,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Feedback {
    block_reason: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Usage {
    total_token_count: Option<u64>,
}

/// An answer, as far as it has come.
#[derive(Default)]
pub(super) struct Answer {
    text: String,
    finish: Option<String>,
    is_blocked: bool,
    tokens: Option<u64>,
}

impl Answer {
    /// Takes in a part, or all.
    pub(super) fn add(&mut self, json: &[u8]) -> Result<(), ProviderError> {
        let part: Part = serde_json::from_slice(json)
            .map_err(|_| failure::invalid(PROVIDER, "the answer is no json of the published form"))?;
        if let Some(error) = part.error {
            return Err(of_stream(&error));
        }
        let blocked = part.prompt_feedback.and_then(|feedback| feedback.block_reason);
        self.is_blocked |= blocked.is_some();
        // Each part has the sum of all so far.
        let tokens = part.usage_metadata.and_then(|usage| usage.total_token_count);
        self.tokens = tokens.or(self.tokens);
        if let Some(candidate) = part.candidates.into_iter().next() {
            self.finish = candidate.finish_reason.or(self.finish.take());
            let pieces = candidate.content.into_iter().flat_map(|content| content.parts);
            self.text
                .extend(pieces.filter(|piece| !piece.thought).map(|piece| piece.text));
        }
        Ok(())
    }

    /// What was written, if it is whole.
    pub(super) fn finish(self) -> Result<Draft, ProviderError> {
        if self.is_blocked {
            return Err(failure::refused(PROVIDER, "the question was blocked"));
        }
        let invalid = |because| Err(failure::invalid(PROVIDER, because).costing(self.tokens));
        match self.finish.as_deref() {
            Some("STOP") if self.text.trim().is_empty() => invalid("the answer has no text"),
            Some("STOP") => Ok(Draft {
                text: self.text,
                tokens: self.tokens,
            }),
            Some("SAFETY" | "BLOCKLIST" | "PROHIBITED_CONTENT" | "SPII" | "RECITATION" | "LANGUAGE") => {
                Err(failure::refused(PROVIDER, "the answer was withheld"))
            }
            Some("MAX_TOKENS") => invalid("the answer has more tokens than it may"),
            Some(_) => invalid("the answer ended for another reason"),
            // What it cost until then is not all of it.
            None => Err(failure::invalid(PROVIDER, "the answer did not end")),
        }
    }
}

/// An error in the middle of a stream, whose status came before.
fn of_stream(error: &Value) -> ProviderError {
    let status = error["code"].as_u64().and_then(|code| u16::try_from(code).ok());
    let status = status.and_then(|code| StatusCode::from_u16(code).ok());
    failure::of_error(
        PROVIDER,
        status.unwrap_or(StatusCode::INTERNAL_SERVER_ERROR),
        error,
        None,
    )
}

#[cfg(test)]
mod tests {
    use parlance_domain::providers::ProviderErrorKind;
    use serde_json::json;

    use super::*;

    fn read(parts: &[Value]) -> Result<Draft, ProviderErrorKind> {
        let mut answer = Answer::default();
        for part in parts {
            answer
                .add(part.to_string().as_bytes())
                .map_err(|error| error.kind)?;
        }
        answer.finish().map_err(|error| error.kind)
    }

    fn part(text: &str, finish: Option<&str>) -> Value {
        let mut part = json!({ "candidates": [{ "content": { "parts": [{ "text": text }] } }] });
        if let Some(finish) = finish {
            part["candidates"][0]["finishReason"] = finish.into();
        }
        part
    }

    #[test]
    fn parts_are_put_together_and_tokens_are_those_of_the_last() {
        let mut last = part("c", Some("STOP"));
        last["usageMetadata"] = json!({ "totalTokenCount": 30 });
        let mut first = part("a", None);
        first["usageMetadata"] = json!({ "totalTokenCount": 10 });
        let draft = read(&[first, part("b", None), last]).unwrap();
        assert_eq!((draft.text.as_str(), draft.tokens), ("abc", Some(30)));
    }

    #[test]
    fn an_answer_of_no_use_tells_what_it_cost() {
        let mut cut = part("a", Some("MAX_TOKENS"));
        cut["usageMetadata"] = json!({ "totalTokenCount": 30 });
        let mut answer = Answer::default();
        answer.add(cut.to_string().as_bytes()).unwrap();
        assert_eq!(answer.finish().unwrap_err().tokens, Some(30));
    }

    #[test]
    fn thoughts_are_not_part_of_what_is_said() {
        let mut thought = part("hm", None);
        thought["candidates"][0]["content"]["parts"][0]["thought"] = true.into();
        assert_eq!(read(&[thought, part("a", Some("STOP"))]).unwrap().text, "a");
    }

    #[test]
    fn an_answer_counts_only_if_it_ended_as_it_should() {
        use ProviderErrorKind::{Exhausted, Invalid, Refused, Unavailable};
        let error = |code: u16| json!({ "error": { "code": code, "message": "x" } });
        let cases = [
            (vec![], Invalid),
            (vec![json!({})], Invalid),
            (vec![json!([])], Invalid),
            (vec![part("a", None)], Invalid),
            (vec![part(" ", Some("STOP"))], Invalid),
            (vec![part("a", Some("MAX_TOKENS"))], Invalid),
            (vec![part("a", Some("OTHER"))], Invalid),
            (vec![part("a", Some("SAFETY"))], Refused),
            (vec![part("a", Some("RECITATION"))], Refused),
            (
                vec![json!({ "promptFeedback": { "blockReason": "OTHER" } })],
                Refused,
            ),
            (vec![part("a", None), error(503)], Unavailable),
            (vec![part("a", None), error(429)], Exhausted),
            (vec![json!({ "error": "?" })], Unavailable),
        ];
        for (parts, expected) in cases {
            assert_eq!(read(&parts).err(), Some(expected), "{parts:?}");
        }
    }
}
