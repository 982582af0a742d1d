//! What the server answered, and whether there is a draft in it.

use parlance_domain::conversations::Draft;
use parlance_domain::providers::ProviderErrorKind;
use serde::Deserialize;

/// Why an answer holds no draft.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum NoDraft {
    #[error("the answer is not json of the form that the protocol has")]
    Malformed,
    #[error("the answer has no text")]
    Empty,
    #[error("the answer ends in the middle: it has as many tokens as it may")]
    CutOff,
    #[error("the answer was withheld for its content")]
    Withheld,
}

impl NoDraft {
    pub(crate) const fn kind(self) -> ProviderErrorKind {
        match self {
            Self::Malformed | Self::Empty | Self::CutOff => ProviderErrorKind::Invalid,
            Self::Withheld => ProviderErrorKind::Refused,
        }
    }
}

/// Servers leave out or set to null whatever they do not know.
#[derive(Deserialize)]
struct Completion {
    choices: Option<Vec<Choice>>,
    usage: Option<Usage>,
}

#[derive(Deserialize)]
struct Choice {
    message: Option<Message>,
    finish_reason: Option<String>,
}

#[derive(Deserialize)]
struct Message {
    content: Option<String>,
    refusal: Option<String>,
}

#[derive(Deserialize)]
struct Usage {
    total_tokens: Option<u64>,
}

/// The draft in an answer.
pub(crate) fn read(body: &[u8]) -> Result<Draft, NoDraft> {
    let Completion { choices, usage } = serde_json::from_slice(body).map_err(|_| NoDraft::Malformed)?;
    let mut choices = choices.ok_or(NoDraft::Malformed)?.into_iter();
    let Choice {
        message,
        finish_reason,
    } = choices.next().ok_or(NoDraft::Empty)?;
    let Message { content, refusal } = message.ok_or(NoDraft::Malformed)?;
    if finish_reason.as_deref() == Some("content_filter") || refusal.is_some_and(|why| !why.is_empty()) {
        return Err(NoDraft::Withheld);
    }
    if finish_reason.as_deref() == Some("length") {
        return Err(NoDraft::CutOff);
    }
    let text = content.filter(|text| !text.trim().is_empty());
    Ok(Draft {
        text: text.ok_or(NoDraft::Empty)?,
        // Some count nothing and say zero, which it never is.
        tokens: usage
            .and_then(|usage| usage.total_tokens)
            .filter(|&tokens| tokens > 0),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_text_and_its_price_are_read() {
        let body = br#"{"id":"x","choices":[{"index":0,"message":{"role":"assistant","content":"{}","refusal":null},"finish_reason":"stop"}],"usage":{"prompt_tokens":1,"completion_tokens":2,"total_tokens":3}}"#;
        let draft = read(body).unwrap();
        assert_eq!((draft.text.as_str(), draft.tokens), ("{}", Some(3)));
        for usage in [
            "",
            r#","usage":null"#,
            r#","usage":{}"#,
            r#","usage":{"total_tokens":0}"#,
        ] {
            let body = format!(r#"{{"choices":[{{"message":{{"content":"x"}}}}]{usage}}}"#);
            assert_eq!(read(body.as_bytes()).unwrap().tokens, None, "{usage}");
        }
    }

    #[test]
    fn what_is_no_draft_is_told_apart() {
        let choice = |choice: &str| format!(r#"{{"choices":[{choice}]}}"#);
        for (body, expected) in [
            (String::new(), NoDraft::Malformed),
            ("<html>".to_owned(), NoDraft::Malformed),
            ("{}".to_owned(), NoDraft::Malformed),
            ("[]".to_owned(), NoDraft::Malformed),
            (choice("{}"), NoDraft::Malformed),
            (choice(r#"{"message":{"content":["x"]}}"#), NoDraft::Malformed),
            (choice(""), NoDraft::Empty),
            (choice(r#"{"message":{"content":null}}"#), NoDraft::Empty),
            (choice(r#"{"message":{"content":" \n"}}"#), NoDraft::Empty),
            (
                choice(r#"{"message":{"content":"x"},"finish_reason":"length"}"#),
                NoDraft::CutOff,
            ),
            (
                choice(r#"{"message":{"content":null},"finish_reason":"content_filter"}"#),
                NoDraft::Withheld,
            ),
            (
                choice(r#"{"message":{"content":null,"refusal":"no"},"finish_reason":"stop"}"#),
                NoDraft::Withheld,
            ),
        ] {
            assert_eq!(read(body.as_bytes()), Err(expected), "{body}");
        }
    }
}
