//! How accounts of others are changed: read, decided, saved, and tried again when somebody was faster.

use std::sync::Arc;

use crate::accounts::{Account, AccountChange, AccountStore, Ends, Role, Roles, SaveAccountError};
use crate::audit::{Action, Actor, AuditEntry, Circumstances};
use crate::consequences::{Consequences, Recorder};
use crate::ids::{IdGenerator, SessionId, UserId};
use crate::port::PortError;
use crate::time::{Clock, Timestamp};

/// How often a change is tried again when somebody else was faster.
const SAVE_ATTEMPTS: usize = 4;

/// Who looks after accounts, and from where.
#[derive(Debug, Clone)]
pub struct Authority {
    /// Who it is.
    pub actor: Actor,
    /// Where the request came from.
    pub circumstances: Circumstances,
}

/// Why an account of somebody else was not changed.
#[derive(Debug, thiserror::Error)]
pub enum AdministrationError {
    /// There is none.
    #[error("there is no such account")]
    NotFound,
    /// It is deleted, and can only be restored.
    #[error("the account is deleted")]
    Deleted,
    /// Its owner deleted it, and its owner alone can change their mind.
    #[error("the account was deleted by its owner")]
    DeletedByOwner,
    /// Nobody would be left who looks after accounts.
    #[error("the last administrator stays")]
    LastAdministrator,
    /// It was changed by others again and again.
    #[error("the account is changed by others at the same time")]
    Conflict,
    /// Anything else.
    #[error(transparent)]
    Port(#[from] PortError),
}

/// What is to become of an account.
pub(super) struct Decided {
    pub(super) after: Account,
    pub(super) ends: Ends,
    pub(super) entries: Vec<AuditEntry>,
}

/// What became of an account.
pub(super) struct Changed {
    pub(super) account: Account,
    /// The sessions that ended with it; nothing where nothing was changed.
    pub(super) ended: Option<Vec<SessionId>>,
}

/// Changes accounts of others.
pub(super) struct Changes {
    pub(super) accounts: Arc<dyn AccountStore>,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) recorder: Recorder,
}

impl Changes {
    pub(super) fn new(
        accounts: Arc<dyn AccountStore>,
        clock: Arc<dyn Clock>,
        ids: Arc<dyn IdGenerator>,
    ) -> Self {
        Self {
            accounts,
            recorder: Recorder::new(Arc::clone(&clock), ids),
            clock,
        }
    }

    /// Makes the change that `decide` wants of the account as it is; `None` where it is as it should be.
    pub(super) async fn make(
        &self,
        id: UserId,
        decide: impl Fn(&Account, Timestamp) -> Result<Option<Decided>, AdministrationError> + Send + Sync,
    ) -> Result<Changed, AdministrationError> {
        for _ in 0..SAVE_ATTEMPTS {
            let before = self.accounts.by_id(id).await?;
            let before = before.ok_or(AdministrationError::NotFound)?;
            let Some(decided) = decide(&before, self.clock.now())? else {
                return Ok(Changed {
                    account: before,
                    ended: None,
                });
            };
            let consequences = Consequences {
                entries: decided.entries,
                ..Consequences::default()
            };
            let change = AccountChange::new(&before, decided.after, consequences).ending(decided.ends);
            match self.accounts.save(&change).await {
                Ok(ended) => {
                    return Ok(Changed {
                        account: change.account,
                        ended: Some(ended),
                    });
                }
                Err(SaveAccountError::LastAdministrator) => {
                    return Err(AdministrationError::LastAdministrator);
                }
                Err(SaveAccountError::Port(error)) => return Err(error.into()),
                // Neither a secret nor an address nor an identity is part of it.
                Err(
                    SaveAccountError::Conflict
                    | SaveAccountError::SecretSpent
                    | SaveAccountError::EmailTaken
                    | SaveAccountError::IdentityTaken,
                ) => {}
            }
        }
        Err(AdministrationError::Conflict)
    }

    /// An entry about what somebody in authority does to an account.
    pub(super) fn entry(&self, by: &Authority, action: Action, subject: Option<UserId>) -> AuditEntry {
        self.recorder.entry(by.actor, action, subject, &by.circumstances)
    }

    /// An entry about roles that change.
    pub(super) fn roles_entry(&self, by: &Authority, before: &Account, after: &Roles) -> AuditEntry {
        self.entry(by, Action::RolesChanged, Some(before.id))
            .with("from", names(&before.roles))
            .with("to", names(after))
    }
}

/// The names of roles, with spaces between.
fn names(roles: &Roles) -> String {
    let names: Vec<&str> = roles.iter().copied().map(Role::as_str).collect();
    names.join(" ")
}
