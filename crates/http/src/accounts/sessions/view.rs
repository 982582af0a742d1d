//! What a session looks like to its owner.

use apistos::ApiComponent;
use parlance_domain::accounts::{Device, Session};
use parlance_domain::audit::UserAgent;
use parlance_domain::ids::SessionId;
use schemars::JsonSchema;
use serde::Serialize;

use crate::time::rfc3339_millis;

/// A device that is signed in.
#[derive(Debug, Serialize, JsonSchema, ApiComponent)]
#[serde(rename_all = "camelCase")]
#[schemars(rename = "Session")]
pub(crate) struct SessionView {
    /// Its id, a UUIDv7.
    id: String,
    /// Whether it is the one that asks.
    current: bool,
    /// What the device said that it is when it signed in.
    user_agent: Option<String>,
    /// The address that it signed in from.
    address: Option<String>,
    /// When it signed in.
    created_at: String,
    /// When it last asked for a new access token.
    last_used_at: String,
    /// When it ends unless it is used until then.
    expires_at: String,
    /// How its owner showed who they are: `password`, `second_factor`, `passkey` or `provider`.
    proof: &'static str,
}

impl SessionView {
    /// A session as somebody sees it in the one that asks.
    pub(super) fn new(session: Session, asking: SessionId) -> Self {
        let Session {
            id,
            user_id: _,
            counter: _,
            rotated_at,
            previous_rotated_at: _,
            created_at,
            expires_at,
            revoked_at: _,
            authenticated_at: _,
            proof,
            device:
                Device {
                    id: _,
                    user_agent,
                    address,
                },
        } = session;
        Self {
            id: id.to_string(),
            current: id == asking,
            user_agent: user_agent.as_ref().map(UserAgent::as_str).map(str::to_owned),
            address: address.map(|address| address.to_string()),
            created_at: rfc3339_millis(created_at),
            last_used_at: rfc3339_millis(rotated_at),
            expires_at: rfc3339_millis(expires_at),
            proof: proof.as_str(),
        }
    }
}
