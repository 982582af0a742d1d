//! What went wrong, in the terms of the domain, without anything secret.

use std::time::{Duration, SystemTime};

use parlance_domain::providers::{ProviderError, ProviderErrorKind};
use reqwest::header::{DATE, HeaderMap, RETRY_AFTER};
use reqwest::{Response, StatusCode};

use crate::PROVIDER;

/// Longer than this nobody waits for a provider; what asks for more is as good as this.
const LONGEST: Duration = Duration::from_hours(24);

#[derive(Debug, thiserror::Error)]
#[error("the server answered with status {0}")]
struct Status(u16);

/// A failure of this kind.
pub(crate) fn error(kind: ProviderErrorKind) -> ProviderError {
    ProviderError::new(PROVIDER, kind)
}

/// Nothing came back, or not all of it. The URL is left out of the cause.
pub(crate) fn of_transport(cause: reqwest::Error) -> ProviderError {
    let kind = if cause.is_timeout() {
        ProviderErrorKind::Timeout
    } else if cause.is_body() || cause.is_decode() {
        ProviderErrorKind::Invalid
    } else {
        ProviderErrorKind::Unavailable
    };
    error(kind).caused_by(cause.without_url())
}

/// The server says that it will not or cannot; none if it says that all is well.
pub(crate) fn of_status(response: &Response) -> Option<ProviderError> {
    let status = response.status();
    (!status.is_success()).then(|| {
        error(kind_of(status))
            .caused_by(Status(status.as_u16()))
            .retry_after(retry_after(response.headers()))
    })
}

fn kind_of(status: StatusCode) -> ProviderErrorKind {
    match status.as_u16() {
        // 402: what was paid for is used up.
        401..=403 => ProviderErrorKind::Unauthorized,
        // There is no such model, or nobody who speaks the protocol.
        404 => ProviderErrorKind::Missing,
        408 | 504 => ProviderErrorKind::Timeout,
        429 => ProviderErrorKind::Exhausted,
        400..=499 => ProviderErrorKind::Refused,
        500..=599 => ProviderErrorKind::Unavailable,
        // A redirection, which is not followed, and whatever else there should not be.
        _ => ProviderErrorKind::Invalid,
    }
}

/// How long to wait: seconds, or a date. Dates are compared with the server's own clock, which need not be ours.
fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let text = headers.get(RETRY_AFTER)?.to_str().ok()?.trim();
    if text.bytes().all(|byte| byte.is_ascii_digit()) && !text.is_empty() {
        // What is too large for a number is long enough.
        return Some(text.parse().map_or(LONGEST, Duration::from_secs).min(LONGEST));
    }
    let then = httpdate::parse_http_date(text).ok()?;
    let now = headers.get(DATE).and_then(|date| date.to_str().ok());
    let now = now
        .and_then(|date| httpdate::parse_http_date(date).ok())
        .unwrap_or_else(SystemTime::now);
    Some(then.duration_since(now).unwrap_or_default().min(LONGEST))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn after(text: &str, date: Option<&str>) -> Option<u64> {
        let mut headers = HeaderMap::new();
        headers.insert(RETRY_AFTER, text.parse().unwrap());
        if let Some(date) = date {
            headers.insert(DATE, date.parse().unwrap());
        }
        retry_after(&headers).map(|after| after.as_secs())
    }

    #[test]
    fn retry_after_is_seconds_or_a_date() {
        let now = Some("Sun, 06 Nov 1994 08:49:37 GMT");
        for (text, seconds) in [
            ("0", Some(0)),
            ("7", Some(7)),
            (" 120 ", Some(120)),
            ("99999999999999999999999", Some(86_400)),
            ("Sun, 06 Nov 1994 08:50:07 GMT", Some(30)),
            ("Sunday, 06-Nov-94 08:50:07 GMT", Some(30)),
            ("Sun, 06 Nov 1994 08:00:00 GMT", Some(0)),
            ("Sat, 06 Nov 2094 08:00:00 GMT", Some(86_400)),
            ("soon", None),
            ("", None),
            ("-1", None),
            ("1.5", None),
        ] {
            assert_eq!(after(text, now), seconds, "{text}");
        }
        // Without the server's clock, ours.
        assert_eq!(after("Sun, 06 Nov 1994 08:50:07 GMT", None), Some(0));
        assert_eq!(retry_after(&HeaderMap::new()), None);
    }

    #[test]
    fn every_status_is_of_a_kind() {
        use ProviderErrorKind::{Exhausted, Invalid, Missing, Refused, Timeout, Unauthorized, Unavailable};
        for (status, kind) in [
            (301, Invalid),
            (307, Invalid),
            (400, Refused),
            (401, Unauthorized),
            (402, Unauthorized),
            (403, Unauthorized),
            (404, Missing),
            (408, Timeout),
            (413, Refused),
            (422, Refused),
            (429, Exhausted),
            (500, Unavailable),
            (502, Unavailable),
            (503, Unavailable),
            (504, Timeout),
            (529, Unavailable),
        ] {
            assert_eq!(kind_of(StatusCode::from_u16(status).unwrap()), kind, "{status}");
        }
    }
}
