//! `DELETE /progress/{wordId}`

use actix_web::HttpRequest;
use apistos::api_operation;
use parlance_domain::progress::DeleteError;

use super::params::WordPath;
use crate::error::{ApiError, ErrorCode};
use crate::extract::{ApiPath, ProgressWriter};
use crate::precondition::precondition;
use crate::reply::NoContent;
use crate::state::State;

/// Resets the caller's progress with a word: what is older no longer counts.
///
/// With `If-Match`, only a row of one of these revisions is reset.
#[api_operation(
    tag = "progress",
    operation_id = "deleteProgress",
    error_code = 400,
    error_code = 401,
    error_code = 404,
    error_code = 412,
    error_code = 503
)]
pub(super) async fn handler(
    request: HttpRequest,
    writer: ProgressWriter,
    ApiPath(path): ApiPath<WordPath>,
    state: State,
) -> Result<NoContent, ApiError> {
    let (word, precondition) = (path.read()?, precondition(request.headers())?);
    let deleted = state
        .services
        .progress
        .delete(writer.user_id(), word, precondition)
        .await;
    deleted.map_err(|error| match error {
        DeleteError::NotFound => ApiError::new(ErrorCode::ProgressNotFound),
        DeleteError::PreconditionFailed => ApiError::new(ErrorCode::PreconditionFailed),
        DeleteError::Port(error) => error.into(),
    })?;
    Ok(NoContent)
}
