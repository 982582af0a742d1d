//! `DELETE /conversations/{wordId}`

use apistos::{ApiComponent, api_operation};
use schemars::JsonSchema;
use serde::Deserialize;
use validator::Validate;

use crate::admin::authority;
use crate::error::ApiError;
use crate::extract::{Admin, ApiPath, Arrival};
use crate::fields::{Faults, word_id};
use crate::reply::NoContent;
use crate::state::State;

/// Names a word.
#[derive(Debug, Deserialize, JsonSchema, ApiComponent, Validate)]
#[serde(rename_all = "camelCase")]
pub(super) struct WordPath {
    /// The word's id.
    #[schemars(regex(pattern = "^[A-Za-z0-9._:-]{1,64}$"), example = "example_word_id")]
    word_id: String,
}

fn example_word_id() -> &'static str {
    "zh-00001"
}

/// Forgets all conversations of a word, on every copy of the server.
///
/// For administrators, and noted in the audit log. The next who asks has a new one written.
#[api_operation(tag = "conversations", operation_id = "forgetConversations")]
pub(super) async fn handler(
    admin: Admin,
    ApiPath(path): ApiPath<WordPath>,
    arrival: Arrival,
    state: State,
) -> Result<NoContent, ApiError> {
    let id = word_id(&path.word_id).map_err(|fault| Faults::single("wordId", fault))?;
    let by = authority(&admin.0, arrival);
    state.services.administration.note_forgotten(&id, &by).await?;
    state.services.conversations.forget(&id).await?;
    Ok(NoContent)
}
