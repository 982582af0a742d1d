//! Answers the question that browsers ask before they let a page of another origin call.

use actix_web::body::{BoxBody, MessageBody};
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::http::Method;
use actix_web::http::header::{self, HeaderValue};
use actix_web::middleware::Next;
use actix_web::{Error, HttpResponse};

use super::headers::allowed_origin;
use super::state_of;

const METHODS: &str = "GET, HEAD, POST, PUT, PATCH, DELETE";
const HEADERS: &str = "Authorization, Content-Type, Accept-Language, If-Match, If-None-Match, Range, If-Range, \
                       X-Request-Id, Idempotency-Key";
const VARY: &str = "Access-Control-Request-Method, Access-Control-Request-Headers";
/// How long browsers may remember the answer: two hours is the most that Chromium takes.
const MAX_AGE_SECONDS: &str = "7200";

/// Answers preflight requests itself; an origin that is not allowed gets no allow header and no error.
pub(crate) async fn preflight(
    req: ServiceRequest,
    next: Next<impl MessageBody + 'static>,
) -> Result<ServiceResponse<BoxBody>, Error> {
    let headers = req.headers();
    let asks = req.method() == Method::OPTIONS
        && headers.contains_key(header::ORIGIN)
        && headers.contains_key(header::ACCESS_CONTROL_REQUEST_METHOD);
    if !asks {
        return next.call(req).await.map(ServiceResponse::map_into_boxed_body);
    }
    let state = state_of(&req)?;
    let mut response = HttpResponse::NoContent().finish();
    let answer = response.headers_mut();
    answer.append(header::VARY, HeaderValue::from_static(VARY));
    if allowed_origin(&state.config, headers.get(header::ORIGIN)).is_some() {
        answer.insert(
            header::ACCESS_CONTROL_ALLOW_METHODS,
            HeaderValue::from_static(METHODS),
        );
        answer.insert(
            header::ACCESS_CONTROL_ALLOW_HEADERS,
            HeaderValue::from_static(HEADERS),
        );
        answer.insert(
            header::ACCESS_CONTROL_MAX_AGE,
            HeaderValue::from_static(MAX_AGE_SECONDS),
        );
    }
    Ok(req.into_response(response))
}
