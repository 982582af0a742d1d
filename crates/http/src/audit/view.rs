//! What an entry looks like to administrators.

use std::collections::BTreeMap;

use apistos::ApiComponent;
use parlance_domain::audit::AuditRecord;
use schemars::JsonSchema;
use serde::Serialize;

use crate::time::rfc3339_millis;

/// An entry of the audit log.
#[derive(Debug, Serialize, JsonSchema, ApiComponent)]
#[serde(rename_all = "camelCase")]
#[schemars(rename = "AuditEntry")]
pub(super) struct EntryView {
    /// Its id, a UUIDv7.
    id: String,
    /// When it was done.
    at: String,
    /// Who did it.
    actor: ActorView,
    /// What was done, such as `session.started`.
    action: String,
    /// The account to which it was done.
    subject: Option<String>,
    /// The address of the client.
    address: Option<String>,
    /// What the client says that it is.
    user_agent: Option<String>,
    /// The id of the request, as in the log of requests.
    request_id: Option<String>,
    /// What else is to be known, by name.
    details: BTreeMap<String, String>,
}

/// Who did something.
#[derive(Debug, Serialize, JsonSchema, ApiComponent)]
#[serde(rename_all = "camelCase")]
#[schemars(rename = "AuditActor")]
pub(super) struct ActorView {
    /// `account`, `api_key`, `operator` (somebody who runs commands), `system` (the program itself) or `anonymous`.
    kind: String,
    /// The account that did it, or whose key did.
    #[serde(skip_serializing_if = "Option::is_none")]
    user_id: Option<String>,
    /// The key of the program that did it.
    #[serde(skip_serializing_if = "Option::is_none")]
    api_key_id: Option<String>,
}

impl From<AuditRecord> for EntryView {
    fn from(record: AuditRecord) -> Self {
        // What was tampered with shows in `parlance audit verify`.
        let details = record.details().unwrap_or_default();
        let AuditRecord {
            id,
            at,
            actor_kind,
            actor_id,
            api_key_id,
            action,
            subject,
            address,
            user_agent,
            request_id,
            details: _,
        } = record;
        Self {
            id: id.to_string(),
            at: rfc3339_millis(at),
            actor: ActorView {
                kind: actor_kind,
                user_id: actor_id.map(|id| id.to_string()),
                api_key_id: api_key_id.map(|id| id.to_string()),
            },
            action,
            subject: subject.map(|id| id.to_string()),
            address,
            user_agent,
            request_id,
            details,
        }
    }
}
