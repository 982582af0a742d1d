//! `GET /study`

use apistos::{ApiComponent, api_operation};
use parlance_domain::progress::StudyQuery;
use schemars::JsonSchema;
use serde::Deserialize;
use validator::Validate;

use super::due::refuse;
use super::view::StudyItemView;
use crate::error::ApiError;
use crate::extract::{ApiQuery, Scoped, scopes};
use crate::fields::{Fault, Faults, list_id, whole};
use crate::reply::Reply;
use crate::state::State;

const DEFAULT_LIMIT: u32 = 20;
const DEFAULT_NEW_LIMIT: u32 = 10;

/// What to study.
#[derive(Debug, Deserialize, JsonSchema, ApiComponent, Validate)]
#[serde(rename_all = "camelCase")]
pub(super) struct Query {
    /// Only words of this list; without it, no new words come.
    #[schemars(regex(pattern = "^[A-Za-z0-9._:-]{1,64}$"), example = "example_list_id")]
    list_id: Option<String>,
    /// The most words; 20 when absent.
    #[schemars(with = "Option<u32>", range(min = 1, max = 500))]
    limit: Option<String>,
    /// The most new words among them; 10 when absent.
    #[schemars(with = "Option<u32>", range(min = 0, max = 500))]
    new_limit: Option<String>,
}

impl Query {
    fn read(&self) -> Result<StudyQuery, ApiError> {
        const LIMIT: Fault = Fault::new("range", "must be a whole number from 1 to 500");
        const NEW_LIMIT: Fault = Fault::new("range", "must be a whole number from 0 to 500");
        let mut faults = Faults::default();
        let list = faults.take("listId", self.list_id.as_deref().map(list_id).transpose());
        let limit = faults.take("limit", whole(self.limit.as_deref(), 1, 500, LIMIT));
        let new_limit = faults.take("newLimit", whole(self.new_limit.as_deref(), 0, 500, NEW_LIMIT));
        let query = (|| {
            Some(StudyQuery {
                list: list?,
                limit: limit?.unwrap_or(DEFAULT_LIMIT),
                new_limit: new_limit?.unwrap_or(DEFAULT_NEW_LIMIT),
            })
        })();
        faults.finish(query)
    }
}

/// What to study now: what is due, most overdue first, then new words of the list.
#[api_operation(
    tag = "study",
    operation_id = "getStudy",
    error_code = 400,
    error_code = 401,
    error_code = 404
)]
pub(super) async fn handler(
    caller: Scoped<scopes::ProgressRead>,
    ApiQuery(query): ApiQuery<Query>,
    state: State,
) -> Result<Reply<Vec<StudyItemView<'static>>>, ApiError> {
    let user = caller.user_id();
    let items = state
        .services
        .progress
        .study(user, &query.read()?)
        .await
        .map_err(refuse)?;
    let views: Vec<_> = items.iter().map(|item| StudyItemView::new(user, item)).collect();
    Reply::private(&views)
}

fn example_list_id() -> &'static str {
    "hsk3-band-1"
}
