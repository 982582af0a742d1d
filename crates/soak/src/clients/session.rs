//! The session that a device holds, as its tokens tell it.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::Value;

use super::Reply;
use crate::history::{SignedIn, token_of};

/// What a signed-in device holds.
#[derive(Clone)]
pub struct Session {
    /// The session's id.
    pub id: String,
    /// The access token.
    pub access: String,
    /// The refresh token.
    pub refresh: String,
}

impl Session {
    /// The session that an answer to register or login began, with what the history keeps of it.
    pub(super) fn begun_by(reply: &Reply) -> Option<(Self, SignedIn)> {
        let body = reply.json()?;
        let session = Self::held(reply, &body)?;
        let signed_in = SignedIn {
            user_id: body["data"]["user"]["id"].as_str()?.to_owned(),
            session: session.id.clone(),
            token: token_of(&session.refresh),
        };
        Some((session, signed_in))
    }

    /// The session as an answer to refresh leaves it.
    pub(super) fn renewed_by(reply: &Reply) -> Option<Self> {
        Self::held(reply, &reply.json()?)
    }

    fn held(reply: &Reply, body: &Value) -> Option<Self> {
        let access = body["data"]["accessToken"].as_str()?.to_owned();
        Some(Self {
            id: session_of(&access)?,
            access,
            refresh: reply.cookie.clone()?,
        })
    }
}

/// The session that an access token names; its signature is the server's business.
fn session_of(access: &str) -> Option<String> {
    let payload = URL_SAFE_NO_PAD.decode(access.split('.').nth(1)?).ok()?;
    let claims: Value = serde_json::from_slice(&payload).ok()?;
    claims["sid"].as_str().map(str::to_owned)
}
