//! The outermost layer: names the request, catches panics, writes the common headers, counts and logs.

use std::panic::AssertUnwindSafe;
use std::time::Instant;

use actix_web::body::MessageBody;
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::error::InternalError;
use actix_web::http::header::{self, HeaderValue};
use actix_web::middleware::Next;
use actix_web::{Error, HttpMessage};
use futures_util::FutureExt;

use super::context::RequestContext;
use super::headers::decorate;
use super::shape::log_cause;
use super::state_of;
use crate::error::{ApiError, ErrorCode};
use crate::metrics::{InFlight, UNMATCHED};
use crate::state::State;

/// A request from the moment it came in.
struct Visit {
    state: State,
    context: RequestContext,
    origin: Option<HeaderValue>,
    method: String,
    route: Option<String>,
    began: Instant,
    _in_flight: InFlight,
}

/// The outermost layer.
pub(crate) async fn edge(
    req: ServiceRequest,
    next: Next<impl MessageBody + 'static>,
) -> Result<ServiceResponse<impl MessageBody>, Error> {
    let visit = Visit::begin(&req, state_of(&req)?);
    match AssertUnwindSafe(next.call(req)).catch_unwind().await {
        Ok(Ok(res)) => Ok(visit.answer(res)),
        Ok(Err(error)) => Err(visit.fail(api_error(&error))),
        Err(_panic) => {
            tracing::error!(request_id = visit.context.id, "a handler panicked");
            Err(visit.fail(ApiError::new(ErrorCode::InternalError)))
        }
    }
}

/// The error that a layer inside gave up with.
fn api_error(error: &Error) -> ApiError {
    match error.as_error::<ApiError>() {
        Some(error) => error.clone(),
        None => ApiError::new(ErrorCode::of_status(error.as_response_error().status_code())),
    }
}

impl Visit {
    fn begin(req: &ServiceRequest, state: State) -> Self {
        let context = RequestContext::of(req, &state);
        req.extensions_mut().insert(context.clone());
        Self {
            origin: req.headers().get(header::ORIGIN).cloned(),
            method: req.method().to_string(),
            route: req.match_pattern(),
            began: Instant::now(),
            _in_flight: state.metrics.begin(),
            context,
            state,
        }
    }

    fn answer<B>(self, mut res: ServiceResponse<B>) -> ServiceResponse<B> {
        let status = res.status().as_u16();
        let headers = res.headers_mut();
        // Set further inside to keep a small body as it is.
        if headers
            .get(header::CONTENT_ENCODING)
            .is_some_and(|value| value == "identity")
        {
            headers.remove(header::CONTENT_ENCODING);
        }
        decorate(
            headers,
            &self.state.config,
            &self.context.id,
            self.origin.as_ref(),
        );
        self.note(status);
        res
    }

    /// The last resort: without the request at hand, the answer travels inside the error.
    fn fail(self, error: ApiError) -> Error {
        log_cause(&error, &self.context.id);
        let mut response = error.to_response(&self.context.id, &self.state.config.docs_url);
        decorate(
            response.headers_mut(),
            &self.state.config,
            &self.context.id,
            self.origin.as_ref(),
        );
        self.note(response.status().as_u16());
        InternalError::from_response(error, response).into()
    }

    fn note(&self, status: u16) {
        let route = self.route.as_deref();
        let took = self.began.elapsed();
        self.state.metrics.count(&self.method, route, status, took);
        tracing::info!(
            target: "parlance::access",
            method = self.method,
            route = route.unwrap_or(UNMATCHED),
            status,
            duration_ms = took.as_secs_f64() * 1000.0,
            request_id = self.context.id,
            "answered"
        );
    }
}
