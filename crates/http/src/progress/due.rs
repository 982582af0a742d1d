//! `GET /progress/due`

use apistos::{ApiComponent, api_operation};
use parlance_domain::ids::ListId;
use parlance_domain::progress::ListError;
use schemars::JsonSchema;
use serde::Deserialize;
use validator::Validate;

use super::params::LIMIT;
use super::view::{ProgressView, json};
use crate::error::{ApiError, ErrorCode};
use crate::extract::{ApiQuery, Scoped, scopes};
use crate::fields::{Faults, list_id, whole};
use crate::reply::Reply;
use crate::state::State;

/// Which of the due words are wanted.
#[derive(Debug, Deserialize, JsonSchema, ApiComponent, Validate)]
#[serde(rename_all = "camelCase")]
pub(super) struct Query {
    /// The most entries; all when absent.
    #[schemars(with = "Option<u32>", range(min = 1, max = 1000))]
    limit: Option<String>,
    /// Only words of this list.
    #[schemars(regex(pattern = "^[A-Za-z0-9._:-]{1,64}$"), example = "example_list_id")]
    list_id: Option<String>,
}

impl Query {
    fn read(&self) -> Result<(Option<ListId>, Option<u32>), ApiError> {
        let mut faults = Faults::default();
        let limit = faults.take("limit", whole(self.limit.as_deref(), 1, 1000, LIMIT));
        let list = faults.take("listId", self.list_id.as_deref().map(list_id).transpose());
        faults.finish(list.zip(limit))
    }
}

/// The words that are due for review now, most overdue first.
#[api_operation(
    tag = "progress",
    operation_id = "listDueProgress",
    error_code = 400,
    error_code = 401,
    error_code = 404
)]
pub(super) async fn handler(
    caller: Scoped<scopes::ProgressRead>,
    ApiQuery(query): ApiQuery<Query>,
    state: State,
) -> Result<Reply<Vec<ProgressView<'static>>>, ApiError> {
    let (list, limit) = query.read()?;
    let user = caller.user_id();
    let due = state
        .services
        .progress
        .due(user, list.as_ref(), limit)
        .await
        .map_err(refuse)?;
    json::list(user, &due).map(Reply::private_text)
}

/// What a client is told when a list could not be used.
pub(super) fn refuse(error: ListError) -> ApiError {
    match error {
        ListError::NotFound => ApiError::new(ErrorCode::ListNotFound),
        ListError::Port(error) => error.into(),
    }
}

fn example_list_id() -> &'static str {
    "hsk3-band-1"
}
