//! `POST /progress/batch`

use apistos::api_operation;

use super::body::BatchBody;
use super::set::refuse;
use super::view::{ProgressView, json};
use crate::error::ApiError;
use crate::extract::{ApiJson, ProgressWriter};
use crate::reply::Reply;
use crate::state::State;

/// Fixes members of the caller's progress with 1 to 1,000 words, all or none.
///
/// The answer has one entry per update, in the order sent. A word that is named twice is changed twice.
#[api_operation(
    tag = "progress",
    operation_id = "setProgressBatch",
    error_code = 400,
    error_code = 401,
    error_code = 503
)]
pub(super) async fn handler(
    writer: ProgressWriter,
    ApiJson(body): ApiJson<BatchBody>,
    state: State,
) -> Result<Reply<Vec<ProgressView<'static>>>, ApiError> {
    let user = writer.user_id();
    let entries = state
        .services
        .progress
        .set(user, body.read()?)
        .await
        .map_err(refuse)?;
    json::list(user, &entries).map(Reply::private_text)
}
