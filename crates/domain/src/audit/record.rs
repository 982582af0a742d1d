//! An entry as it is kept.

use std::collections::BTreeMap;

use super::{AuditEntry, Detail, UserAgent};
use crate::ids::{ApiKeyId, AuditId, UserId};
use crate::time::Timestamp;

/// An entry of the audit log as it is kept.
///
/// Its texts are read as they are: a newer release may have written an action that this one does not know, and what was
/// tampered with is to be shown, not to be stumbled over.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuditRecord {
    /// Its id.
    pub id: AuditId,
    /// When it was done.
    pub at: Timestamp,
    /// The kind of who did it, as [`Actor::parts`](super::Actor::parts) names it.
    pub actor_kind: String,
    /// The account of who did it.
    pub actor_id: Option<UserId>,
    /// The key of the program that did it.
    pub api_key_id: Option<ApiKeyId>,
    /// The name of what was done.
    pub action: String,
    /// To whose account.
    pub subject: Option<UserId>,
    /// The address it was done from.
    pub address: Option<String>,
    /// What the client says that it is.
    pub user_agent: Option<String>,
    /// The id of the request.
    pub request_id: Option<String>,
    /// An object of JSON whose members are texts, in the order of their names.
    pub details: String,
}

impl AuditRecord {
    /// What else is to be known, by name; `None` where it was tampered with.
    pub fn details(&self) -> Option<BTreeMap<String, Detail>> {
        AuditEntry::details_of_json(&self.details)
    }
}

impl From<&AuditEntry> for AuditRecord {
    fn from(entry: &AuditEntry) -> Self {
        let (kind, actor_id, api_key_id) = entry.actor.parts();
        let from = &entry.circumstances;
        Self {
            id: entry.id,
            at: entry.at,
            actor_kind: kind.to_owned(),
            actor_id,
            api_key_id,
            action: entry.action.as_str().to_owned(),
            subject: entry.subject,
            address: from.address.map(|address| address.to_string()),
            user_agent: from.user_agent.as_ref().map(UserAgent::as_str).map(str::to_owned),
            request_id: from.request_id.clone(),
            details: entry.details_json(),
        }
    }
}
