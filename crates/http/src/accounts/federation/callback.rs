//! `GET /auth/providers/{provider}/callback`

use actix_web::HttpRequest;
use apistos::{ApiComponent, api_operation};
use parlance_domain::accounts::{BrowserBinding, Callback, CompleteError, Completed, Completion, SignedIn};
use schemars::JsonSchema;
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;
use validator::Validate;

use super::authorize::tell;
use super::path::ProviderPath;
use super::return_to;
use crate::accounts::cookie;
use crate::error::{ApiError, ErrorCode};
use crate::extract::{ApiPath, ApiQuery, Arrival};
use crate::reply::Found;
use crate::state::{CookiePolicy, State};

/// The longest code and state that are looked at.
const LONGEST: usize = 4_096;

/// What the provider gave the browser (RFC 6749, 4.1.2; RFC 9207).
#[derive(Deserialize, JsonSchema, ApiComponent, Validate)]
pub(super) struct Query {
    /// The state of the request.
    state: Option<String>,
    /// The code.
    code: Option<String>,
    /// Why there is none.
    error: Option<String>,
    /// The provider's issuer.
    iss: Option<String>,
}

impl Query {
    fn callback(&self) -> Callback {
        let secret = |text: &Option<String>| {
            let text = text.as_deref().filter(|text| text.len() <= LONGEST);
            text.map(SecretString::from)
        };
        Callback {
            state: secret(&self.state),
            // Where there is both, it is no answer to believe.
            code: secret(&self.code).filter(|_| self.error.is_none()),
            error: self.error.clone().map(|error| {
                if is_error_code(&error) {
                    error
                } else {
                    "unreadable".to_owned()
                }
            }),
            issuer: self.iss.clone(),
        }
    }
}

/// Whether a text can be a code of an error, and be written to the log.
fn is_error_code(text: &str) -> bool {
    (1..=64).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_')
}

/// Takes a browser that comes back from a provider, and sends it to `returnTo`.
///
/// Whoever is signed in has the cookie of a session from then on: `returnTo` calls `/auth/refresh` for an access token. Where an
/// identity was linked, `linked` in the query of `returnTo` names the provider. Else `error` in it is one of:
/// `SIGN_IN_NOT_VALID` (nothing of this browser is under way; then `returnTo` is `PUBLIC_URL`), `PROVIDER_REFUSED`,
/// `PROVIDER_UNAVAILABLE`, `EMAIL_NOT_VERIFIED`, `LINK_CONFIRMATION_SENT`, `SECOND_FACTOR_REQUIRED` (behind `#challenge=` stands
/// the challenge for `/auth/second-factor`), `ACCOUNT_DEACTIVATED`, `IDENTITY_TAKEN`, `UNAUTHORIZED` (the session that asked
/// for a link has ended), `UNAVAILABLE`.
#[api_operation(tag = "accounts", operation_id = "completeAtProvider", no_security)]
pub(super) async fn handler(
    req: HttpRequest,
    state: State,
    path: ApiPath<ProviderPath>,
    query: ApiQuery<Query>,
    arrival: Arrival,
) -> Result<Found, ApiError> {
    if !state.config.features.auth_enabled {
        return Err(ApiError::new(ErrorCode::AuthDisabled));
    }
    let provider = path.provider(&state)?;
    let binding = cookie::binding_of(&req).and_then(|text| BrowserBinding::read(&text));
    let completion = state
        .services
        .federation
        .complete(&**provider, &query.callback(), binding.as_ref(), &arrival.0)
        .await;
    let Completion { return_to, outcome } = completion;
    let page = return_to.as_deref().unwrap_or(&state.config.public_url);
    match outcome {
        Ok(Completed::SignedIn(signed_in)) => Ok(signed_in_at(page, &signed_in, state.config.refresh_cookie)),
        Ok(Completed::Linked) => {
            let page = return_to::with(page, "linked", provider.id().as_str());
            Ok(Found::to(&page))
        }
        Err(error) => not_completed(page, error),
    }
}

/// To the page, with the cookies of whoever signed in.
fn signed_in_at(page: &str, signed_in: &SignedIn, policy: CookiePolicy) -> Found {
    let token = signed_in.tokens.refresh_token.expose_secret();
    let found = Found::to(page).with_cookie(&cookie::holding(token, policy));
    match &signed_in.device_token {
        Some(token) => found.with_cookie(&cookie::holding_device(token.expose_secret(), policy)),
        None => found,
    }
}

/// To the page, which is told why there is nothing.
fn not_completed(page: &str, error: CompleteError) -> Result<Found, ApiError> {
    let code = match error {
        CompleteError::SecondFactorRequired { challenge } => {
            return Ok(Found::to(&return_to::with_challenge(page, &challenge)));
        }
        CompleteError::Port(error) => return Err(ApiError::port(error)),
        CompleteError::Provider(error) => {
            tell(&error);
            ErrorCode::ProviderUnavailable
        }
        CompleteError::Refused(because) => {
            tell(&*because);
            ErrorCode::ProviderRefused
        }
        CompleteError::NotUnderWay => ErrorCode::SignInNotValid,
        CompleteError::EmailNotVerified => ErrorCode::EmailNotVerified,
        CompleteError::ConfirmationSent => ErrorCode::LinkConfirmationSent,
        CompleteError::Deactivated => ErrorCode::AccountDeactivated,
        CompleteError::IdentityTaken => ErrorCode::IdentityTaken,
        CompleteError::SessionEnded => ErrorCode::Unauthorized,
        CompleteError::Conflict => ErrorCode::Unavailable,
    };
    Ok(Found::to(&return_to::with_error(page, code)))
}
