//! `GET /api/v1/config`

use actix_web::HttpRequest;
use apistos::{ApiComponent, api_operation};
use schemars::JsonSchema;
use serde::Serialize;

use crate::error::ApiError;
use crate::reply::Reply;
use crate::state::{Features, State};

/// What is switched on, for front ends.
#[derive(Serialize, JsonSchema, ApiComponent)]
#[serde(rename_all = "camelCase")]
#[schemars(rename = "PublicConfig")]
#[expect(clippy::struct_excessive_bools, reason = "flags are what it is about")]
pub(crate) struct Body {
    /// Whether accounts can be made and used.
    auth_enabled: bool,
    /// Whether progress is kept on the server at all.
    sync_enabled: bool,
    /// For how many of a hundred users progress is kept on the server.
    sync_rollout_percent: u8,
    /// Whether nothing can be changed.
    read_only: bool,
    /// Whether speech is available.
    speech: bool,
    /// Whether conversations are available.
    conversations: bool,
    /// The server's version.
    version: String,
}

/// The public feature flags.
#[api_operation(tag = "system", operation_id = "getConfig", no_security)]
pub(crate) async fn handler(req: HttpRequest, state: State) -> Result<Reply<Body>, ApiError> {
    let Features {
        auth_enabled,
        sync_enabled,
        sync_rollout_percent,
        speech,
        conversations,
    } = state.config.features;
    let body = Body {
        auth_enabled,
        sync_enabled: auth_enabled && sync_enabled,
        sync_rollout_percent,
        read_only: !auth_enabled,
        speech,
        conversations,
        version: state.config.version.clone(),
    };
    Reply::revalidated(&req, &body)
}
