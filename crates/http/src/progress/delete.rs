//! `DELETE /progress/{wordId}`

use apistos::api_operation;
use parlance_domain::progress::DeleteError;

use super::params::WordPath;
use crate::error::{ApiError, ErrorCode};
use crate::extract::{ApiPath, ProgressWriter};
use crate::reply::NoContent;
use crate::state::State;

/// Resets the caller's progress with a word: what is older no longer counts.
#[api_operation(
    tag = "progress",
    operation_id = "deleteProgress",
    error_code = 400,
    error_code = 401,
    error_code = 404,
    error_code = 503
)]
pub(super) async fn handler(
    writer: ProgressWriter,
    ApiPath(path): ApiPath<WordPath>,
    state: State,
) -> Result<NoContent, ApiError> {
    let deleted = state
        .services
        .progress
        .delete(writer.user_id(), path.read()?)
        .await;
    deleted.map_err(|error| match error {
        DeleteError::NotFound => ApiError::new(ErrorCode::ProgressNotFound),
        DeleteError::Port(error) => error.into(),
    })?;
    Ok(NoContent)
}
