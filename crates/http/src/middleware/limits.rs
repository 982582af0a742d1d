//! Rate limits per client address, and the headers that tell of them.

use std::fmt::Write as _;

use actix_web::body::{BoxBody, MessageBody};
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::http::header::{HeaderMap, HeaderName, HeaderValue};
use actix_web::middleware::Next;
use actix_web::{Error, HttpMessage};
use parlance_domain::limits::{Limit, LimitDecision};

use super::client::limit_key;
use super::context::RequestContext;
use super::state_of;
use crate::error::{ApiError, ErrorCode};
use crate::state::AppState;
use crate::time::whole_seconds;

/// What is never limited: what operators and their probes ask, and the documentation.
const UNLIMITED: [&str; 5] = ["/health", "/api/v1/health", "/livez", "/readyz", "/api-docs"];

const RATE_LIMIT_POLICY: HeaderName = HeaderName::from_static("ratelimit-policy");
const RATE_LIMIT: HeaderName = HeaderName::from_static("ratelimit");
const X_LIMIT: HeaderName = HeaderName::from_static("x-ratelimit-limit");
const X_REMAINING: HeaderName = HeaderName::from_static("x-ratelimit-remaining");
const X_RESET: HeaderName = HeaderName::from_static("x-ratelimit-reset");

/// What the limits said of a request so far.
#[derive(Debug, Default)]
struct Verdicts(Vec<(Limit, LimitDecision)>);

/// The limit of everything.
pub(crate) async fn limits(
    req: ServiceRequest,
    next: Next<impl MessageBody + 'static>,
) -> Result<ServiceResponse<BoxBody>, Error> {
    if is_unlimited(req.path()) {
        return next.call(req).await.map(ServiceResponse::map_into_boxed_body);
    }
    let state = state_of(&req)?;
    let mut res = match take(&req, &state, &state.config.limits.default).await {
        Ok(()) => next.call(req).await?.map_into_boxed_body(),
        Err(error) => req.error_response(error),
    };
    let verdicts = res
        .request()
        .extensions_mut()
        .remove::<Verdicts>()
        .unwrap_or_default();
    write_headers(res.headers_mut(), &verdicts);
    Ok(res)
}

/// The limit of signing in, around that route alone, beside the limit of everything.
pub(crate) async fn login_limit(
    req: ServiceRequest,
    next: Next<impl MessageBody + 'static>,
) -> Result<ServiceResponse<BoxBody>, Error> {
    let state = state_of(&req)?;
    match take(&req, &state, &state.config.limits.login).await {
        Ok(()) => next.call(req).await.map(ServiceResponse::map_into_boxed_body),
        Err(error) => Ok(req.error_response(error)),
    }
}

fn is_unlimited(path: &str) -> bool {
    UNLIMITED.contains(&path) || path.starts_with("/api-docs/")
}

/// Counts a request under a limit and notes what came of it for the headers.
async fn take(req: &ServiceRequest, state: &AppState, limit: &Limit) -> Result<(), ApiError> {
    let Some(context) = RequestContext::from(req).filter(|_| limit.is_on()) else {
        return Ok(());
    };
    let decision = match state
        .services
        .limiter
        .take(&limit_key(context.client), limit)
        .await
    {
        Ok(decision) => decision,
        Err(error) => {
            // A limiter that is down must not take everything down with it.
            tracing::error!(request_id = context.id, error = %error, "a limit was not checked");
            return Ok(());
        }
    };
    note(req, limit, decision);
    if decision.allowed {
        Ok(())
    } else {
        Err(exceeded(decision))
    }
}

/// Notes what a limit said of a request, for the headers of its answer.
pub(crate) fn note(req: &impl HttpMessage, limit: &Limit, decision: LimitDecision) {
    let mut extensions = req.extensions_mut();
    if !extensions.contains::<Verdicts>() {
        extensions.insert(Verdicts::default());
    }
    if let Some(Verdicts(verdicts)) = extensions.get_mut() {
        verdicts.push((*limit, decision));
    }
}

/// The refusal of what a limit does not let through.
pub(crate) fn exceeded(decision: LimitDecision) -> ApiError {
    ApiError::new(ErrorCode::RateLimitExceeded).with_retry_after(decision.reset_after)
}

fn write_headers(headers: &mut HeaderMap, Verdicts(verdicts): &Verdicts) {
    let Some((tightest, decision)) = verdicts.iter().min_by_key(|(_, decision)| decision.remaining) else {
        return;
    };
    let (mut policy, mut state) = (String::new(), String::new());
    for (limit, decision) in verdicts {
        let separator = if policy.is_empty() { "" } else { ", " };
        let (name, quota, window) = (limit.name, limit.quota, limit.window.as_secs());
        let _ = write!(policy, "{separator}\"{name}\";q={quota};w={window}");
        let _ = write!(
            state,
            "{separator}\"{name}\";r={};t={}",
            decision.remaining,
            whole_seconds(decision.reset_after)
        );
    }
    for (name, value) in [(RATE_LIMIT_POLICY, policy), (RATE_LIMIT, state)] {
        if let Ok(value) = HeaderValue::from_str(&value) {
            headers.insert(name, value);
        }
    }
    headers.insert(X_LIMIT, HeaderValue::from(tightest.quota));
    headers.insert(X_REMAINING, HeaderValue::from(decision.remaining));
    headers.insert(X_RESET, HeaderValue::from(whole_seconds(decision.reset_after)));
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn the_headers_tell_of_every_limit_and_the_tightest() {
        let decision = |remaining, millis| LimitDecision {
            allowed: true,
            remaining,
            reset_after: Duration::from_millis(millis),
        };
        let verdicts = Verdicts(vec![
            (Limit::per_minute("default", 100), decision(42, 17_001)),
            (Limit::per_minute("login", 5), decision(4, 60_000)),
        ]);
        let mut headers = HeaderMap::new();
        write_headers(&mut headers, &verdicts);
        let value = |name| headers.get(name).unwrap().to_str().unwrap();
        assert_eq!(
            value(RATE_LIMIT_POLICY),
            "\"default\";q=100;w=60, \"login\";q=5;w=60"
        );
        assert_eq!(value(RATE_LIMIT), "\"default\";r=42;t=18, \"login\";r=4;t=60");
        assert_eq!(
            (value(X_LIMIT), value(X_REMAINING), value(X_RESET)),
            ("5", "4", "60")
        );
    }

    #[test]
    fn probes_and_documentation_are_not_limited() {
        for path in [
            "/health",
            "/api/v1/health",
            "/livez",
            "/readyz",
            "/api-docs",
            "/api-docs/openapi.json",
        ] {
            assert!(is_unlimited(path), "{path}");
        }
        for path in ["/", "/healthy", "/api/v1/config", "/api-docsx", "/api/v1/health/"] {
            assert!(!is_unlimited(path), "{path}");
        }
    }
}
