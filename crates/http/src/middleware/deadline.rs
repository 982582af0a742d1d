//! Gives up on an answer that takes too long.

use actix_web::Error;
use actix_web::body::{BoxBody, MessageBody};
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::middleware::Next;
use tokio::time::timeout;

use super::state_of;
use crate::error::{ApiError, ErrorCode};

/// Gives up when the time for an answer is over.
pub(crate) async fn deadline(
    req: ServiceRequest,
    next: Next<impl MessageBody + 'static>,
) -> Result<ServiceResponse<BoxBody>, Error> {
    let limit = state_of(&req)?.config.timeouts.handler;
    match timeout(limit, next.call(req)).await {
        Ok(answer) => answer.map(ServiceResponse::map_into_boxed_body),
        Err(_) => Err(ApiError::new(ErrorCode::Unavailable).into()),
    }
}
