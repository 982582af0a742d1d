//! `POST /conversations/audio/generate`

use actix_web::{HttpRequest, HttpResponse};
use apistos::api_operation;
use parlance_domain::conversations::{SpeakTurn, SpeakTurnError};
use parlance_domain::ids::UserId;

use super::body::AudioBody;
use super::view::SpokenTurnView;
use crate::error::{ApiError, ErrorCode};
use crate::extract::{ApiJson, Scoped, scopes};
use crate::idempotency::once;
use crate::reply::Reply;
use crate::speech;
use crate::state::{AppState, State};
use crate::upstream::Outcome;

/// Has a turn of a conversation spoken.
///
/// The conversation has to be there already. What was spoken before counts towards no limit.
#[api_operation(tag = "conversations", operation_id = "speakTurn")]
pub(super) async fn handler(
    request: HttpRequest,
    caller: Scoped<scopes::Conversations>,
    body: ApiJson<AudioBody>,
    state: State,
) -> Result<Reply<SpokenTurnView>, ApiError> {
    let answer = answer(&request, &caller, &body, &state).await?;
    Ok(answer.into())
}

pub(super) async fn answer(
    request: &HttpRequest,
    caller: &Scoped<scopes::Conversations>,
    body: &AudioBody,
    state: &State,
) -> Result<HttpResponse, ApiError> {
    let user = caller.user_id();
    let doing = spoken(state.clone(), user, body.command()?);
    once(request, state, user, || body.fingerprint(), doing).await
}

async fn spoken(state: State, user: UserId, turn: SpeakTurn) -> Outcome {
    match state.services.conversations.speak_turn(user, turn).await {
        Ok(turn) if turn.spoken.cached => Outcome::kept(&SpokenTurnView::from(turn)),
        Ok(turn) => Outcome::made(&state, user, &SpokenTurnView::from(turn)).await,
        Err(error) => refuse(&state, user, error).await,
    }
}

async fn refuse(state: &AppState, user: UserId, error: SpeakTurnError) -> Outcome {
    match error {
        SpeakTurnError::ConversationNotFound => {
            Outcome::refused(ApiError::new(ErrorCode::ConversationNotFound))
        }
        SpeakTurnError::TurnNotFound => Outcome::refused(ApiError::new(ErrorCode::TurnNotFound)),
        SpeakTurnError::NotSpoken(error) => speech::refuse(state, user, error).await,
    }
}
