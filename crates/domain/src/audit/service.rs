//! The use-cases of the audit log.

use std::sync::Arc;

use chrono::{SecondsFormat, TimeDelta};

use super::walk::Walk;
use super::{
    Action, Actor, AuditChain, AuditCursor, AuditFault, AuditFilter, AuditHead, AuditPage, AuditReport,
    AuditStore, Backlog, ChainError, Circumstances, Place,
};
use crate::consequences::Recorder;
use crate::ids::UserId;
use crate::port::PortError;
use crate::time::{Clock, Timestamp};

/// How many entries are sealed or deleted in one step, and read in one page of a walk.
const BATCH: u32 = 500;

/// The use-cases of the audit log.
pub struct AuditLog {
    store: Arc<dyn AuditStore>,
    chain: AuditChain,
    retention: TimeDelta,
    recorder: Recorder,
    clock: Arc<dyn Clock>,
}

impl AuditLog {
    /// The use-cases over this store; entries are kept for so long.
    pub fn new(
        store: Arc<dyn AuditStore>,
        chain: AuditChain,
        retention: TimeDelta,
        recorder: Recorder,
        clock: Arc<dyn Clock>,
    ) -> Self {
        Self {
            store,
            chain,
            retention,
            recorder,
            clock,
        }
    }

    /// Reads a page, the newest entries first, for an administrator; that it was read is noted before it is given.
    pub async fn read(
        &self,
        reader: UserId,
        filter: &AuditFilter,
        after: Option<AuditCursor>,
        limit: u32,
        circumstances: &Circumstances,
    ) -> Result<AuditPage, PortError> {
        let records = self.store.page(filter, after, limit.saturating_add(1)).await?;
        let actor = Actor::Account(reader);
        let mut entry = self
            .recorder
            .entry(actor, Action::AuditRead, filter.subject, circumstances);
        let AuditFilter {
            actor,
            subject: _,
            action,
            from,
            to,
        } = filter;
        let details = [
            ("actor", actor.map(|id| id.to_string())),
            ("action", action.map(|action| action.to_string())),
            ("from", from.map(told)),
            ("to", to.map(told)),
        ];
        for (name, detail) in details {
            if let Some(detail) = detail {
                entry = entry.with(name, detail);
            }
        }
        self.store.append(&[entry]).await?;
        Ok(AuditPage::of(records, limit))
    }

    /// Notes something that leaves no trace in a store of its own.
    pub async fn note(
        &self,
        actor: Actor,
        action: Action,
        details: &[(&'static str, &str)],
        circumstances: &Circumstances,
    ) -> Result<(), PortError> {
        let entry = self.recorder.entry(actor, action, None, circumstances);
        let entry = details
            .iter()
            .fold(entry, |entry, (name, detail)| entry.with(name, *detail));
        self.store.append(&[entry]).await
    }

    /// The entries that have no place in the chain yet.
    pub async fn backlog(&self) -> Result<Backlog, PortError> {
        self.store.backlog().await
    }

    /// Seals what is not sealed yet, as far as nobody else does; says how many entries.
    pub async fn seal(&self) -> Result<u64, ChainError> {
        let mut sealed = 0;
        loop {
            let batch = self.store.seal(&self.chain, BATCH).await?;
            sealed += u64::from(batch);
            if batch < BATCH {
                return Ok(sealed);
            }
        }
    }

    /// Deletes what was kept for long enough; says how many entries.
    pub async fn purge(&self) -> Result<u64, ChainError> {
        let before = self.clock.now() - self.retention;
        let mut purged = 0;
        loop {
            let batch = self.store.purge(&self.chain, before, BATCH).await?;
            purged += u64::from(batch);
            if batch < BATCH {
                return Ok(purged);
            }
        }
    }

    /// How far the chain goes; `None` where nobody with a key says so.
    pub async fn last(&self) -> Result<Option<Place>, PortError> {
        let head = self.store.head().await?;
        Ok(head
            .filter(|head| self.chain.check(head).is_ok())
            .map(|head| head.last))
    }

    /// Computes every seal again and says what is wrong first, if anything is.
    ///
    /// Whoever noted a place elsewhere finds out as well whether somebody put back an earlier state of the whole log.
    /// Entries may be written, sealed and deleted meanwhile.
    pub async fn verify(&self, noted: Option<Place>) -> Result<AuditReport, PortError> {
        let unsealed = self.store.backlog().await?.entries;
        let head = self.store.head().await?;
        let begun = head
            .ok_or(AuditFault::UnknownHead)
            .and_then(|head| Walk::new(&self.chain, head, noted));
        let mut walk = match begun {
            Ok(walk) => walk,
            Err(fault) => return Ok(AuditReport::nothing(unsealed, fault)),
        };
        let mut after = None;
        loop {
            let page = self.store.sealed(after, BATCH).await?;
            let Some(head) = self.store.head().await? else {
                return Ok(walk.report(unsealed, Some(AuditFault::UnknownHead)));
            };
            match walk.take(&page, head) {
                Ok(true) => return Ok(walk.report(unsealed, None)),
                Ok(false) => {}
                Err(fault) => return Ok(walk.report(unsealed, Some(fault))),
            }
            after = page.last().map(|entry| entry.place.position).or(after);
        }
    }

    /// Begins the chain anew behind what is there, and notes that it was; gives its head.
    pub async fn restart(&self) -> Result<AuditHead, PortError> {
        let head = self.store.restart(&self.chain).await?;
        let position = head.last.position.to_string();
        let circumstances = Circumstances::default();
        let details = [("position", position.as_str())];
        self.note(Actor::Operator, Action::AuditRestarted, &details, &circumstances)
            .await?;
        Ok(head)
    }
}

fn told(instant: Timestamp) -> String {
    instant.to_rfc3339_opts(SecondsFormat::Millis, true)
}
