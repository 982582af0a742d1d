//! `GET /admin/audit`

use actix_web::HttpRequest;
use apistos::api_operation;

use super::params::{Query, Wanted, write_cursor};
use super::view::EntryView;
use crate::error::ApiError;
use crate::extract::{Admin, ApiQuery, Arrival};
use crate::reply::Reply;
use crate::state::State;

/// Who did what to whom, from where and when; the newest first.
///
/// For administrators. That it was read is an entry of the log itself.
#[api_operation(tag = "administration", operation_id = "listAudit", error_code = 400)]
pub(super) async fn handler(
    request: HttpRequest,
    admin: Admin,
    Arrival(circumstances): Arrival,
    ApiQuery(query): ApiQuery<Query>,
    state: State,
) -> Result<Reply<Vec<EntryView>>, ApiError> {
    let Wanted { filter, after, limit } = query.read()?;
    let log = &state.services.audit;
    let page = log
        .read(admin.user_id(), &filter, after, limit, &circumstances)
        .await?;
    let views: Vec<EntryView> = page.records.into_iter().map(EntryView::from).collect();
    Ok(Reply::private(&views)?.with_next(&request, page.next.map(write_cursor)))
}
