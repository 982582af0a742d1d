//! Who administers, as whoever runs the program decides at the command line.

use std::sync::Arc;

use super::changes::{AdministrationError, Authority, Changes, Decided};
use super::{AccountDirectory, AccountQuery};
use crate::accounts::{Account, AccountStore, Email, Ends, Role};
use crate::audit::{Action, Actor, AuditStore, Circumstances};
use crate::ids::IdGenerator;
use crate::port::PortError;
use crate::time::Clock;

/// More than there will be.
const MOST_ADMINISTRATORS: u32 = 1_000;

/// The use-cases of an operator who names administrators.
///
/// Servers that run on the same store notice by themselves which sessions ended.
pub struct Administrators {
    directory: Arc<dyn AccountDirectory>,
    audit: Arc<dyn AuditStore>,
    changes: Changes,
}

impl Administrators {
    /// The use-cases over these ports.
    pub fn new(
        accounts: Arc<dyn AccountStore>,
        directory: Arc<dyn AccountDirectory>,
        audit: Arc<dyn AuditStore>,
        clock: Arc<dyn Clock>,
        ids: Arc<dyn IdGenerator>,
    ) -> Self {
        Self {
            directory,
            audit,
            changes: Changes::new(accounts, clock, ids),
        }
    }

    /// Makes the account of an address one that administers; whether it was none before.
    pub async fn grant(&self, email: &Email) -> Result<bool, AdministrationError> {
        self.set(email, true).await
    }

    /// Makes the account of an address one that does not administer; whether it was one before.
    pub async fn withdraw(&self, email: &Email) -> Result<bool, AdministrationError> {
        self.set(email, false).await
    }

    /// The accounts that administer, the youngest first; noted in the audit log.
    pub async fn list(&self) -> Result<Vec<Account>, PortError> {
        let query = AccountQuery {
            role: Some(Role::Admin),
            ..AccountQuery::default()
        };
        let found = self.directory.page(&query, None, MOST_ADMINISTRATORS).await?;
        let entry = self.changes.entry(&operator(), Action::AccountsListed, None);
        let entry = entry.with("role", Role::Admin.as_str());
        let entry = entry.with("count", found.len().to_string());
        self.audit.append(&[entry]).await?;
        Ok(found)
    }

    async fn set(&self, email: &Email, administers: bool) -> Result<bool, AdministrationError> {
        let found = self.changes.accounts.by_email(email).await?;
        let id = found.ok_or(AdministrationError::NotFound)?.account.id;
        let decide = |before: &Account, now| {
            let mut roles = before.roles.clone();
            if administers {
                roles.insert(Role::Admin);
            } else {
                roles.remove(&Role::Admin);
            }
            if roles == before.roles {
                return Ok(None);
            }
            let entry = self.changes.roles_entry(&operator(), before, &roles);
            Ok(Some(Decided {
                after: before.changed(now, |next| next.roles = roles),
                ends: Ends::AllSessions,
                entries: vec![entry],
            }))
        };
        let changed = self.changes.make(id, decide).await?;
        Ok(changed.ended.is_some())
    }
}

fn operator() -> Authority {
    Authority {
        actor: Actor::Operator,
        circumstances: Circumstances::default(),
    }
}
