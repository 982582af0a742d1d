//! Asks the store who bears a key for programs, so that this is known before anything else of the request is judged.

use actix_web::body::MessageBody;
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::middleware::Next;
use actix_web::{Error, HttpMessage};

use super::state_of;
use crate::error::{ApiError, ErrorCode};
use crate::extract::{FoundKey, api_key_of};

/// Looks a key up, where the request bears one; whoever is asked for it by the route decides what that is worth.
pub(crate) async fn key(
    req: ServiceRequest,
    next: Next<impl MessageBody + 'static>,
) -> Result<ServiceResponse<impl MessageBody>, Error> {
    if let Some(text) = api_key_of(req.request()).map(str::to_owned) {
        let found = state_of(&req)?.services.api_keys.authenticate(&text).await;
        let found = found
            .map_err(ApiError::port)
            .and_then(|bearer| bearer.ok_or_else(|| ApiError::token(ErrorCode::Unauthorized)));
        req.extensions_mut().insert(FoundKey(found));
    }
    next.call(req).await
}
