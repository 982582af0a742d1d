//! `GET /users/{id}`

use actix_web::{FromRequest, HttpRequest};
use apistos::api_operation;

use super::authority;
use super::params::UserPath;
use super::view::AdminUserView;
use crate::error::{ApiError, ErrorCode};
use crate::extract::{Admin, ApiPath, Arrival, Caller};
use crate::reply::Reply;
use crate::state::State;

/// An account: the caller's own, or any for administrators.
///
/// Who reads somebody else's is noted in the audit log.
#[api_operation(tag = "administration", operation_id = "getUser")]
pub(super) async fn handler(
    request: HttpRequest,
    caller: Caller,
    ApiPath(path): ApiPath<UserPath>,
    arrival: Arrival,
    state: State,
) -> Result<Reply<AdminUserView>, ApiError> {
    let id = path.read()?;
    if id != caller.user_id() {
        Admin::extract(&request).await?;
    }
    let by = authority(&caller.0, arrival);
    let found = state.services.administration.read(id, &by).await?;
    let account = found.ok_or_else(|| ApiError::new(ErrorCode::UserNotFound))?;
    Reply::private(&AdminUserView::from(account))
}
