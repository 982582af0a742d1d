//! `GET /progress/changes`

use apistos::api_operation;

use super::params::FeedQuery;
use super::view::{ChangePageView, ChangeView};
use crate::error::ApiError;
use crate::extract::{ApiQuery, Scoped, scopes};
use crate::reply::Reply;
use crate::state::State;

/// What changed since a device last asked, resets included, oldest change first.
///
/// Each word comes once, as it is now. Followed from the beginning, the feed gives the whole progress.
#[api_operation(
    tag = "progress",
    operation_id = "listProgressChanges",
    error_code = 400,
    error_code = 401
)]
pub(super) async fn handler(
    caller: Scoped<scopes::ProgressRead>,
    ApiQuery(query): ApiQuery<FeedQuery>,
    state: State,
) -> Result<Reply<ChangePageView<'static>>, ApiError> {
    let (after, limit) = query.read()?;
    let user = caller.user_id();
    let page = state.services.progress.changes(user, after, limit).await?;
    Reply::private(&ChangePageView {
        changes: page
            .changes
            .iter()
            .map(|change| ChangeView::new(user, change))
            .collect(),
        cursor: page.cursor,
        has_more: page.has_more,
    })
}
