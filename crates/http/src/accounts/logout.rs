//! `POST /auth/logout`

use actix_web::HttpRequest;
use apistos::api_operation;

use super::answer::{self, SignedOutBody};
use super::{cookie, origin};
use crate::error::ApiError;
use crate::extract::Arrival;
use crate::reply::Reply;
use crate::state::State;

/// Ends the session of the cookie; access tokens of it stop working at once.
///
/// Also succeeds without a session.
#[api_operation(tag = "accounts", operation_id = "logout", no_security)]
pub(crate) async fn handler(
    req: HttpRequest,
    state: State,
    arrival: Arrival,
) -> Result<Reply<SignedOutBody>, ApiError> {
    origin::check(&req, &state.config)?;
    if let Some(token) = cookie::of(&req) {
        state.services.sessions.sign_out(&token, &arrival.0).await?;
    }
    answer::signed_out(state.config.refresh_cookie)
}
