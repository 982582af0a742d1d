//! `GET /vocabulary/search`

use actix_web::HttpRequest;
use apistos::{ApiComponent, api_operation};
use parlance_domain::words::{Difficulty, ListQuery};
use schemars::JsonSchema;
use serde::Deserialize;
use validator::Validate;

use super::view::ListView;
use crate::error::ApiError;
use crate::extract::ApiQuery;
use crate::fields::{Fault, Faults, search_text};
use crate::reply::Reply;
use crate::state::State;

/// Which lists are looked for; without any parameter all.
#[derive(Debug, Deserialize, JsonSchema, ApiComponent, Validate)]
pub(super) struct Query {
    /// Part of the name, the description or a tag; case and marks do not matter. Empty filters nothing.
    #[schemars(length(max = 200), example = "example_text")]
    q: Option<String>,
    /// Whom the list suits: `beginner`, `intermediate` or `advanced`. Empty filters nothing.
    #[schemars(
        regex(pattern = "^(beginner|intermediate|advanced)?$"),
        example = "example_difficulty"
    )]
    difficulty: Option<String>,
    /// Tags, separated by commas; a list with any of them is found. Empty filters nothing.
    #[schemars(length(max = 200), example = "example_tags")]
    tags: Option<String>,
}

impl Query {
    fn read(&self) -> Result<ListQuery, ApiError> {
        let mut faults = Faults::default();
        let text = faults.take("q", search_text(self.q.as_deref()));
        let difficulty = faults.take("difficulty", read_difficulty(self.difficulty.as_deref()));
        let tags = faults.take("tags", search_text(self.tags.as_deref()));
        let query = (|| {
            Some(ListQuery {
                text: text?.to_owned(),
                difficulty: difficulty?,
                tags: split_tags(tags?),
            })
        })();
        faults.finish(query)
    }
}

/// Finds word lists.
#[api_operation(
    tag = "words",
    operation_id = "searchWordLists",
    no_security,
    error_code = 400
)]
pub(super) async fn handler(
    request: HttpRequest,
    ApiQuery(query): ApiQuery<Query>,
    state: State,
) -> Result<Reply<Vec<ListView<'static>>>, ApiError> {
    let lists = state.services.words.search_lists(&query.read()?).await?;
    let views: Vec<_> = lists.iter().map(ListView::from).collect();
    Reply::public(&request, &views)
}

fn read_difficulty(text: Option<&str>) -> Result<Option<Difficulty>, Fault> {
    const FAULT: Fault = Fault::new("format", "must be one of beginner, intermediate and advanced");
    text.map(str::parse).transpose().map_err(|_| FAULT)
}

fn split_tags(text: &str) -> Vec<String> {
    let tags = text.split(',').map(str::trim);
    tags.filter(|tag| !tag.is_empty()).map(str::to_owned).collect()
}

fn example_text() -> &'static str {
    "hsk"
}

fn example_difficulty() -> &'static str {
    "beginner"
}

fn example_tags() -> &'static str {
    "HSK 3.0,Band 1"
}
