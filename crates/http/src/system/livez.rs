//! `GET /livez`

use apistos::{ApiComponent, api_operation};
use schemars::JsonSchema;
use serde::Serialize;

use crate::error::ApiError;
use crate::reply::Reply;

/// That it is so.
#[derive(Serialize, JsonSchema, ApiComponent)]
#[schemars(rename = "Live")]
pub(crate) struct Body {
    /// Always `ok`.
    status: &'static str,
}

/// Whether the process answers at all.
#[api_operation(tag = "system", operation_id = "live", no_security)]
pub(crate) async fn handler() -> Result<Reply<Body>, ApiError> {
    Reply::private(&Body { status: "ok" })
}
