//! The envelopes that the routes of a session answer with.

use apistos::ApiComponent;
use parlance_domain::accounts::{Account, Refreshed, SignedIn};
use schemars::JsonSchema;
use secrecy::ExposeSecret;
use serde::Serialize;

use super::cookie;
use super::view::UserView;
use crate::error::ApiError;
use crate::reply::Reply;
use crate::state::CookiePolicy;

/// Who signed in, with the token for requests. The refresh token is in the cookie alone.
#[derive(Serialize, JsonSchema, ApiComponent)]
pub(crate) struct SignedInBody {
    /// Always true.
    success: bool,
    data: SignedInData,
}

#[derive(Serialize, JsonSchema, ApiComponent)]
#[serde(rename_all = "camelCase")]
struct SignedInData {
    user: UserView,
    /// A JWT for `Authorization: Bearer …`.
    access_token: String,
    /// After how many seconds it expires.
    expires_in: i64,
    /// Always `Bearer`.
    token_type: &'static str,
}

/// The next token for requests.
#[derive(Serialize, JsonSchema, ApiComponent)]
pub(crate) struct RefreshedBody {
    /// Always true.
    success: bool,
    data: RefreshedData,
}

#[derive(Serialize, JsonSchema, ApiComponent)]
#[serde(rename_all = "camelCase")]
struct RefreshedData {
    /// A JWT for `Authorization: Bearer …`.
    access_token: String,
    /// After how many seconds it expires.
    expires_in: i64,
    /// Always `Bearer`.
    token_type: &'static str,
}

/// The account of the caller.
#[derive(Serialize, JsonSchema, ApiComponent)]
pub(crate) struct MeBody {
    /// Always true.
    success: bool,
    data: MeData,
}

#[derive(Serialize, JsonSchema, ApiComponent)]
struct MeData {
    user: UserView,
}

impl From<Account> for MeBody {
    fn from(account: Account) -> Self {
        Self {
            success: true,
            data: MeData { user: account.into() },
        }
    }
}

/// That the caller is signed out.
#[derive(Serialize, JsonSchema, ApiComponent)]
pub(crate) struct SignedOutBody {
    /// Always true.
    success: bool,
    /// A sentence that a person can read.
    message: &'static str,
}

/// Somebody who signed in, and their cookies.
pub(super) fn signed_in(signed_in: SignedIn, policy: CookiePolicy) -> Result<Reply<SignedInBody>, ApiError> {
    let SignedIn {
        account,
        tokens,
        device_token,
    } = signed_in;
    let cookie = cookie::holding(tokens.refresh_token.expose_secret(), policy);
    let body = SignedInBody {
        success: true,
        data: SignedInData {
            user: account.into(),
            access_token: tokens.access_token.0.expose_secret().to_owned(),
            expires_in: tokens.expires_in.num_seconds(),
            token_type: "Bearer",
        },
    };
    let reply = Reply::private(&body)?.with_cookie(&cookie);
    Ok(match device_token {
        Some(token) => reply.with_cookie(&cookie::holding_device(token.expose_secret(), policy)),
        None => reply,
    })
}

/// A fresh pair of tokens.
pub(super) fn refreshed(tokens: &Refreshed, policy: CookiePolicy) -> Result<Reply<RefreshedBody>, ApiError> {
    let cookie = cookie::holding(tokens.refresh_token.expose_secret(), policy);
    let body = RefreshedBody {
        success: true,
        data: RefreshedData {
            access_token: tokens.access_token.0.expose_secret().to_owned(),
            expires_in: tokens.expires_in.num_seconds(),
            token_type: "Bearer",
        },
    };
    Ok(Reply::private(&body)?.with_cookie(&cookie))
}

/// Somebody who is signed out, whose browser forgets the cookie.
pub(super) fn signed_out(policy: CookiePolicy) -> Result<Reply<SignedOutBody>, ApiError> {
    let cookie = cookie::forgotten(policy);
    let body = SignedOutBody {
        success: true,
        message: "You are signed out.",
    };
    Ok(Reply::private(&body)?.with_cookie(&cookie))
}
