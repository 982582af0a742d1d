//! Brings mails from the outbox to whoever sends them: each once, as far as that can be known.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use chrono::TimeDelta;
use futures_util::{StreamExt, stream};

use super::{
    AttemptId, Fate, Lease, Letters, Mailer, MailerError, MailerErrorKind, Outbox, OutgoingMail,
    SEND_DEADLINE, TakenMail,
};
use crate::health::{Circuit, CircuitState};
use crate::ids::{IdGenerator, MailId, UserId};
use crate::port::PortError;
use crate::time::Clock;

/// How long after its cause a mail is not tried any more.
pub const GIVEN_UP_AFTER: TimeDelta = TimeDelta::days(1);
/// How long after its cause a mail is kept.
pub const KEPT_FOR: TimeDelta = TimeDelta::days(7);

/// How many mails are taken at once.
const TAKEN_AT_ONCE: u32 = 16;
/// How many of them are sent at the same time.
const SENT_AT_ONCE: usize = 4;
/// How long nobody else takes them: longer than all of them take to be sent.
const LEASE: TimeDelta = TimeDelta::minutes(3);
/// When a mail is due again that could not even be tried.
const TRIED_AGAIN: TimeDelta = TimeDelta::seconds(5);
/// About how long a mail rests that was not taken for the first time; each time twice as long.
const SHORTEST_REST: TimeDelta = TimeDelta::seconds(30);
/// About how long a mail rests at most.
const LONGEST_REST: TimeDelta = TimeDelta::minutes(30);

/// How deliveries go on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Next {
    /// There may be more that is due.
    More,
    /// Nothing else is due.
    Nothing,
    /// Nothing can be sent for now.
    Unreachable,
}

/// What came of a round of deliveries.
#[derive(Debug)]
pub struct Round {
    /// How deliveries go on.
    pub next: Next,
    /// What went wrong, for the log.
    pub failures: Vec<DeliveryFailure>,
}

/// A mail that was not sent.
#[derive(Debug)]
pub struct DeliveryFailure {
    /// Its id.
    pub id: MailId,
    /// Why.
    pub reason: Undelivered,
    /// Whether it will not be tried any more.
    pub given_up: bool,
}

/// Why a mail was not sent.
#[derive(Debug, thiserror::Error)]
pub enum Undelivered {
    /// It was tried for too long.
    #[error("the mail was tried for too long")]
    TooOld,
    /// This release cannot read it.
    #[error("this release cannot read the mail")]
    Unreadable,
    /// It was not taken.
    #[error(transparent)]
    Mailer(#[from] MailerError),
}

impl Undelivered {
    /// Whether no other mail would have been sent either.
    pub const fn is_of_all(&self) -> bool {
        matches!(self.kind(), MailerErrorKind::Unreachable)
    }

    const fn kind(&self) -> MailerErrorKind {
        match self {
            Self::TooOld => MailerErrorKind::Never,
            Self::Unreadable => MailerErrorKind::NotNow,
            Self::Mailer(error) => error.kind,
        }
    }
}

/// How mails fared that this process had in its hands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct DeliveryTally {
    /// Mails that were sent.
    pub sent: u64,
    /// Attempts that failed.
    pub failed: u64,
    /// Mails that were given up.
    pub given_up: u64,
}

/// Delivers what waits in the outbox.
///
/// A mail is leased to one attempt at a time, and what became of it is noted under that attempt. A process that ends
/// between the sending and the note leaves a mail that is sent again when its lease is over, with the same `Message-ID`.
pub struct Deliveries {
    outbox: Arc<dyn Outbox>,
    mailer: Arc<dyn Mailer>,
    letters: Letters,
    clock: Arc<dyn Clock>,
    ids: Arc<dyn IdGenerator>,
    /// Whether nothing could be sent the last time.
    unreachable: AtomicBool,
    /// What was sent and could not be noted yet.
    unnoted: Mutex<Vec<Note>>,
    sent: AtomicU64,
    failed: AtomicU64,
    given_up: AtomicU64,
}

/// What became of a mail in an attempt.
#[derive(Debug, Clone, Copy)]
struct Note {
    user_id: UserId,
    id: MailId,
    attempt: AttemptId,
    fate: Fate,
}

impl Deliveries {
    /// Deliveries out of an outbox, in the words of these letters.
    pub fn new(
        outbox: Arc<dyn Outbox>,
        mailer: Arc<dyn Mailer>,
        letters: Letters,
        clock: Arc<dyn Clock>,
        ids: Arc<dyn IdGenerator>,
    ) -> Self {
        Self {
            outbox,
            mailer,
            letters,
            clock,
            ids,
            unreachable: AtomicBool::default(),
            unnoted: Mutex::default(),
            sent: AtomicU64::default(),
            failed: AtomicU64::default(),
            given_up: AtomicU64::default(),
        }
    }

    /// Sends some of what is due; while nothing can be sent, one mail is tried at a time.
    ///
    /// It must be awaited to its end: a mail that was sent and not noted is sent again.
    pub async fn deliver_due(&self) -> Result<Round, PortError> {
        self.note_what_was_sent().await?;
        let lease = self.lease();
        let mut taken = self.outbox.take(&lease).await?;
        if taken.is_empty() {
            return Ok(Round {
                next: Next::Nothing,
                failures: Vec::new(),
            });
        }
        taken.sort_by_key(|mail| mail.created_at);
        let unreachable = AtomicBool::new(false);
        let deliveries = taken
            .into_iter()
            .map(|mail| self.deliver(mail, &lease, &unreachable));
        // Each goes on to its end, whatever becomes of the others.
        let ended: Vec<_> = stream::iter(deliveries)
            .buffer_unordered(SENT_AT_ONCE)
            .collect()
            .await;
        let unreachable = unreachable.into_inner();
        self.unreachable.store(unreachable, Ordering::Relaxed);
        let failures: Vec<Option<DeliveryFailure>> = ended.into_iter().collect::<Result<_, PortError>>()?;
        Ok(Round {
            next: if unreachable {
                Next::Unreachable
            } else {
                Next::More
            },
            failures: failures.into_iter().flatten().collect(),
        })
    }

    /// How mails fared in this process.
    pub fn tally(&self) -> DeliveryTally {
        DeliveryTally {
            sent: self.sent.load(Ordering::Relaxed),
            failed: self.failed.load(Ordering::Relaxed),
            given_up: self.given_up.load(Ordering::Relaxed),
        }
    }

    fn is_unreachable(&self) -> bool {
        self.unreachable.load(Ordering::Relaxed)
    }

    fn lease(&self) -> Lease {
        let now = self.clock.now();
        Lease {
            attempt: AttemptId(self.ids.next()),
            now,
            until: now + LEASE,
            limit: if self.is_unreachable() { 1 } else { TAKEN_AT_ONCE },
        }
    }

    async fn deliver(
        &self,
        taken: TakenMail,
        lease: &Lease,
        unreachable: &AtomicBool,
    ) -> Result<Option<DeliveryFailure>, PortError> {
        let now = self.clock.now();
        // Somebody else may have taken it before this was over.
        if now + SEND_DEADLINE > lease.until {
            return Ok(None);
        }
        // Nothing can be sent: whoever noticed has told.
        let rests = unreachable.load(Ordering::Relaxed);
        let tried = match &taken.mail {
            _ if rests => None,
            _ if now - taken.created_at >= GIVEN_UP_AFTER => Some(Err(Undelivered::TooOld)),
            None => Some(Err(Undelivered::Unreadable)),
            Some(mail) => Some(self.send(mail).await),
        };
        let outcome = match &tried {
            None => Err(MailerErrorKind::Unreachable),
            Some(Ok(())) => Ok(()),
            Some(Err(reason)) => Err(reason.kind()),
        };
        if outcome == Err(MailerErrorKind::Unreachable) {
            unreachable.store(true, Ordering::Relaxed);
        }
        let fate = self.fate(&taken, outcome);
        self.note(&taken, lease.attempt, fate).await?;
        let reason = tried.and_then(Result::err);
        if reason.is_some() {
            self.failed.fetch_add(1, Ordering::Relaxed);
        }
        Ok(reason.map(|reason| DeliveryFailure {
            id: taken.id,
            reason,
            given_up: matches!(fate, Fate::GivenUp { .. }),
        }))
    }

    async fn send(&self, mail: &OutgoingMail) -> Result<(), Undelivered> {
        Ok(self.mailer.send(&mail.to, &self.letters.write(mail)).await?)
    }

    fn fate(&self, taken: &TakenMail, outcome: Result<(), MailerErrorKind>) -> Fate {
        let at = self.clock.now();
        match outcome {
            Ok(()) => Fate::Sent { at },
            Err(MailerErrorKind::Never) => Fate::GivenUp { at },
            Err(MailerErrorKind::Unreachable) => Fate::Postponed {
                due: at + TRIED_AGAIN,
                refusals: taken.refusals,
            },
            Err(MailerErrorKind::NotNow) => Fate::Postponed {
                due: at + rest(taken.id, taken.refusals),
                refusals: taken.refusals.saturating_add(1),
            },
        }
    }

    /// Notes what became of a mail; that one was sent is kept in mind until it is noted.
    async fn note(&self, taken: &TakenMail, attempt: AttemptId, fate: Fate) -> Result<(), PortError> {
        let counter = match fate {
            Fate::Sent { .. } => Some(&self.sent),
            Fate::GivenUp { .. } => Some(&self.given_up),
            Fate::Postponed { .. } => None,
        };
        if let Some(counter) = counter {
            counter.fetch_add(1, Ordering::Relaxed);
        }
        let noted = self.outbox.note(taken.user_id, taken.id, attempt, fate).await;
        if noted.is_err() && matches!(fate, Fate::Sent { .. }) {
            self.unnoted().push(Note {
                user_id: taken.user_id,
                id: taken.id,
                attempt,
                fate,
            });
        }
        // Where another attempt took it since, that one notes what becomes of it.
        noted.map(|_| ())
    }

    async fn note_what_was_sent(&self) -> Result<(), PortError> {
        loop {
            let Some(note) = self.unnoted().pop() else {
                return Ok(());
            };
            let Note {
                user_id,
                id,
                attempt,
                fate,
            } = note;
            let noted = self.outbox.note(user_id, id, attempt, fate).await;
            if noted.is_err() {
                self.unnoted().push(note);
            }
            noted?;
        }
    }

    fn unnoted(&self) -> std::sync::MutexGuard<'_, Vec<Note>> {
        self.unnoted.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Open while nothing can be sent.
impl Circuit for Deliveries {
    fn state(&self) -> CircuitState {
        if self.is_unreachable() {
            CircuitState::Open
        } else {
            CircuitState::Closed
        }
    }
}

/// How long a mail rests that was not taken: twice as long each time, within bounds, and three to five quarters of
/// that, so that those that were refused together do not come back together.
fn rest(id: MailId, refusals: u32) -> TimeDelta {
    let doubled = SHORTEST_REST * 2_i32.saturating_pow(refusals.min(16));
    let whole = doubled.min(LONGEST_REST).num_milliseconds();
    // The lower half of an id is random.
    let chance = id.0.as_u128().rotate_right(refusals % 48) % 1_000;
    let chance = i64::try_from(chance).unwrap_or_default();
    TimeDelta::milliseconds(whole * 3 / 4 + whole / 2 * chance / 1_000)
}

#[cfg(test)]
mod tests;
