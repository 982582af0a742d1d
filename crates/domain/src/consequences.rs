//! What is written together with a change: the entries of the audit log, the mails that it causes, and their secrets.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::accounts::{Account, Email, OneTimeSecret};
use crate::audit::{Action, Actor, AuditEntry, Circumstances};
use crate::ids::{AuditId, IdGenerator, MailId, UserId};
use crate::mail::{Message, OutgoingMail};
use crate::time::Clock;

/// What a store writes in the same transaction as the change that it belongs to, or not at all.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Consequences {
    /// What the audit log will tell.
    pub entries: Vec<AuditEntry>,
    /// What will be sent.
    pub mails: Vec<OutgoingMail>,
    /// What the links in it hold. Those of the same user for the same purpose that were good until then are not any more.
    pub secrets: Vec<OneTimeSecret>,
}

impl Consequences {
    /// The same with a mail more.
    pub fn and_mail(mut self, mail: OutgoingMail) -> Self {
        self.mails.push(mail);
        self
    }

    /// The same with a secret more.
    pub fn and_secret(mut self, secret: OneTimeSecret) -> Self {
        self.secrets.push(secret);
        self
    }

    /// The same with an entry more.
    pub fn and_entry(mut self, entry: AuditEntry) -> Self {
        self.entries.push(entry);
        self
    }
}

impl From<AuditEntry> for Consequences {
    fn from(entry: AuditEntry) -> Self {
        Self::default().and_entry(entry)
    }
}

/// Writes entries and mails, with their ids and times.
#[derive(Clone)]
pub struct Recorder {
    clock: Arc<dyn Clock>,
    ids: Arc<dyn IdGenerator>,
}

impl Recorder {
    /// A recorder with this clock and these ids.
    pub fn new(clock: Arc<dyn Clock>, ids: Arc<dyn IdGenerator>) -> Self {
        Self { clock, ids }
    }

    /// An entry about something that happens now.
    pub fn entry(
        &self,
        actor: Actor,
        action: Action,
        subject: Option<UserId>,
        circumstances: &Circumstances,
    ) -> AuditEntry {
        AuditEntry {
            id: AuditId(self.ids.next()),
            at: self.clock.now(),
            actor,
            action,
            subject,
            circumstances: circumstances.clone(),
            details: BTreeMap::new(),
        }
    }

    /// An entry about what the owner of an account does to it now.
    pub fn by_owner(&self, owner: UserId, action: Action, circumstances: &Circumstances) -> AuditEntry {
        self.entry(Actor::Account(owner), action, Some(owner), circumstances)
    }

    /// A mail to the address of an account.
    pub fn mail(&self, account: &Account, message: Message) -> OutgoingMail {
        self.mail_to(account, account.email.clone(), message)
    }

    /// A mail about an account to some address.
    pub fn mail_to(&self, account: &Account, to: Email, message: Message) -> OutgoingMail {
        OutgoingMail {
            id: MailId(self.ids.next()),
            user_id: account.id,
            to,
            language: account.native_language.clone(),
            message,
            created_at: self.clock.now(),
        }
    }
}
