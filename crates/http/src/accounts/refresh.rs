//! `POST /auth/refresh`

use actix_web::HttpRequest;
use apistos::api_operation;
use parlance_domain::accounts::RefreshError;

use super::answer::{self, RefreshedBody};
use super::{cookie, origin};
use crate::error::{ApiError, ErrorCode};
use crate::extract::Arrival;
use crate::reply::Reply;
use crate::state::State;

/// Exchanges the refresh token of the cookie for a fresh pair.
///
/// Two requests with the same cookie at the same time both succeed and get the same successor.
#[api_operation(tag = "accounts", operation_id = "refresh", no_security)]
pub(crate) async fn handler(
    req: HttpRequest,
    state: State,
    arrival: Arrival,
) -> Result<Reply<RefreshedBody>, ApiError> {
    origin::check(&req, &state.config)?;
    if !state.config.features.auth_enabled {
        return Err(ApiError::new(ErrorCode::AuthDisabled));
    }
    let token = cookie::of(&req).ok_or_else(|| ApiError::new(ErrorCode::MissingRefreshToken))?;
    let tokens = state.services.sessions.refresh(&token, &arrival.0).await;
    let tokens = tokens.map_err(refuse)?;
    answer::refreshed(&tokens, state.config.refresh_cookie)
}

fn refuse(error: RefreshError) -> ApiError {
    match error {
        RefreshError::Invalid => ApiError::new(ErrorCode::InvalidRefreshToken),
        RefreshError::Reused { session_id, user_id } => {
            tracing::warn!(event = "refresh_reuse", %session_id, %user_id, "a refresh token was used again");
            ApiError::new(ErrorCode::RefreshTokenReused)
        }
        RefreshError::Port(error) => ApiError::port(error),
    }
}
