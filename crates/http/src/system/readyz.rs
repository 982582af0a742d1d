//! `GET /readyz`

use apistos::{ApiComponent, api_operation};
use schemars::JsonSchema;
use serde::Serialize;

use super::health::database_works;
use crate::error::{ApiError, ErrorCode};
use crate::reply::Reply;
use crate::state::State;

/// That it is so.
#[derive(Serialize, JsonSchema, ApiComponent)]
#[schemars(rename = "Ready")]
pub(crate) struct Body {
    /// Always `ok`.
    status: &'static str,
}

/// Whether new requests are welcome: the database is reachable and up to date, and nobody asked to stop.
#[api_operation(tag = "system", operation_id = "ready", no_security)]
pub(crate) async fn handler(state: State) -> Result<Reply<Body>, ApiError> {
    if state.services.draining.has_begun() {
        return Err(ApiError::new(ErrorCode::Unavailable).with_message("The server is about to stop."));
    }
    if !database_works(&state).await {
        return Err(ApiError::new(ErrorCode::Unavailable).with_message("The database does not answer."));
    }
    Reply::private(&Body { status: "ok" })
}
