//! What a failure of Google is to those who asked.

use std::time::Duration;

use chrono::DateTime;
use parlance_domain::providers::{ProviderError, ProviderErrorKind};
use parlance_domain::time::Timestamp;
use reqwest::header::{HeaderMap, RETRY_AFTER};
use reqwest::{Response, StatusCode};
use serde_json::Value;

use crate::connection::Body;

/// The longest error that is read, in bytes.
const LARGEST: usize = 64 * 1024;
/// How much of Google's own words is kept, in characters.
const LONGEST: usize = 300;
/// The longest time that is believed.
const LATEST: Duration = Duration::from_hours(24);

/// What Google answered instead of what was asked for.
#[derive(Debug, thiserror::Error)]
#[error("google answered {status}: {message}")]
struct Answered {
    status: u16,
    message: String,
}

/// What was wrong with an answer, or with what would have been asked.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
struct Because(&'static str);

/// An answer that is not what was asked for.
pub(crate) fn invalid(provider: &'static str, because: &'static str) -> ProviderError {
    ProviderError::new(provider, ProviderErrorKind::Invalid).caused_by(Because(because))
}

/// Something that Google does not do.
pub(crate) fn refused(provider: &'static str, because: &'static str) -> ProviderError {
    ProviderError::new(provider, ProviderErrorKind::Refused).caused_by(Because(because))
}

/// It took too long.
pub(crate) const fn timeout(provider: &'static str) -> ProviderError {
    ProviderError::new(provider, ProviderErrorKind::Timeout)
}

/// A request that got no answer.
pub(crate) fn of_sending(provider: &'static str, error: reqwest::Error) -> ProviderError {
    let kind = if error.is_timeout() {
        ProviderErrorKind::Timeout
    } else {
        ProviderErrorKind::Unavailable
    };
    ProviderError::new(provider, kind).caused_by(error.without_url())
}

/// An answer that broke off.
pub(crate) fn of_reading(provider: &'static str, error: reqwest::Error) -> ProviderError {
    let kind = if error.is_timeout() {
        ProviderErrorKind::Timeout
    } else {
        ProviderErrorKind::Invalid
    };
    ProviderError::new(provider, kind).caused_by(error.without_url())
}

/// An answer of another status than success.
pub(crate) async fn of_answer(provider: &'static str, response: Response, now: Timestamp) -> ProviderError {
    let (status, headers) = (response.status(), response.headers().clone());
    // An error without words is one all the same.
    let body = Body::new(provider, response, LARGEST)
        .whole()
        .await
        .unwrap_or_default();
    let body: Value = serde_json::from_slice(&body).unwrap_or_default();
    let after = retry_after(&headers, now);
    of_error(provider, status, error_of(&body), after)
}

/// The error within an answer; a stream may put it into a list.
pub(crate) fn error_of(body: &Value) -> &Value {
    match body {
        Value::Array(parts) => parts.first().map_or(&Value::Null, |part| &part["error"]),
        body => &body["error"],
    }
}

/// An error as Google describes it, under this status.
pub(crate) fn of_error(
    provider: &'static str,
    status: StatusCode,
    error: &Value,
    retry_after: Option<Duration>,
) -> ProviderError {
    let message = error["message"].as_str().unwrap_or("without a message");
    let answered = Answered {
        status: status.as_u16(),
        message: redacted(message),
    };
    ProviderError::new(provider, kind(status, error))
        .retry_after(retry_after.or_else(|| retry_delay(error)))
        .caused_by(answered)
}

fn kind(status: StatusCode, error: &Value) -> ProviderErrorKind {
    match status.as_u16() {
        // A wrong key is told from a wrong request by its reason alone.
        400 if details(error).any(|detail| detail["reason"] == "API_KEY_INVALID") => {
            ProviderErrorKind::Unauthorized
        }
        401 | 403 => ProviderErrorKind::Unauthorized,
        429 => ProviderErrorKind::Exhausted,
        400..500 => ProviderErrorKind::Refused,
        500.. => ProviderErrorKind::Unavailable,
        // Nobody is sent elsewhere.
        _ => ProviderErrorKind::Invalid,
    }
}

fn details(error: &Value) -> impl Iterator<Item = &Value> {
    error["details"].as_array().into_iter().flatten()
}

/// After how long to ask again: seconds or a date.
fn retry_after(headers: &HeaderMap, now: Timestamp) -> Option<Duration> {
    let text = headers.get(RETRY_AFTER)?.to_str().ok()?.trim();
    let after = if let Ok(seconds) = text.parse() {
        Duration::from_secs(seconds)
    } else {
        let date = DateTime::parse_from_rfc2822(text).ok()?;
        (date.to_utc() - now).to_std().unwrap_or_default()
    };
    Some(after.min(LATEST))
}

/// The same as Gemini tells it, in the details of the error.
fn retry_delay(error: &Value) -> Option<Duration> {
    let delay = details(error).find_map(|detail| detail["retryDelay"].as_str())?;
    let seconds: f64 = delay.strip_suffix('s')?.parse().ok()?;
    let delay = Duration::try_from_secs_f64(seconds).ok()?;
    Some(delay.min(LATEST))
}

/// A message without what could be a key or a token, on one line, not too long.
fn redacted(message: &str) -> String {
    let mut clean = String::new();
    let mut word = String::new();
    for character in message.chars().take(LONGEST).chain([' ']) {
        if character.is_ascii_alphanumeric() || matches!(character, '-' | '_' | '.') {
            word.push(character);
            continue;
        }
        clean.push_str(if is_secret(&word) { "…" } else { &word });
        word.clear();
        clean.push(if character.is_control() { ' ' } else { character });
    }
    clean.truncate(clean.trim_end().len());
    clean
}

/// Whether a word could be a secret: it begins like one of Google's, or is long and no word or name.
fn is_secret(word: &str) -> bool {
    let begins = ["AIza", "AQ.", "ya29.", "eyJ"]
        .iter()
        .any(|begin| word.starts_with(begin));
    let has_digit = word.bytes().any(|byte| byte.is_ascii_digit());
    let has_letter = word.bytes().any(|byte| byte.is_ascii_alphabetic());
    begins || (word.len() >= 20 && has_digit && has_letter)
}

#[cfg(test)]
mod tests {
    use parlance_domain::time::from_epoch_millis;
    use serde_json::json;

    use super::*;

    #[test]
    fn what_could_be_a_secret_is_left_out_of_messages() {
        for (message, expected) in [
            (
                "API key not valid. Please pass a valid API key.",
                "API key not valid. Please pass a valid API key.",
            ),
            (
                "Consumer 'api_key:AIzaSyD-abc_123' is suspended.",
                "Consumer 'api_key:…' is suspended.",
            ),
            ("token ya29.a0Af_x is bad", "token … is bad"),
            ("jwt eyJhbGciOi.eyJpc3Mi.c2ln", "jwt …"),
            ("hash 0123456789abcdef0123456789abcdef", "hash …"),
            (
                "See texttospeech.googleapis.com now",
                "See texttospeech.googleapis.com now",
            ),
            ("two\nlines\u{1b}[31m", "two lines [31m"),
        ] {
            assert_eq!(redacted(message), expected);
        }
        assert!(redacted(&"word ".repeat(1_000)).chars().count() <= LONGEST);
        // A secret that the limit would cut in two is left out as well.
        let cut = format!("{}AIzaSecret", "x ".repeat(147));
        assert!(!redacted(&cut).contains("AIza"));
    }

    #[test]
    fn every_status_has_its_kind() {
        let kind = |status: u16| kind(StatusCode::from_u16(status).unwrap(), &Value::Null);
        for (status, expected) in [
            (302, ProviderErrorKind::Invalid),
            (400, ProviderErrorKind::Refused),
            (401, ProviderErrorKind::Unauthorized),
            (403, ProviderErrorKind::Unauthorized),
            (404, ProviderErrorKind::Refused),
            (413, ProviderErrorKind::Refused),
            (429, ProviderErrorKind::Exhausted),
            (500, ProviderErrorKind::Unavailable),
            (503, ProviderErrorKind::Unavailable),
            (599, ProviderErrorKind::Unavailable),
        ] {
            assert_eq!(kind(status), expected, "{status}");
        }
    }

    #[test]
    fn when_to_ask_again_is_read_in_every_form() {
        let now = from_epoch_millis(1_000_000_000_000).unwrap();
        let after = |text: &str| {
            let mut headers = HeaderMap::new();
            headers.insert(RETRY_AFTER, text.parse().unwrap());
            retry_after(&headers, now)
        };
        assert_eq!(after("17"), Some(Duration::from_secs(17)));
        assert_eq!(after(" 0 "), Some(Duration::ZERO));
        assert_eq!(
            after("Sun, 09 Sep 2001 01:47:10 GMT"),
            Some(Duration::from_secs(30))
        );
        assert_eq!(after("Sun, 09 Sep 2001 01:40:00 GMT"), Some(Duration::ZERO));
        assert_eq!(after("99999999999999"), Some(LATEST));
        for bad in ["soon", "-1", "1.5", ""] {
            assert_eq!(after(bad), None, "{bad}");
        }
        let delay = |text: &str| retry_delay(&json!({ "details": [{}, { "retryDelay": text }] }));
        assert_eq!(delay("1.5s"), Some(Duration::from_millis(1_500)));
        for bad in ["1.5", "s", "-1s", "infs", "NaNs"] {
            assert_eq!(delay(bad), None, "{bad}");
        }
    }
}
