//! What went wrong, in the terms of the domain, without anything secret.

use std::time::Duration;

use parlance_domain::providers::{ProviderError, ProviderErrorKind};
use reqwest::header::{HeaderMap, RETRY_AFTER};
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
        // 401 also when what was paid for is used up.
        401..=403 => ProviderErrorKind::Unauthorized,
        408 | 504 => ProviderErrorKind::Timeout,
        429 => ProviderErrorKind::Exhausted,
        // 404: there is no such voice.
        400..=499 => ProviderErrorKind::Refused,
        500..=599 => ProviderErrorKind::Unavailable,
        // A redirection, which is not followed, and whatever else there should not be.
        _ => ProviderErrorKind::Invalid,
    }
}

/// How many seconds to wait.
fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let text = headers.get(RETRY_AFTER)?.to_str().ok()?.trim();
    let is_number = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    // What is too large for a number is long enough.
    is_number.then(|| text.parse().map_or(LONGEST, Duration::from_secs).min(LONGEST))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_status_is_of_a_kind() {
        use ProviderErrorKind::{Exhausted, Invalid, Refused, Timeout, Unauthorized, Unavailable};
        for (status, kind) in [
            (302, Invalid),
            (400, Refused),
            (401, Unauthorized),
            (402, Unauthorized),
            (403, Unauthorized),
            (404, Refused),
            (408, Timeout),
            (422, Refused),
            (429, Exhausted),
            (500, Unavailable),
            (503, Unavailable),
            (504, Timeout),
        ] {
            assert_eq!(kind_of(StatusCode::from_u16(status).unwrap()), kind, "{status}");
        }
    }

    #[test]
    fn retry_after_is_a_number_of_seconds() {
        let after = |text: &str| {
            let mut headers = HeaderMap::new();
            headers.insert(RETRY_AFTER, text.parse().unwrap());
            retry_after(&headers).map(|after| after.as_secs())
        };
        assert_eq!(
            [after("0"), after(" 7 "), after("99999999999999999999999")],
            [Some(0), Some(7), Some(86_400)]
        );
        assert_eq!([after(""), after("-1"), after("soon")], [None; 3]);
    }
}
