//! `GET /reviews`

use apistos::{ApiComponent, api_operation};
use parlance_domain::ids::WordId;
use schemars::JsonSchema;
use serde::Deserialize;
use validator::Validate;

use super::params::read_page;
use super::view::{ReviewPageView, ReviewView};
use crate::error::ApiError;
use crate::extract::{ApiQuery, Scoped, scopes};
use crate::fields::{Faults, word_id};
use crate::reply::Reply;
use crate::state::State;

/// Which reviews are wanted.
#[derive(Debug, Deserialize, JsonSchema, ApiComponent, Validate)]
#[serde(rename_all = "camelCase")]
pub(super) struct Query {
    /// Only reviews of this word.
    #[schemars(regex(pattern = "^[A-Za-z0-9._:-]{1,64}$"), example = "example_word_id")]
    word_id: Option<String>,
    /// The `cursor` of the page before; absent or `0` for the beginning.
    #[schemars(regex(pattern = "^[0-9]{1,19}$"), example = "example_after")]
    after: Option<String>,
    /// The most reviews of a page; 100 when absent.
    #[schemars(with = "Option<u32>", range(min = 1, max = 1000))]
    limit: Option<String>,
}

impl Query {
    fn read(&self) -> Result<(Option<WordId>, (u64, u32)), ApiError> {
        let mut faults = Faults::default();
        let word = faults.take("wordId", self.word_id.as_deref().map(word_id).transpose());
        let page = read_page(&mut faults, self.after.as_deref(), self.limit.as_deref());
        faults.finish(word.zip(page))
    }
}

/// The caller's reviews, in the order in which they arrived.
#[api_operation(
    tag = "reviews",
    operation_id = "listReviews",
    error_code = 400,
    error_code = 401
)]
pub(super) async fn handler(
    caller: Scoped<scopes::ProgressRead>,
    ApiQuery(query): ApiQuery<Query>,
    state: State,
) -> Result<Reply<ReviewPageView<'static>>, ApiError> {
    let (word, (after, limit)) = query.read()?;
    let reviews = state
        .services
        .progress
        .reviews(caller.user_id(), word.as_ref(), after, limit);
    let page = reviews.await?;
    Reply::private(&ReviewPageView {
        reviews: page.reviews.iter().map(ReviewView::from).collect(),
        cursor: page.cursor,
        has_more: page.has_more,
    })
}

fn example_word_id() -> &'static str {
    "zh-00001"
}

fn example_after() -> &'static str {
    "42"
}
