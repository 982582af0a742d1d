//! `POST /conversations/text/generate`

use actix_web::HttpRequest;
use actix_web::HttpResponse;
use apistos::api_operation;
use parlance_domain::conversations::{Generate, Generated};
use parlance_domain::ids::UserId;

use super::body::TextBody;
use super::view::ConversationView;
use crate::error::ApiError;
use crate::extract::{ApiJson, Scoped, scopes};
use crate::idempotency::once;
use crate::reply::Reply;
use crate::state::State;
use crate::upstream::{Outcome, WRITING};

/// A dialogue around a word.
///
/// One that was written before is there at once and counts towards no limit. For whoever has a key of their own, its
/// provider writes, and nobody else reads it.
#[api_operation(tag = "conversations", operation_id = "generateConversation")]
pub(super) async fn handler(
    request: HttpRequest,
    caller: Scoped<scopes::Conversations>,
    body: ApiJson<TextBody>,
    state: State,
) -> Result<Reply<ConversationView>, ApiError> {
    let answer = answer(&request, &caller, &body, &state).await?;
    Ok(answer.into())
}

pub(super) async fn answer(
    request: &HttpRequest,
    caller: &Scoped<scopes::Conversations>,
    body: &TextBody,
    state: &State,
) -> Result<HttpResponse, ApiError> {
    let user = caller.user_id();
    let doing = generated(state.clone(), user, body.command()?);
    once(request, state, user, || body.fingerprint(), doing).await
}

async fn generated(state: State, user: UserId, generate: Generate) -> Outcome {
    match state.services.conversations.generate(user, generate).await {
        Ok(Generated {
            conversation,
            cached: true,
        }) => Outcome::written(state.conversation_replies.kept(&conversation)),
        Ok(Generated {
            conversation,
            cached: false,
        }) => match conversation.read() {
            Ok(made) => Outcome::made(&state, user, &ConversationView::new(made, false)).await,
            Err(error) => Outcome::refused(error.into()),
        },
        Err(error) => Outcome::not_made(&state, user, &WRITING, error).await,
    }
}
