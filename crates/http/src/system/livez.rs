//! `GET /livez`

use apistos::{ApiComponent, api_operation};
use schemars::JsonSchema;
use serde::Serialize;

use crate::respond::Answer;

/// That it is so.
#[derive(Serialize, JsonSchema, ApiComponent)]
#[schemars(rename = "Live")]
pub(crate) struct Body {
    /// Always `ok`.
    status: &'static str,
}

/// Whether the process answers at all.
#[api_operation(tag = "system", operation_id = "live", no_security)]
pub(crate) async fn handler() -> Answer<Body> {
    Answer::private(Body { status: "ok" })
}
