//! An entry of the audit log.

use std::collections::BTreeMap;

use serde_json::Value;

use super::{Action, Circumstances};
use crate::ids::{ApiKeyId, AuditId, UserId};
use crate::time::Timestamp;

/// Who did something.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Actor {
    /// The owner of an account, signed in.
    Account(UserId),
    /// A program with a key of an account.
    ApiKey {
        /// Whose key it is.
        owner: UserId,
        /// Which key.
        key: ApiKeyId,
    },
    /// Somebody who runs commands of the program.
    Operator,
    /// The program itself.
    System,
    /// Somebody who did not show who they are.
    Anonymous,
}

impl Actor {
    /// The name of its kind in stores and views, the account and the key.
    pub const fn parts(self) -> (&'static str, Option<UserId>, Option<ApiKeyId>) {
        match self {
            Self::Account(id) => ("account", Some(id), None),
            Self::ApiKey { owner, key } => ("api_key", Some(owner), Some(key)),
            Self::Operator => ("operator", None, None),
            Self::System => ("system", None, None),
            Self::Anonymous => ("anonymous", None, None),
        }
    }

    /// The actor of these parts, if there is one.
    pub fn of_parts(kind: &str, account: Option<UserId>, key: Option<ApiKeyId>) -> Option<Self> {
        match (kind, account, key) {
            ("account", Some(id), None) => Some(Self::Account(id)),
            ("api_key", Some(owner), Some(key)) => Some(Self::ApiKey { owner, key }),
            ("operator", None, None) => Some(Self::Operator),
            ("system", None, None) => Some(Self::System),
            ("anonymous", None, None) => Some(Self::Anonymous),
            _ => None,
        }
    }
}

/// A short text that says more: a number, a name from a fixed list, an id. Never a secret, never a free text but an
/// administrator's reason.
pub type Detail = String;

/// What the audit log tells of one action.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuditEntry {
    /// Its id; entries are ordered by it.
    pub id: AuditId,
    /// When it was done, in whole milliseconds.
    pub at: Timestamp,
    /// Who did it.
    pub actor: Actor,
    /// What was done.
    pub action: Action,
    /// To whose account, if to one.
    pub subject: Option<UserId>,
    /// Where from.
    pub circumstances: Circumstances,
    /// What else is to be known, by name.
    pub details: BTreeMap<String, Detail>,
}

impl AuditEntry {
    /// The same with one more detail.
    pub fn with(mut self, name: &'static str, detail: impl Into<Detail>) -> Self {
        self.details.insert(name.to_owned(), detail.into());
        self
    }

    /// The details as an object of JSON, in the order of their names.
    pub fn details_json(&self) -> String {
        let members = self.details.iter();
        let members = members.map(|(name, detail)| (name.clone(), Value::from(detail.as_str())));
        Value::Object(members.collect()).to_string()
    }

    /// The details that such an object holds.
    pub fn details_of_json(text: &str) -> Option<BTreeMap<String, Detail>> {
        serde_json::from_str(text).ok()
    }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;

    #[test]
    fn an_actor_is_told_by_its_parts() {
        let owner = UserId(Uuid::from_u128(1));
        let key = ApiKeyId(Uuid::from_u128(2));
        for actor in [
            Actor::Account(owner),
            Actor::ApiKey { owner, key },
            Actor::Operator,
            Actor::System,
            Actor::Anonymous,
        ] {
            let (kind, account, key) = actor.parts();
            assert_eq!(Actor::of_parts(kind, account, key), Some(actor));
        }
        assert_eq!(Actor::of_parts("account", None, None), None);
        assert_eq!(Actor::of_parts("system", Some(owner), None), None);
    }

    #[test]
    fn details_are_an_object_in_the_order_of_their_names() {
        let entry = AuditEntry {
            id: AuditId(Uuid::nil()),
            at: Timestamp::UNIX_EPOCH,
            actor: Actor::System,
            action: Action::AccountPurged,
            subject: None,
            circumstances: Circumstances::default(),
            details: BTreeMap::new(),
        };
        assert_eq!(entry.details_json(), "{}");
        let entry = entry.with("b", "\"2\"").with("a", "1");
        assert_eq!(entry.details_json(), r#"{"a":"1","b":"\"2\""}"#);
        assert_eq!(
            AuditEntry::details_of_json(&entry.details_json()),
            Some(entry.details)
        );
        assert_eq!(AuditEntry::details_of_json("[]"), None);
    }
}
