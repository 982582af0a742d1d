//! Receives the body of a request, bounded in size and time, before anything else is done with it; but for uploads,
//! which are received part by part.

use std::cell::RefCell;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use actix_http::h1;
use actix_web::Error;
use actix_web::HttpMessage;
use actix_web::body::{BoxBody, MessageBody};
use actix_web::dev::{Payload, ServiceRequest, ServiceResponse};
use actix_web::error::PayloadError;
use actix_web::http::header::{self, HeaderValue};
use actix_web::middleware::Next;
use bytes::{Bytes, BytesMut};
use futures_util::{Stream, StreamExt};
use tokio::time::timeout;

use super::state_of;
use crate::error::{ApiError, ErrorCode};

/// How much of a body that is too large is still read, and for how long: a client that is in the middle
/// of sending would else see its connection cut instead of the answer.
const DRAINED_BYTES: usize = 16 * 1024 * 1024;
const DRAIN_TIME: Duration = Duration::from_secs(2);

/// How much more than the recording a form with it may have.
const BESIDE_RECORDING: usize = 64 * 1024;

/// Receives the body, or bounds it where it is received part by part.
pub(crate) async fn arrival(
    mut req: ServiceRequest,
    next: Next<impl MessageBody + 'static>,
) -> Result<ServiceResponse<BoxBody>, Error> {
    let state = state_of(&req)?;
    let parts = comes_in_parts(req.path());
    let limit = if parts {
        state.config.recording_limit + BESIDE_RECORDING
    } else {
        state.config.body_limit
    };
    let mut payload = match check(&mut req, limit).await {
        Ok(Some(payload)) => payload,
        Ok(None) => return next.call(req).await.map(ServiceResponse::map_into_boxed_body),
        Err(error) => return Ok(closing(req.error_response(error))),
    };
    if parts {
        return pass(req, next, payload, limit).await;
    }
    let read = timeout(state.config.timeouts.arrival, read(&mut payload, limit)).await;
    let body = read.unwrap_or_else(|_| Err(ApiError::new(ErrorCode::RequestTimeout)));
    match body {
        Ok(body) => {
            req.set_payload(payload_of(body));
            next.call(req).await.map(ServiceResponse::map_into_boxed_body)
        }
        Err(error) => Ok(closing(req.error_response(error))),
    }
}

/// Whether a handler receives the body of this route itself.
pub(super) fn comes_in_parts(path: &str) -> bool {
    path == "/api/v1/stt"
}

/// Hands a body on as it comes; what an error has left of it is received after all.
async fn pass(
    mut req: ServiceRequest,
    next: Next<impl MessageBody + 'static>,
    body: Payload,
    limit: usize,
) -> Result<ServiceResponse<BoxBody>, Error> {
    let mut source = Source(Rc::new(RefCell::new(body)));
    let bounded = Bounded {
        source: source.clone(),
        left: limit,
    };
    req.set_payload(Payload::Stream {
        payload: bounded.boxed_local(),
    });
    let res = next.call(req).await?.map_into_boxed_body();
    if res.status().is_success() {
        return Ok(res);
    }
    drain(&mut source).await;
    Ok(closing(res))
}

/// An answer after which the connection ends, for what is left of the body stands before the next request.
fn closing(mut res: ServiceResponse<BoxBody>) -> ServiceResponse<BoxBody> {
    let close = HeaderValue::from_static("close");
    res.headers_mut().insert(header::CONNECTION, close);
    res
}

/// The body of a request, if it has one and may have it.
async fn check(req: &mut ServiceRequest, limit: usize) -> Result<Option<Payload>, ApiError> {
    let headers = req.headers();
    let length = headers
        .get(header::CONTENT_LENGTH)
        .and_then(|value| value.to_str().ok())
        .and_then(|value| value.parse::<u64>().ok());
    let has_body = length.map_or(headers.contains_key(header::TRANSFER_ENCODING), |length| {
        length > 0
    });
    let encoded = headers
        .get(header::CONTENT_ENCODING)
        .is_some_and(|value| value != "identity");
    if !has_body {
        return Ok(None);
    }
    let mut payload = req.take_payload();
    if encoded {
        // Nothing is ever unpacked, so nothing can blow up.
        drain(&mut payload).await;
        return Err(ApiError::new(ErrorCode::UnsupportedMediaType));
    }
    if length.is_some_and(|length| length > limit as u64) {
        drain(&mut payload).await;
        return Err(ApiError::new(ErrorCode::PayloadTooLarge));
    }
    Ok(Some(payload))
}

/// A body in two hands that never reach for it at the same time: of the handler, and of who drains what it left.
#[derive(Clone)]
struct Source(Rc<RefCell<Payload>>);

impl Stream for Source {
    type Item = Result<Bytes, PayloadError>;

    fn poll_next(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.0.borrow_mut().poll_next_unpin(context)
    }
}

/// A body that fails as soon as it is larger than it may be.
struct Bounded {
    source: Source,
    left: usize,
}

impl Stream for Bounded {
    type Item = Result<Bytes, PayloadError>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let next = ready!(self.source.poll_next_unpin(context));
        if let Some(Ok(chunk)) = &next {
            match self.left.checked_sub(chunk.len()) {
                Some(left) => self.left = left,
                None => return Poll::Ready(Some(Err(PayloadError::Overflow))),
            }
        }
        Poll::Ready(next)
    }
}

async fn read(payload: &mut Payload, limit: usize) -> Result<Bytes, ApiError> {
    let mut body = BytesMut::new();
    while let Some(chunk) = payload.next().await {
        let chunk = chunk.map_err(|_| ApiError::new(ErrorCode::BadRequest))?;
        if body.len() + chunk.len() > limit {
            drop(body);
            drain(payload).await;
            return Err(ApiError::new(ErrorCode::PayloadTooLarge));
        }
        body.extend_from_slice(&chunk);
    }
    Ok(body.freeze())
}

async fn drain(payload: &mut (impl Stream<Item = Result<Bytes, PayloadError>> + Unpin)) {
    let rest = async {
        let mut drained = 0;
        while let Some(Ok(chunk)) = payload.next().await {
            drained += chunk.len();
            if drained > DRAINED_BYTES {
                break;
            }
        }
    };
    let _ = timeout(DRAIN_TIME, rest).await;
}

/// A payload that consists of these bytes.
fn payload_of(body: Bytes) -> Payload {
    let (_, mut payload) = h1::Payload::create(true);
    payload.unread_data(body);
    Payload::from(payload)
}
