//! `POST /auth/email-change/confirm`

use apistos::{ApiComponent, api_operation};
use parlance_domain::accounts::{ConfirmEmailChangeError, EmailChange};
use schemars::JsonSchema;
use serde::Serialize;

use super::body::TokenBody;
use crate::error::{ApiError, ErrorCode};
use crate::extract::{ApiJson, Arrival, check_writable};
use crate::reply::Reply;
use crate::state::State;

/// How far a change of the address has come.
#[derive(Serialize, JsonSchema, ApiComponent)]
#[schemars(rename = "EmailChange")]
pub(crate) struct View {
    /// Always true.
    success: bool,
    data: Progress,
}

#[derive(Serialize, JsonSchema, ApiComponent)]
#[schemars(rename = "EmailChangeProgress")]
struct Progress {
    /// Whether the address is changed; else the link at the other address is still to be followed.
    changed: bool,
}

/// Confirms a change of the address by the token of a link; the last one that is needed changes it.
///
/// Whether another account has the new address is told at the end alone. The change ends all sessions of the account. A
/// token is good once.
#[api_operation(tag = "accounts", operation_id = "confirmEmailChange", no_security)]
pub(crate) async fn handler(
    state: State,
    arrival: Arrival,
    body: ApiJson<TokenBody>,
) -> Result<Reply<View>, ApiError> {
    check_writable(state.config.features)?;
    let credentials = &state.services.credentials;
    let confirmed = credentials.confirm_email_change(body.token(), &arrival.0).await;
    let changed = confirmed.map_err(refuse)? == EmailChange::Done;
    Reply::private(&View {
        success: true,
        data: Progress { changed },
    })
}

fn refuse(error: ConfirmEmailChangeError) -> ApiError {
    match error {
        ConfirmEmailChangeError::LinkSpent => ApiError::new(ErrorCode::LinkNotValid),
        ConfirmEmailChangeError::EmailTaken => ApiError::new(ErrorCode::EmailExists),
        ConfirmEmailChangeError::Conflict => ApiError::new(ErrorCode::Unavailable),
        ConfirmEmailChangeError::Port(error) => ApiError::port(error),
    }
}
