//! `GET /progress`

use actix_web::HttpRequest;
use apistos::{ApiComponent, api_operation};
use schemars::JsonSchema;
use serde::Deserialize;
use validator::Validate;

use super::params::LIMIT;
use super::view::{ProgressView, json};
use crate::error::ApiError;
use crate::extract::{ApiQuery, Scoped, scopes};
use crate::fields::{Fault, Faults, place, whole};
use crate::paging::{decode_cursor, encode_cursor};
use crate::reply::Reply;
use crate::state::State;

/// Which part of the progress is wanted.
#[derive(Debug, Deserialize, JsonSchema, ApiComponent, Validate)]
pub(super) struct Query {
    /// The most entries of a page; all when absent.
    #[schemars(with = "Option<u32>", range(min = 1, max = 1000))]
    limit: Option<String>,
    /// Where the page begins: as in the `Link` of the page before.
    cursor: Option<String>,
}

impl Query {
    /// The revision before which the page begins, and the most entries of it.
    fn read(&self) -> Result<(Option<u64>, Option<u32>), ApiError> {
        let mut faults = Faults::default();
        let limit = faults.take("limit", whole(self.limit.as_deref(), 1, 1000, LIMIT));
        let before = faults.take("cursor", read_cursor(self.cursor.as_deref()));
        faults.finish(before.zip(limit))
    }
}

/// All words the caller has begun, newest change first.
#[api_operation(
    tag = "progress",
    operation_id = "listProgress",
    error_code = 400,
    error_code = 401
)]
pub(super) async fn handler(
    request: HttpRequest,
    caller: Scoped<scopes::ProgressRead>,
    ApiQuery(query): ApiQuery<Query>,
    state: State,
) -> Result<Reply<Vec<ProgressView<'static>>>, ApiError> {
    let (before, limit) = query.read()?;
    let user = caller.user_id();
    let page = state.services.progress.list(user, before, limit).await?;
    let next = page.next.map(|revision| encode_cursor(&revision.to_string()));
    let text = json::list(user, &page.entries)?;
    Ok(Reply::private_text(text).with_next(&request, next))
}

fn read_cursor(text: Option<&str>) -> Result<Option<u64>, Fault> {
    const FAULT: Fault = Fault::new("format", "must be the cursor of a page of this list");
    let Some(text) = text else { return Ok(None) };
    let plain = decode_cursor(text).ok_or(FAULT)?;
    place(Some(&plain)).map(Some).map_err(|_| FAULT)
}
