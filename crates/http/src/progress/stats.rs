//! `GET /progress/stats`

use apistos::api_operation;

use super::view::StatsView;
use crate::error::ApiError;
use crate::extract::{Scoped, scopes};
use crate::reply::Reply;
use crate::state::State;

/// The caller's statistics, with days in their own time zone.
#[api_operation(tag = "progress", operation_id = "getProgressStats", error_code = 401)]
pub(super) async fn handler(
    caller: Scoped<scopes::ProgressRead>,
    state: State,
) -> Result<Reply<StatsView>, ApiError> {
    let stats = state.services.progress.stats(caller.user_id()).await?;
    Reply::private(&StatsView::from(stats))
}
