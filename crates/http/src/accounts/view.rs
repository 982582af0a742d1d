//! What an account looks like to its owner.

use apistos::ApiComponent;
use parlance_domain::accounts::{Account, CefrLevel, Role};
use schemars::JsonSchema;
use serde::Serialize;

use crate::time::rfc3339_millis;

/// An account, as its owner sees it.
#[derive(Debug, Serialize, JsonSchema, ApiComponent)]
#[serde(rename_all = "camelCase")]
#[schemars(rename = "User")]
pub(crate) struct UserView {
    /// Its id, a UUIDv7.
    id: String,
    /// The address it signs in with.
    email: String,
    /// A second name to sign in with.
    username: Option<String>,
    /// What others see.
    display_name: Option<String>,
    /// What it may do.
    roles: Vec<&'static str>,
    /// The language its owner speaks, a BCP 47 tag.
    native_language: Option<String>,
    /// The language its owner learns, a BCP 47 tag.
    target_language: Option<String>,
    /// How well its owner knows it: A1 to C2.
    proficiency_level: Option<&'static str>,
    /// Where its days begin and end, an IANA name.
    time_zone: &'static str,
    /// Whether its owner pays.
    is_premium: bool,
    /// Whether the address was shown to be its owner's.
    email_verified: bool,
    /// When it was made.
    created_at: String,
    /// When it last changed.
    updated_at: String,
    /// When its owner last signed in with the password.
    last_login_at: Option<String>,
}

impl From<Account> for UserView {
    fn from(account: Account) -> Self {
        let Account {
            id,
            email,
            username,
            display_name,
            roles,
            native_language,
            target_language,
            proficiency_level,
            time_zone,
            is_premium,
            email_verified,
            created_at,
            updated_at,
            last_login_at,
            standing: _,
            revision: _,
        } = account;
        Self {
            id: id.to_string(),
            email: email.as_str().to_owned(),
            username: username.map(|name| name.as_str().to_owned()),
            display_name: display_name.map(|name| name.as_str().to_owned()),
            roles: roles.into_iter().map(Role::as_str).collect(),
            native_language: native_language.map(|tag| tag.as_str().to_owned()),
            target_language: target_language.map(|tag| tag.as_str().to_owned()),
            proficiency_level: proficiency_level.map(CefrLevel::as_str),
            time_zone: time_zone.name(),
            is_premium,
            email_verified,
            created_at: rfc3339_millis(created_at),
            updated_at: rfc3339_millis(updated_at),
            last_login_at: last_login_at.map(rfc3339_millis),
        }
    }
}
