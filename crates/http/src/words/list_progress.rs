//! `GET /vocabulary/lists/{listId}/progress`

use apistos::api_operation;
use parlance_domain::progress::ListError;

use super::params::ListPath;
use super::view::ListProgressView;
use crate::error::{ApiError, ErrorCode};
use crate::extract::{ApiPath, Scoped, scopes};
use crate::fields::{Faults, list_id};
use crate::reply::Reply;
use crate::state::State;

/// How far the caller is with a list.
#[api_operation(
    tag = "words",
    operation_id = "getListProgress",
    error_code = 400,
    error_code = 401,
    error_code = 404
)]
pub(super) async fn handler(
    caller: Scoped<scopes::ProgressRead>,
    ApiPath(path): ApiPath<ListPath>,
    state: State,
) -> Result<Reply<ListProgressView<'static>>, ApiError> {
    let id = list_id(&path.list_id).map_err(|fault| Faults::single("listId", fault))?;
    let list = state.services.progress.list_progress(caller.user_id(), &id).await;
    let list = list.map_err(|error| match error {
        ListError::NotFound => ApiError::new(ErrorCode::ListNotFound),
        ListError::Port(error) => error.into(),
    })?;
    Reply::private(&ListProgressView::from(&list))
}
