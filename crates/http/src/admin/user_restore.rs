//! `POST /admin/users/{id}/restore`

use apistos::api_operation;

use super::params::UserPath;
use super::view::AdminUserView;
use super::{authority, refuse};
use crate::error::ApiError;
use crate::extract::{Admin, ApiPath, Arrival};
use crate::reply::Reply;
use crate::state::State;

/// Brings an account back that an administrator deleted; it is in use again.
///
/// For administrators. One that is not deleted stays as it is; what its owner deleted, its owner alone brings back.
#[api_operation(tag = "administration", operation_id = "restoreUser")]
pub(super) async fn handler(
    admin: Admin,
    ApiPath(path): ApiPath<UserPath>,
    arrival: Arrival,
    state: State,
) -> Result<Reply<AdminUserView>, ApiError> {
    let id = path.read()?;
    let by = authority(&admin.0, arrival);
    let restored = state.services.administration.restore(id, &by).await;
    Reply::private(&AdminUserView::from(restored.map_err(refuse)?))
}
