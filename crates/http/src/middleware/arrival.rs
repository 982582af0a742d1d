//! Receives the body of a request, bounded in size and time, before anything else is done with it.

use std::time::Duration;

use actix_http::h1;
use actix_web::Error;
use actix_web::HttpMessage;
use actix_web::body::{BoxBody, MessageBody};
use actix_web::dev::{Payload, ServiceRequest, ServiceResponse};
use actix_web::http::header::{self, HeaderValue};
use actix_web::middleware::Next;
use bytes::{Bytes, BytesMut};
use futures_util::StreamExt;
use tokio::time::timeout;

use super::state_of;
use crate::error::{ApiError, ErrorCode};
use crate::state::HttpConfig;

/// How much of a body that is too large is still read, and for how long: a client that is in the middle
/// of sending would else see its connection cut instead of the answer.
const DRAINED_BYTES: usize = 16 * 1024 * 1024;
const DRAIN_TIME: Duration = Duration::from_secs(2);

/// Receives the body.
pub(crate) async fn arrival(
    mut req: ServiceRequest,
    next: Next<impl MessageBody + 'static>,
) -> Result<ServiceResponse<BoxBody>, Error> {
    let state = state_of(&req)?;
    match receive(&mut req, &state.config).await {
        Ok(()) => next.call(req).await.map(ServiceResponse::map_into_boxed_body),
        Err(error) => {
            let mut res = req.error_response(error);
            // What is left of the body stands between this answer and the next request.
            let close = HeaderValue::from_static("close");
            res.headers_mut().insert(header::CONNECTION, close);
            Ok(res)
        }
    }
}

async fn receive(req: &mut ServiceRequest, config: &HttpConfig) -> Result<(), ApiError> {
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
        return Ok(());
    }
    let mut payload = req.take_payload();
    if encoded {
        // Nothing is ever unpacked, so nothing can blow up.
        drain(&mut payload).await;
        return Err(ApiError::new(ErrorCode::UnsupportedMediaType));
    }
    let limit = config.body_limit;
    if length.is_some_and(|length| length > limit as u64) {
        drain(&mut payload).await;
        return Err(ApiError::new(ErrorCode::PayloadTooLarge));
    }
    let body = timeout(config.timeouts.arrival, read(&mut payload, limit))
        .await
        .map_err(|_| ApiError::new(ErrorCode::RequestTimeout))??;
    req.set_payload(payload_of(body));
    Ok(())
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

async fn drain(payload: &mut Payload) {
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
