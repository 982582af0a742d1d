//! `GET /users/me/export`

use apistos::api_operation;

use super::view::ExportView;
use crate::error::{ApiError, ErrorCode};
use crate::extract::Caller;
use crate::reply::Reply;
use crate::state::State;

/// How far the archive has come that the caller asked for last.
#[api_operation(tag = "accounts", operation_id = "getExport")]
pub(super) async fn handler(state: State, caller: Caller) -> Result<Reply<ExportView>, ApiError> {
    let found = state.services.personal_data.export(caller.user_id()).await?;
    let export = found.ok_or_else(|| ApiError::new(ErrorCode::ExportNotFound))?;
    Reply::private(&ExportView::from(export))
}
