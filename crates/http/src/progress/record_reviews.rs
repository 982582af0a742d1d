//! `POST /reviews`

use apistos::api_operation;

use super::body::ReviewsBody;
use super::view::{ReviewReportView, views};
use crate::error::ApiError;
use crate::extract::{ApiJson, ProgressWriter};
use crate::reply::Reply;
use crate::state::State;

/// Records 1 to 1,000 reviews, each once, all or none.
///
/// They may come late, in any order and any number of times: the progress ends the same.
#[api_operation(
    tag = "reviews",
    operation_id = "recordReviews",
    error_code = 400,
    error_code = 401,
    error_code = 503
)]
pub(super) async fn handler(
    writer: ProgressWriter,
    ApiJson(body): ApiJson<ReviewsBody>,
    state: State,
) -> Result<Reply<ReviewReportView<'static>>, ApiError> {
    let user = writer.user_id();
    let report = state.services.progress.review(user, body.read()?).await?;
    Reply::private(&ReviewReportView {
        accepted: report.accepted,
        duplicates: report.duplicates,
        progress: views(user, &report.rows),
        cursor: report.revision,
    })
}
