//! Gives every error its shape, answers `HEAD` and `OPTIONS`, and keeps small bodies uncompressed.

use actix_web::body::{BodySize, BoxBody, MessageBody};
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::http::header::{self, HeaderValue};
use actix_web::http::{Method, StatusCode};
use actix_web::middleware::Next;
use actix_web::{Error, HttpResponse};

use super::{request_id, state_of};
use crate::error::{ApiError, ErrorCode, PROBLEM_JSON};

/// Compressing less than this makes it longer or saves no packet.
const WORTH_COMPRESSING: u64 = 1024;

/// Gives the answer its shape.
pub(crate) async fn shape(
    mut req: ServiceRequest,
    next: Next<impl MessageBody + 'static>,
) -> Result<ServiceResponse<BoxBody>, Error> {
    let state = state_of(&req)?;
    let options = req.method() == Method::OPTIONS;
    // The connection remembers that no body is to be sent.
    if req.method() == Method::HEAD {
        req.head_mut().method = Method::GET;
        // Parts are for GET alone (RFC 9110, 14.2).
        req.headers_mut().remove(header::RANGE);
    }
    let mut res = next.call(req).await?.map_into_boxed_body();
    if options && res.status() == StatusCode::METHOD_NOT_ALLOWED {
        *res.response_mut().status_mut() = StatusCode::NO_CONTENT;
    }
    if let Some(error) = error_of(&res) {
        let id = request_id(res.request());
        log_cause(&error, &id);
        res = rewritten(res, error.to_response(&id, &state.config.docs_url));
    }
    keep_small(&mut res);
    Ok(res)
}

/// The error that an answer stands for, unless it is a body of ours.
fn error_of(res: &ServiceResponse<BoxBody>) -> Option<ApiError> {
    if let Some(error) = res
        .response()
        .error()
        .and_then(|error| error.as_error::<ApiError>())
    {
        return Some(error.clone());
    }
    let status = res.status();
    let ours = res
        .headers()
        .get(header::CONTENT_TYPE)
        .and_then(|value| value.to_str().ok())
        .is_some_and(|value| value.starts_with("application/json") || value.starts_with(PROBLEM_JSON));
    let failed = status.is_client_error() || status.is_server_error();
    (failed && !ours).then(|| ApiError::new(ErrorCode::of_status(status)))
}

/// The answer in its shape, with the headers that others have set on it.
fn rewritten(res: ServiceResponse<BoxBody>, mut shaped: HttpResponse) -> ServiceResponse<BoxBody> {
    let (req, old) = res.into_parts();
    for (name, value) in old.headers() {
        if !shaped.headers().contains_key(name) {
            shaped.headers_mut().append(name.clone(), value.clone());
        }
    }
    ServiceResponse::new(req, shaped)
}

/// Marks a small body so that it is not compressed; the edge takes the mark away.
fn keep_small(res: &mut ServiceResponse<BoxBody>) {
    let small = match res.response().body().size() {
        BodySize::None => true,
        BodySize::Sized(bytes) => bytes < WORTH_COMPRESSING,
        BodySize::Stream => false,
    };
    if small && !res.headers().contains_key(header::CONTENT_ENCODING) {
        res.headers_mut()
            .insert(header::CONTENT_ENCODING, HeaderValue::from_static("identity"));
    }
}

/// Writes the cause of an error to the log, once, with everything behind it.
pub(super) fn log_cause(error: &ApiError, request_id: &str) {
    let Some(cause) = error.cause() else { return };
    let mut chain = cause.to_string();
    let mut source = cause.source();
    while let Some(deeper) = source {
        chain.push_str(": ");
        chain.push_str(&deeper.to_string());
        source = deeper.source();
    }
    let code = error.code().as_str();
    tracing::error!(request_id, code, cause = chain, "a request failed");
}
