//! `PATCH /users/me/settings`

use actix_web::HttpRequest;
use apistos::api_operation;

use super::body::{Body, only_if, refuse};
use super::view::{SettingsView, reply};
use crate::error::ApiError;
use crate::extract::{ApiJson, Arrival, Writer};
use crate::reply::Reply;
use crate::state::State;

/// Changes what the caller wants, by a JSON Merge Patch (RFC 7396).
///
/// What the body does not name stays; what is null is as it is by default, and in `data` goes away. Takes `application/json`
/// and `application/merge-patch+json`. With `If-Match`, only a state of one of these tags is changed.
#[api_operation(tag = "settings", operation_id = "updateSettings")]
pub(super) async fn handler(
    request: HttpRequest,
    state: State,
    caller: Writer,
    arrival: Arrival,
    ApiJson(body): ApiJson<Body>,
) -> Result<Reply<SettingsView>, ApiError> {
    let only_if = only_if(request.headers())?;
    let patched = state
        .services
        .settings
        .patch(caller.user_id(), &body.read()?, only_if.as_ref(), &arrival.0)
        .await
        .map_err(refuse)?;
    reply(patched)
}
