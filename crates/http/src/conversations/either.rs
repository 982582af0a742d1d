//! `POST /conversations`

use actix_web::HttpRequest;
use apistos::{ApiComponent, api_operation};
use schemars::JsonSchema;
use serde::Serialize;

use super::body::{Either, EitherBody};
use super::view::{ConversationView, SpokenTurnView};
use super::{audio, text};
use crate::error::ApiError;
use crate::extract::{ApiJson, Scoped, scopes};
use crate::reply::Reply;
use crate::state::State;

/// A conversation, or a turn that was spoken.
#[derive(Serialize, JsonSchema, ApiComponent)]
#[serde(untagged)]
#[schemars(rename = "GeneratedEither")]
#[expect(dead_code, reason = "describes what two routes write")]
pub(super) enum EitherView {
    Conversation(ConversationView),
    Turn(SpokenTurnView),
}

/// A dialogue around a word, or the sound of one of its turns, by `type`.
///
/// The same as `/conversations/text/generate` and `/conversations/audio/generate`.
#[api_operation(tag = "conversations", operation_id = "generateEither")]
pub(super) async fn handler(
    request: HttpRequest,
    caller: Scoped<scopes::Conversations>,
    body: ApiJson<EitherBody>,
    state: State,
) -> Result<Reply<EitherView>, ApiError> {
    let answer = match body.0.into_either() {
        Either::Text(body) => text::answer(&request, &caller, &body, &state).await?,
        Either::Audio(body) => audio::answer(&request, &caller, &body, &state).await?,
    };
    Ok(answer.into())
}
