//! `PUT /users/me/settings`

use actix_web::HttpRequest;
use apistos::api_operation;

use super::body::{Body, only_if, refuse};
use super::view::{SettingsView, reply};
use crate::error::ApiError;
use crate::extract::{ApiJson, Arrival, Writer};
use crate::reply::Reply;
use crate::state::State;

/// Replaces all that the caller wants; what the body does not name is as it is by default.
///
/// With `If-Match`, only a state of one of these tags is replaced.
#[api_operation(tag = "settings", operation_id = "replaceSettings")]
pub(super) async fn handler(
    request: HttpRequest,
    state: State,
    caller: Writer,
    arrival: Arrival,
    ApiJson(body): ApiJson<Body>,
) -> Result<Reply<SettingsView>, ApiError> {
    let only_if = only_if(request.headers())?;
    let stated = state
        .services
        .settings
        .state(caller.user_id(), body.read()?, only_if.as_ref(), &arrival.0)
        .await
        .map_err(refuse)?;
    reply(stated)
}
