//! Tasks that work beside the requests: each is started again when it panics.

use std::future::Future;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::{Duration, Instant};

use chrono::Days;
use futures_util::{FutureExt, StreamExt};
use parlance_domain::accounts::{
    DEVICE_KNOWN_FOR, DeviceStore, Federation, Lockouts, OneTimeSecrets, Passkeys, SESSION_REVOKED, Sessions,
};
use parlance_domain::admin::Administration;
use parlance_domain::idempotency::{IdempotencyStore, KEPT_FOR};
use parlance_domain::ids::SessionId;
use parlance_domain::personal::Archives;
use parlance_domain::port::PortError;
use parlance_domain::pubsub::PubSub;
use parlance_domain::spending::SpendingStore;
use parlance_domain::time::Clock;
use parlance_resilience::CachedAnswers;
use tokio::task::JoinSet;
use uuid::Uuid;

use crate::ledger::Ledger;
use crate::personal::make_archives;
use crate::post::Post;
use crate::sealer::Sealer;
use crate::signing_keys::KeyFile;

/// How often what has expired is looked for.
const PURGE_EVERY: Duration = Duration::from_hours(1);
/// How much of it is deleted at once.
const PURGED_AT_ONCE: u32 = 1_000;
/// For how many days it is known what was spent.
const SPENDING_KEPT: Days = Days::new(31);
/// How often the audit log is sealed.
const SEAL_EVERY: Duration = Duration::from_secs(1);
/// How often it is read what was spent today.
const READ_EVERY: Duration = Duration::from_secs(15);
/// How often the store is asked what other copies ended: within a second, an ended session is ended everywhere.
const LOOK_EVERY: Duration = Duration::from_millis(500);
/// How often the file of keys is read: it is small.
const READ_KEYS_EVERY: Duration = Duration::from_secs(1);
/// A task that lived for so long has recovered from what ended it before.
const LONG_LIFE: Duration = Duration::from_secs(10);
/// How long a task that failed rests before it is started again.
const REST: Duration = Duration::from_secs(1);

/// The running tasks; dropped, they stop.
#[derive(Debug, Default)]
pub struct Workers {
    tasks: JoinSet<()>,
}

/// What the tasks work on.
#[derive(Clone)]
pub(crate) struct Work {
    /// The sessions.
    pub(crate) sessions: Arc<Sessions>,
    /// The accounts that are to be gone.
    pub(crate) administration: Arc<Administration>,
    /// The one-time secrets.
    pub(crate) secrets: OneTimeSecrets,
    /// What is under way at providers.
    pub(crate) federation: Arc<Federation>,
    /// The attempts to sign in.
    pub(crate) lockouts: Arc<Lockouts>,
    /// The file of keys that sign access tokens, if there is one.
    pub(crate) signing_keys: Option<Arc<KeyFile>>,
    /// The passkeys.
    pub(crate) passkeys: Arc<Passkeys>,
    /// The devices that accounts know.
    pub(crate) devices: Arc<dyn DeviceStore>,
    /// Where copies tell each other what ended.
    pub(crate) pubsub: Arc<dyn PubSub>,
    /// The answers, which copies tell each other to forget.
    pub(crate) answers: Arc<CachedAnswers>,
    /// What was spent.
    pub(crate) spending: Arc<dyn SpendingStore>,
    /// What was answered to requests with a key.
    pub(crate) idempotency: Arc<dyn IdempotencyStore>,
    /// Seals the audit log.
    pub(crate) sealer: Arc<Sealer>,
    /// What brings mails out of the outbox.
    pub(crate) post: Arc<Post>,
    /// Makes archives of personal data.
    pub(crate) archives: Arc<Archives>,
    /// What was spent today.
    pub(crate) ledger: Arc<Ledger>,
    /// The time.
    pub(crate) clock: Arc<dyn Clock>,
}

impl Workers {
    /// Starts every task.
    pub(crate) fn start(work: &Work) -> Self {
        let mut workers = Self::default();
        workers.run("purge of expired sessions", work, |work| {
            purge_for_ever(work.sessions)
        });
        workers.run("purge of one-time secrets", work, |work| {
            purge_secrets(work.secrets)
        });
        workers.run("purge of challenges for passkeys", work, |work| {
            purge_challenges(work.passkeys)
        });
        workers.run("purge of sign-ins at providers", work, |work| {
            purge_federation(work.federation)
        });
        workers.run("purge of attempts to sign in", work, purge_lockouts);
        workers.run("purge of known devices", work, purge_devices);
        workers.run("purge of deleted accounts", work, |work| {
            purge_accounts(work.administration)
        });
        workers.run("purge of spending", work, purge_spending);
        workers.run("purge of idempotency keys", work, purge_idempotency);
        workers.run("sealer of the audit log", work, |work| seal_audit(work.sealer));
        workers.run("purge of the audit log", work, |work| purge_audit(work.sealer));
        workers.run("reader of signing keys", work, |work| {
            read_signing_keys(work.signing_keys)
        });
        workers.run("delivery of mails", work, |work| async move {
            work.post.deliver().await
        });
        workers.run("purge of mails", work, purge_mails);
        workers.run("making of archives", work, |work| make_archives(work.archives));
        workers.run("purge of archives", work, |work| purge_archives(work.archives));
        workers.run("reader of the outbox", work, |work| read_outbox(work.post));
        workers.run("reader of spending", work, |work| read_spending(work.ledger));
        workers.run("listener for ended sessions", work, |work| {
            hear_of_ended_sessions(work.sessions, work.pubsub)
        });
        workers.run("listener for forgotten answers", work, |work| async move {
            work.answers.listen().await
        });
        workers.run("reader of ended sessions", work, |work| {
            read_ended_sessions(work.sessions)
        });
        workers
    }

    /// Keeps a task running on a copy of the work.
    fn run<F>(&mut self, name: &'static str, work: &Work, task: impl Fn(Work) -> F + Send + Sync + 'static)
    where
        F: Future<Output = Result<(), PortError>> + Send,
    {
        let work = work.clone();
        self.keep_running(name, REST, move || task(work.clone()));
    }

    /// Runs a task, and runs it again whenever it ends, fails or panics.
    fn keep_running<F>(
        &mut self,
        name: &'static str,
        rest: Duration,
        task: impl Fn() -> F + Send + Sync + 'static,
    ) where
        F: Future<Output = Result<(), PortError>> + Send,
    {
        self.tasks.spawn(async move {
            // One that fails again and again says so once, until it has lived for a while.
            let mut said = false;
            loop {
                let began = Instant::now();
                // What a panicking task leaves behind is not looked at again: a new one is made.
                let ended = AssertUnwindSafe(async { task().await }).catch_unwind().await;
                said &= began.elapsed() < LONG_LIFE;
                match ended {
                    Ok(_) if said => {}
                    Ok(Ok(())) => tracing::warn!(task = name, "task ended, is started again until it lives"),
                    Ok(Err(error)) => {
                        let cause = error.source.as_deref().map(ToString::to_string);
                        tracing::warn!(task = name, %error, cause, "task failed, is started again until it lives");
                    }
                    Err(_) => tracing::error!(task = name, "task panicked, is started again"),
                }
                said = true;
                tokio::time::sleep(rest).await;
            }
        });
    }
}

async fn purge_for_ever(sessions: Arc<Sessions>) -> Result<(), PortError> {
    loop {
        let purged = sessions.purge_expired().await?;
        say_purged("sessions", purged.into());
        tokio::time::sleep(PURGE_EVERY).await;
    }
}

async fn purge_secrets(secrets: OneTimeSecrets) -> Result<(), PortError> {
    loop {
        let purged = secrets.purge_expired().await?;
        say_purged("one-time secrets", purged.into());
        tokio::time::sleep(PURGE_EVERY).await;
    }
}

async fn purge_challenges(passkeys: Arc<Passkeys>) -> Result<(), PortError> {
    loop {
        let purged = passkeys.purge_expired().await?;
        say_purged("challenges for passkeys", purged.into());
        tokio::time::sleep(PURGE_EVERY).await;
    }
}

async fn purge_federation(federation: Arc<Federation>) -> Result<(), PortError> {
    loop {
        let purged = federation.purge_expired().await?;
        say_purged("sign-ins at providers", purged.into());
        tokio::time::sleep(PURGE_EVERY).await;
    }
}

async fn purge_lockouts(work: Work) -> Result<(), PortError> {
    loop {
        let purged = work.lockouts.purge(PURGED_AT_ONCE).await?;
        rest_from_purging("attempts to sign in", purged).await;
    }
}

async fn purge_devices(work: Work) -> Result<(), PortError> {
    loop {
        let before = work.clock.now() - DEVICE_KNOWN_FOR;
        let purged = work.devices.purge(before, PURGED_AT_ONCE).await?;
        rest_from_purging("known devices", purged).await;
    }
}

async fn purge_accounts(administration: Arc<Administration>) -> Result<(), PortError> {
    loop {
        let purged = administration.purge_due().await?;
        say_purged("accounts", purged.into());
        tokio::time::sleep(PURGE_EVERY).await;
    }
}

async fn purge_spending(work: Work) -> Result<(), PortError> {
    loop {
        let today = work.clock.now().date_naive();
        let before = today.checked_sub_days(SPENDING_KEPT).unwrap_or(today);
        let purged = work.spending.purge(before, PURGED_AT_ONCE).await?;
        rest_from_purging("sums of spending", purged).await;
    }
}

async fn purge_idempotency(work: Work) -> Result<(), PortError> {
    loop {
        let before = work.clock.now() - KEPT_FOR;
        let purged = work.idempotency.purge(before, PURGED_AT_ONCE).await?;
        rest_from_purging("idempotency keys", purged).await;
    }
}

async fn seal_audit(sealer: Arc<Sealer>) -> Result<(), PortError> {
    loop {
        sealer.seal().await?;
        tokio::time::sleep(SEAL_EVERY).await;
    }
}

async fn purge_audit(sealer: Arc<Sealer>) -> Result<(), PortError> {
    loop {
        say_purged("entries of the audit log", sealer.purge().await?);
        tokio::time::sleep(PURGE_EVERY).await;
    }
}

/// Rests when there is nothing left to be deleted.
async fn rest_from_purging(what: &'static str, purged: u32) {
    say_purged(what, purged.into());
    if purged < PURGED_AT_ONCE {
        tokio::time::sleep(PURGE_EVERY).await;
    }
}

fn say_purged(what: &'static str, purged: u64) {
    if purged > 0 {
        tracing::info!(what, purged, "deleted what has expired");
    }
}

async fn purge_mails(work: Work) -> Result<(), PortError> {
    loop {
        let purged = work.post.purge(PURGED_AT_ONCE).await?;
        rest_from_purging("mails", purged).await;
    }
}

async fn purge_archives(archives: Arc<Archives>) -> Result<(), PortError> {
    loop {
        say_purged("files of archives", archives.purge_files().await?.into());
        let purged = archives.purge(PURGED_AT_ONCE).await?;
        rest_from_purging("archives", purged).await;
    }
}

async fn read_outbox(post: Arc<Post>) -> Result<(), PortError> {
    loop {
        post.measure().await?;
        tokio::time::sleep(READ_EVERY).await;
    }
}

async fn read_spending(ledger: Arc<Ledger>) -> Result<(), PortError> {
    loop {
        ledger.read().await?;
        tokio::time::sleep(READ_EVERY).await;
    }
}

/// Takes up what others changed in the file of keys.
async fn read_signing_keys(file: Option<Arc<KeyFile>>) -> Result<(), PortError> {
    let Some(file) = file else {
        return std::future::pending().await;
    };
    loop {
        file.look().await?;
        tokio::time::sleep(READ_KEYS_EVERY).await;
    }
}

/// Asks the store which sessions others ended, whether announcements come through or not: other copies of the program, and
/// its commands.
///
/// An announcement may be lost on either side without anybody noticing: a cheap look each second means that none
/// keeps a session alive for longer.
async fn read_ended_sessions(sessions: Arc<Sessions>) -> Result<(), PortError> {
    let mut last = sessions.load_revoked().await?;
    let mut looks = tokio::time::interval(LOOK_EVERY);
    looks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        looks.tick().await;
        last = sessions.load_revoked_since(last).await?;
    }
}

async fn hear_of_ended_sessions(sessions: Arc<Sessions>, pubsub: Arc<dyn PubSub>) -> Result<(), PortError> {
    let mut ended = pubsub.subscribe(SESSION_REVOKED).await?;
    // Whatever was announced before the subscription is in the store.
    sessions.load_revoked().await?;
    while let Some(message) = ended.next().await {
        if let Ok(id) = message.as_ref().try_into().map(Uuid::from_bytes) {
            sessions.ended_elsewhere(SessionId(id));
        } else {
            tracing::warn!("a message about an ended session is unreadable");
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use tokio::sync::mpsc;

    use super::*;

    #[tokio::test]
    async fn threat_70_a_task_that_panics_fails_or_ends_is_started_again() {
        let (started, mut starts) = mpsc::unbounded_channel();
        let runs = Arc::new(AtomicUsize::new(0));
        let mut workers = Workers::default();
        workers.keep_running("test", Duration::ZERO, move || {
            let run = runs.fetch_add(1, Ordering::Relaxed);
            let _ = started.send(run);
            async move {
                match run {
                    0 => panic!("on purpose"),
                    1 => Err(PortError::unavailable("Test", "on purpose")),
                    2 => Ok(()),
                    _ => std::future::pending().await,
                }
            }
        });
        for expected in 0..4 {
            assert_eq!(starts.recv().await, Some(expected));
        }
    }
}
