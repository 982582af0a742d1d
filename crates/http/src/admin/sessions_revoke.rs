//! `POST /admin/users/{id}/sessions/revoke`

use apistos::{ApiComponent, api_operation};
use schemars::JsonSchema;
use serde::Serialize;

use super::params::UserPath;
use super::{authority, refuse};
use crate::error::ApiError;
use crate::extract::{Admin, ApiPath, Arrival};
use crate::reply::Reply;
use crate::state::State;

/// What was ended.
#[derive(Serialize, JsonSchema, ApiComponent)]
pub(super) struct RevokedSessions {
    /// How many sessions there were.
    revoked: usize,
}

/// Signs an account out everywhere.
///
/// For administrators. Access tokens of its sessions stop working within a second, on every copy of the server.
#[api_operation(tag = "administration", operation_id = "revokeUserSessions")]
pub(super) async fn handler(
    admin: Admin,
    ApiPath(path): ApiPath<UserPath>,
    arrival: Arrival,
    state: State,
) -> Result<Reply<RevokedSessions>, ApiError> {
    let id = path.read()?;
    let by = authority(&admin.0, arrival);
    let revoked = state.services.administration.revoke_sessions(id, &by).await;
    Reply::private(&RevokedSessions {
        revoked: revoked.map_err(refuse)?,
    })
}
