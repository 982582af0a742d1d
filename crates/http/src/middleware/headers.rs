//! The headers on every answer: request id, security, and what browsers want to know of origins.

use actix_web::http::header::{self, HeaderMap, HeaderName, HeaderValue};

use super::context::X_REQUEST_ID;
use crate::state::{Environment, HttpConfig};

const STATIC: [(HeaderName, &str); 2] = [
    (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (header::REFERRER_POLICY, "no-referrer"),
];
const API_POLICY: &str = "default-src 'none'; frame-ancestors 'none'";
const ONE_YEAR: &str = "max-age=31536000; includeSubDomains";
const EXPOSED: &str = "X-Request-Id, ETag, Link, Location, Retry-After, RateLimit, RateLimit-Policy, \
                       X-RateLimit-Limit, X-RateLimit-Remaining, X-RateLimit-Reset, Accept-Ranges, \
                       Content-Range, Idempotent-Replayed";

/// The header of a page with a policy of its own.
pub(crate) fn content_security_policy(policy: &'static str) -> (HeaderName, HeaderValue) {
    (header::CONTENT_SECURITY_POLICY, HeaderValue::from_static(policy))
}

/// Writes the headers that every answer has.
pub(super) fn decorate(
    headers: &mut HeaderMap,
    config: &HttpConfig,
    request_id: &str,
    origin: Option<&HeaderValue>,
) {
    if let Ok(id) = HeaderValue::from_str(request_id) {
        headers.insert(X_REQUEST_ID, id);
    }
    for (name, value) in STATIC {
        headers.insert(name, HeaderValue::from_static(value));
    }
    if !headers.contains_key(header::CONTENT_SECURITY_POLICY) {
        let (name, value) = content_security_policy(API_POLICY);
        headers.insert(name, value);
    }
    if config.environment == Environment::Production {
        headers.insert(
            header::STRICT_TRANSPORT_SECURITY,
            HeaderValue::from_static(ONE_YEAR),
        );
    }
    // Also without an origin: a cache in between must keep the answers for different origins apart.
    headers.append(header::VARY, HeaderValue::from_static("Origin"));
    if let Some(origin) = allowed_origin(config, origin) {
        headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, origin.clone());
        headers.insert(
            header::ACCESS_CONTROL_ALLOW_CREDENTIALS,
            HeaderValue::from_static("true"),
        );
        headers.insert(
            header::ACCESS_CONTROL_EXPOSE_HEADERS,
            HeaderValue::from_static(EXPOSED),
        );
    }
}

/// The origin of a request, if it may call from a browser.
pub(super) fn allowed_origin<'a>(
    config: &HttpConfig,
    origin: Option<&'a HeaderValue>,
) -> Option<&'a HeaderValue> {
    origin.filter(|origin| origin.to_str().is_ok_and(|origin| config.cors.allows(origin)))
}
