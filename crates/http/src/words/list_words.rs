//! `GET /vocabulary/lists/{listId}/words`

use actix_web::{HttpRequest, web};
use apistos::{ApiComponent, api_operation};
use schemars::JsonSchema;
use serde::Deserialize;
use validator::Validate;

use super::cache::ListCache;
use super::list::refuse;
use super::params::ListPath;
use super::view::WordView;
use crate::error::ApiError;
use crate::extract::{ApiPath, ApiQuery};
use crate::fields::{Fault, Faults, list_id, whole};
use crate::paging::{decode_cursor, encode_cursor};
use crate::reply::{Body, Reply};
use crate::state::State;

/// Which part of the list is wanted.
#[derive(Debug, Deserialize, JsonSchema, ApiComponent, Validate)]
pub(super) struct Query {
    /// The most words of a page; all words when absent.
    #[schemars(with = "Option<u32>", range(min = 1, max = 500))]
    limit: Option<String>,
    /// Where the page begins: as in the `Link` of the page before.
    cursor: Option<String>,
}

impl Query {
    /// The place behind which the page begins, and the most words of it.
    fn read(&self) -> Result<(Option<u32>, Option<u32>), ApiError> {
        const LIMIT: Fault = Fault::new("range", "must be a whole number from 1 to 500");
        let mut faults = Faults::default();
        let limit = faults.take("limit", whole(self.limit.as_deref(), 1, 500, LIMIT));
        let after = faults.take("cursor", read_cursor(self.cursor.as_deref()));
        faults.finish(after.zip(limit))
    }
}

/// The words of a list, in the order in which they are best learnt.
#[api_operation(
    tag = "words",
    operation_id = "getListWords",
    no_security,
    error_code = 400,
    error_code = 404
)]
pub(super) async fn handler(
    request: HttpRequest,
    ApiPath(path): ApiPath<ListPath>,
    ApiQuery(query): ApiQuery<Query>,
    state: State,
    cache: web::Data<ListCache>,
) -> Result<Reply<Vec<WordView<'static>>>, ApiError> {
    let id = list_id(&path.list_id).map_err(|fault| Faults::single("listId", fault))?;
    let (after, limit) = query.read()?;
    let whole_list = after.is_none() && limit.is_none();
    if let Some(body) = whole_list.then(|| cache.get(&id)).flatten() {
        return Ok(Reply::public_body(&request, body));
    }
    let page = state
        .services
        .words
        .words_of(&id, after, limit)
        .await
        .map_err(refuse)?;
    let views: Vec<_> = page.words.iter().map(WordView::from).collect();
    let body = Body::of(&views)?;
    if whole_list {
        cache.keep(id, body.clone());
    }
    let next = page.next.map(|place| encode_cursor(&place.to_string()));
    Ok(Reply::public_body(&request, body).with_next(&request, next))
}

fn read_cursor(text: Option<&str>) -> Result<Option<u32>, Fault> {
    const FAULT: Fault = Fault::new("format", "must be the cursor of a page of this list");
    let Some(text) = text else { return Ok(None) };
    let plain = decode_cursor(text).ok_or(FAULT)?;
    whole(Some(&plain), 0, i32::MAX.unsigned_abs(), FAULT)
}
