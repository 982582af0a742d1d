//! The use-cases of administration: look for accounts, change them, delete, restore and purge them.

use std::sync::Arc;

use chrono::TimeDelta;
use futures_util::future::try_join_all;

use super::changes::{AdministrationError, Authority, Changed, Changes, Decided};
use super::{AccountDirectory, AccountPlace, AccountQuery, Reason};
use crate::accounts::{
    Account, AccountStore, Deletion, Ends, Lockouts, Role, Roles, SecondFactors, SessionStore, Sessions,
    Standing,
};
use crate::audit::{Action, Actor, AuditEntry, AuditStore, Circumstances};
use crate::ids::{IdGenerator, UserId, WordId};
use crate::port::PortError;
use crate::time::{Clock, Timestamp};

/// For how long an account can be restored that an administrator deleted.
pub const RESTORABLE_FOR: TimeDelta = TimeDelta::days(30);
/// How many accounts one look for due ones finds.
const PURGED_AT_ONCE: u32 = 100;

/// What is to change about an account; what is absent stays.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct AccountOrder {
    /// Its roles; `user` is always among them.
    pub roles: Option<Roles>,
    /// Whether it may be used.
    pub active: Option<bool>,
    /// Whether its owner pays.
    pub is_premium: Option<bool>,
    /// Whether a lock ends.
    pub unlock: bool,
    /// Whether its second factor is taken away; all its sessions end with it.
    pub reset_second_factor: bool,
    /// Why.
    pub reason: Option<Reason>,
}

/// An account, with what is known of it besides.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Overseen {
    /// The account.
    pub account: Account,
    /// Until when nobody can sign in but on a known device, after too many failed.
    pub locked_until: Option<Timestamp>,
}

/// Some accounts, and where the next ones begin, if there are more.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AccountPage {
    /// The accounts.
    pub accounts: Vec<Overseen>,
    /// Where to go on.
    pub next: Option<AccountPlace>,
}

/// What [`Administration`] calls.
#[derive(Clone)]
pub struct AdministrationPorts {
    /// The accounts.
    pub accounts: Arc<dyn AccountStore>,
    /// The sessions.
    pub sessions: Arc<dyn SessionStore>,
    /// The directory of all accounts.
    pub directory: Arc<dyn AccountDirectory>,
    /// The audit log.
    pub audit: Arc<dyn AuditStore>,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// New ids.
    pub ids: Arc<dyn IdGenerator>,
}

/// The use-cases of administrators. Whoever calls them has made sure that it is one who asks.
pub struct Administration {
    sessions: Arc<Sessions>,
    lockouts: Arc<Lockouts>,
    second_factors: Arc<SecondFactors>,
    ports: AdministrationPorts,
    changes: Changes,
}

impl Administration {
    /// The use-cases over these ports.
    pub fn new(
        ports: AdministrationPorts,
        sessions: Arc<Sessions>,
        lockouts: Arc<Lockouts>,
        second_factors: Arc<SecondFactors>,
    ) -> Self {
        let (accounts, clock) = (Arc::clone(&ports.accounts), Arc::clone(&ports.clock));
        Self {
            sessions,
            lockouts,
            second_factors,
            changes: Changes::new(accounts, clock, Arc::clone(&ports.ids)),
            ports,
        }
    }

    /// The accounts that answer a query, at most `limit` from behind a place; noted in the audit log before they are told.
    pub async fn list(
        &self,
        query: &AccountQuery,
        after: Option<AccountPlace>,
        limit: u32,
        by: &Authority,
    ) -> Result<AccountPage, PortError> {
        let one_more = limit.saturating_add(1);
        let mut accounts = self.ports.directory.page(query, after, one_more).await?;
        let fits = usize::try_from(limit).unwrap_or(usize::MAX);
        let has_more = accounts.len() > fits;
        accounts.truncate(fits);
        let next = accounts.last().filter(|_| has_more).map(AccountPlace::from);
        let entry = self.listed(query, accounts.len(), by);
        self.ports.audit.append(&[entry]).await?;
        let accounts = accounts.into_iter().map(|account| self.overseen(account));
        Ok(AccountPage {
            accounts: try_join_all(accounts).await?,
            next,
        })
    }

    /// How many were seen of which kind; what was looked for may be somebody's address, and is left out.
    fn listed(&self, query: &AccountQuery, count: usize, by: &Authority) -> AuditEntry {
        let AccountQuery { text, role, status } = query;
        let entry = self.changes.entry(by, Action::AccountsListed, None);
        let mut entry = entry.with("count", count.to_string());
        if text.is_some() {
            entry = entry.with("by", "name");
        }
        if let Some(role) = role {
            entry = entry.with("role", role.as_str());
        }
        if let Some(status) = status {
            entry = entry.with("status", status.as_str());
        }
        entry
    }

    /// An account; noted in the audit log before it is told, unless it is the reader's own.
    pub async fn read(&self, id: UserId, by: &Authority) -> Result<Option<Overseen>, PortError> {
        let Some(found) = self.ports.accounts.by_id(id).await? else {
            return Ok(None);
        };
        if by.actor.parts().1 != Some(id) {
            let entry = self.changes.entry(by, Action::AccountRead, Some(id));
            self.ports.audit.append(&[entry]).await?;
        }
        self.overseen(found).await.map(Some)
    }

    async fn overseen(&self, account: Account) -> Result<Overseen, PortError> {
        Ok(Overseen {
            locked_until: self.lockouts.locked_until(&account).await?,
            account,
        })
    }

    /// Changes an account. Where its roles or its standing change, all its sessions end.
    ///
    /// The standing of a deleted account is not changed this way.
    pub async fn change(
        &self,
        id: UserId,
        order: &AccountOrder,
        by: &Authority,
    ) -> Result<Overseen, AdministrationError> {
        let decide = |before: &Account, now| self.decide(before, order, by, now);
        let changed = self.changes.make(id, decide).await?;
        if order.unlock {
            let (account, from) = (&changed.account, &by.circumstances);
            self.lockouts.unlock(account, by.actor, from).await?;
        }
        if order.reset_second_factor {
            let entry = self.changes.entry(by, Action::SecondFactorRemoved, Some(id));
            let entry = because(entry, order.reason.as_ref());
            self.second_factors.reset(&changed.account, entry).await?;
        }
        self.known_everywhere(changed).await
    }

    fn decide(
        &self,
        before: &Account,
        order: &AccountOrder,
        by: &Authority,
        now: Timestamp,
    ) -> Result<Option<Decided>, AdministrationError> {
        let AccountOrder {
            roles,
            active,
            is_premium,
            unlock: _,
            reset_second_factor: _,
            reason,
        } = order;
        let mut after = before.clone();
        let mut entries = Vec::new();
        if let Some(roles) = roles {
            after.roles = roles | &Roles::from([Role::User]);
            if after.roles != before.roles {
                entries.push(self.changes.roles_entry(by, before, &after.roles));
            }
        }
        if let Some(active) = active {
            after.standing = standing(&before.standing, *active, now)?;
            if after.standing != before.standing {
                entries.push(self.changes.entry(by, activity(*active), Some(before.id)));
            }
        }
        let ends = if entries.is_empty() {
            Ends::Nothing
        } else {
            Ends::AllSessions
        };
        if let Some(is_premium) = is_premium
            && *is_premium != before.is_premium
        {
            after.is_premium = *is_premium;
            let entry = self.changes.entry(by, Action::PremiumChanged, Some(before.id));
            let entry = entry.with("from", before.is_premium.to_string());
            entries.push(entry.with("to", is_premium.to_string()));
        }
        if entries.is_empty() {
            return Ok(None);
        }
        let entries = entries.into_iter().map(|entry| because(entry, reason.as_ref()));
        Ok(Some(Decided {
            entries: entries.collect(),
            after: before.changed(now, |next| *next = after),
            ends,
        }))
    }

    /// Deletes an account, which can be restored for a while; all its sessions end.
    ///
    /// One that an administrator deleted before stays as it is; one that its owner deleted is the administrator's from now on.
    pub async fn delete(
        &self,
        id: UserId,
        reason: &Reason,
        by: &Authority,
    ) -> Result<Overseen, AdministrationError> {
        let decide = |before: &Account, now| {
            if matches!(&before.standing, Standing::Deleted(deletion) if !deletion.by_owner) {
                return Ok(None);
            }
            let deletion = Deletion {
                by_owner: false,
                reason: Some(reason.as_str().to_owned()),
                since: now,
                purge_at: now + RESTORABLE_FOR,
            };
            let entry = self.changes.entry(by, Action::AccountDeleted, Some(id));
            Ok(Some(Decided {
                after: before.changed(now, |next| next.standing = Standing::Deleted(deletion)),
                ends: Ends::AllSessions,
                entries: vec![because(entry, Some(reason))],
            }))
        };
        let changed = self.changes.make(id, decide).await?;
        self.known_everywhere(changed).await
    }

    /// Brings an account back that an administrator deleted: it is in use again. One that is not deleted stays as it is.
    pub async fn restore(&self, id: UserId, by: &Authority) -> Result<Overseen, AdministrationError> {
        let decide = |before: &Account, now| match &before.standing {
            Standing::Active | Standing::Deactivated { .. } => Ok(None),
            Standing::Deleted(deletion) if deletion.by_owner => Err(AdministrationError::DeletedByOwner),
            Standing::Deleted(_) => Ok(Some(Decided {
                after: before.changed(now, |next| next.standing = Standing::Active),
                ends: Ends::Nothing,
                entries: vec![self.changes.entry(by, Action::AccountRestored, Some(id))],
            })),
        };
        let changed = self.changes.make(id, decide).await?;
        Ok(self.overseen(changed.account).await?)
    }

    /// Ends all sessions of an account; how many there were.
    pub async fn revoke_sessions(&self, id: UserId, by: &Authority) -> Result<usize, AdministrationError> {
        let found = self.ports.accounts.by_id(id).await?;
        found.ok_or(AdministrationError::NotFound)?;
        let entry = self.changes.entry(by, Action::SessionsRevoked, Some(id));
        let now = self.ports.clock.now();
        let ended = self
            .ports
            .sessions
            .revoke_all(id, None, now, &entry.into())
            .await?;
        self.announce(Some(&ended)).await?;
        Ok(ended.len())
    }

    /// Notes in the audit log that the conversations of a word are to be forgotten.
    pub async fn note_forgotten(&self, word: &WordId, by: &Authority) -> Result<(), PortError> {
        let entry = self.changes.entry(by, Action::ConversationsForgotten, None);
        self.ports
            .audit
            .append(&[entry.with("word", word.as_str())])
            .await
    }

    /// Deletes for good what was to be gone by now; how many accounts those were.
    pub async fn purge_due(&self) -> Result<u32, PortError> {
        let system = Authority {
            actor: Actor::System,
            circumstances: Circumstances::default(),
        };
        let mut purged = 0;
        loop {
            let now = self.ports.clock.now();
            let due = self.ports.directory.due(now, PURGED_AT_ONCE).await?;
            if due.is_empty() {
                return Ok(purged);
            }
            for id in due {
                let entry = self.changes.entry(&system, Action::AccountPurged, Some(id));
                purged += u32::from(self.ports.directory.purge(id, now, &entry).await?);
            }
        }
    }

    async fn known_everywhere(&self, changed: Changed) -> Result<Overseen, AdministrationError> {
        self.announce(changed.ended.as_deref()).await?;
        Ok(self.overseen(changed.account).await?)
    }

    /// Makes known which sessions ended. Where nothing did now, an earlier attempt may have ended them whose answer was lost:
    /// the store knows.
    async fn announce(&self, ended: Option<&[crate::ids::SessionId]>) -> Result<(), PortError> {
        match ended {
            Some(ended) if !ended.is_empty() => self.sessions.announce_ended(ended).await,
            _ => drop(self.sessions.load_revoked().await?),
        }
        Ok(())
    }
}

/// How an account stands that is to be in use, or not.
fn standing(before: &Standing, active: bool, now: Timestamp) -> Result<Standing, AdministrationError> {
    match (before, active) {
        (Standing::Deleted(_), _) => Err(AdministrationError::Deleted),
        (Standing::Active, false) => Ok(Standing::Deactivated { since: now }),
        (Standing::Deactivated { .. }, true) => Ok(Standing::Active),
        (Standing::Active, true) | (Standing::Deactivated { .. }, false) => Ok(before.clone()),
    }
}

const fn activity(active: bool) -> Action {
    if active {
        Action::AccountReactivated
    } else {
        Action::AccountDeactivated
    }
}

/// The entry with the reason, if there is one.
fn because(entry: AuditEntry, reason: Option<&Reason>) -> AuditEntry {
    match reason {
        Some(reason) => entry.with("reason", reason.as_str()),
        None => entry,
    }
}
