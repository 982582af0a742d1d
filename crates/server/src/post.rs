//! Brings mails out of the outbox, beside the requests.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU64, Ordering};
use std::time::Duration;

use anyhow::Context;
use parlance_domain::accounts::SecretTokens;
use parlance_domain::health::Circuit;
use parlance_domain::ids::IdGenerator;
use parlance_domain::mail::{
    Deliveries, DeliveryFailure, DeliveryTally, KEPT_FOR, Letters, Links, Mailer, MailerError, Next, Outbox,
    Undelivered,
};
use parlance_domain::port::PortError;
use parlance_domain::time::Clock;
use parlance_mail::{FolderMailer, SmtpMailer};
use tokio::sync::Semaphore;
use tokio::time::{sleep, timeout};

use crate::settings::{MailDelivery, MailSettings};

/// What the health answer calls the sending of mail.
pub(crate) const MAIL: &str = "mail";
/// How often it is looked whether a mail is due.
const LOOK_EVERY: Duration = Duration::from_secs(1);
/// How long deliveries rest at most while nothing can be sent; a mail that waits for its server's return is then
/// delivered well within a minute.
const LONGEST_REST: Duration = Duration::from_secs(15);

/// What brings mails out of the outbox, and what is known of it.
pub(crate) struct Post {
    outbox: Arc<dyn Outbox>,
    deliveries: Option<Arc<Deliveries>>,
    clock: Arc<dyn Clock>,
    /// Held by whoever delivers; closed when the program stops.
    turn: Semaphore,
    /// Whether the log says that nothing can be sent.
    said: AtomicBool,
    waiting: AtomicU64,
    /// Milliseconds since the Unix epoch; 0 for none.
    oldest: AtomicI64,
}

impl Post {
    /// Sends as the settings say, or nothing where nobody sends.
    pub(crate) fn new(
        settings: &MailSettings,
        tokens: SecretTokens,
        outbox: Arc<dyn Outbox>,
        clock: &Arc<dyn Clock>,
        ids: &Arc<dyn IdGenerator>,
    ) -> anyhow::Result<Self> {
        let links = Links::new(&settings.public_url, settings.link.clone(), tokens);
        let letters = Letters::new(&settings.product, links);
        let deliveries = mailer(settings)?.map(|mailer| {
            let (outbox, clock, ids) = (Arc::clone(&outbox), Arc::clone(clock), Arc::clone(ids));
            Arc::new(Deliveries::new(outbox, mailer, letters, clock, ids))
        });
        Ok(Self {
            outbox,
            deliveries,
            clock: Arc::clone(clock),
            turn: Semaphore::new(1),
            said: AtomicBool::default(),
            waiting: AtomicU64::default(),
            oldest: AtomicI64::default(),
        })
    }

    /// Whether mail can be sent, by what the health answer calls it; where nobody sends, nothing is said.
    pub(crate) fn circuit(&self) -> Option<(&'static str, Arc<dyn Circuit>)> {
        let deliveries = self.deliveries.clone()?;
        Some((MAIL, deliveries))
    }

    /// Delivers what is due, again and again.
    pub(crate) async fn deliver(&self) -> Result<(), PortError> {
        let Some(deliveries) = &self.deliveries else {
            return std::future::pending().await;
        };
        let mut rest = LOOK_EVERY;
        loop {
            let Ok(turn) = self.turn.acquire().await else {
                return std::future::pending().await;
            };
            let round = deliveries.deliver_due().await?;
            drop(turn);
            self.report(&round.failures, round.next);
            match round.next {
                Next::More => rest = LOOK_EVERY,
                Next::Nothing => sleep(LOOK_EVERY).await,
                Next::Unreachable => {
                    sleep(rest).await;
                    rest = LONGEST_REST.min(rest * 2);
                }
            }
        }
    }

    /// Begins no more deliveries, and waits for those under way: a mail that was sent is to be noted as such.
    pub(crate) async fn finish(&self, within: Duration) {
        let turn = timeout(within, self.turn.acquire()).await;
        self.turn.close();
        if turn.is_err() {
            tracing::warn!("deliveries of mail were cut off; some may be sent again");
        }
    }

    /// Reads what waits.
    pub(crate) async fn measure(&self) -> Result<(), PortError> {
        let backlog = self.outbox.backlog().await?;
        let oldest = backlog.oldest.map_or(0, |oldest| oldest.timestamp_millis());
        self.waiting.store(backlog.waiting, Ordering::Relaxed);
        self.oldest.store(oldest, Ordering::Relaxed);
        Ok(())
    }

    /// Forgets old mails; how many, at most `limit`.
    pub(crate) async fn purge(&self, limit: u32) -> Result<u32, PortError> {
        self.outbox.purge(self.clock.now() - KEPT_FOR, limit).await
    }

    /// How many mails waited when it was read last.
    pub(crate) fn waiting(&self) -> u64 {
        self.waiting.load(Ordering::Relaxed)
    }

    /// For how many seconds the oldest of them has waited until now.
    pub(crate) fn oldest_seconds(&self) -> u64 {
        let oldest = self.oldest.load(Ordering::Relaxed);
        let age = self.clock.now().timestamp_millis() - oldest;
        let seconds = if oldest == 0 { 0 } else { age / 1_000 };
        seconds.try_into().unwrap_or_default()
    }

    /// How mails fared in this process.
    pub(crate) fn tally(&self) -> DeliveryTally {
        self.deliveries
            .as_ref()
            .map(|deliveries| deliveries.tally())
            .unwrap_or_default()
    }

    /// Tells of mails by their ids alone; that nothing can be sent, once until something is.
    fn report(&self, failures: &[DeliveryFailure], next: Next) {
        let is_news = match next {
            Next::Nothing => false,
            Next::More => self.said.swap(false, Ordering::Relaxed),
            Next::Unreachable => !self.said.swap(true, Ordering::Relaxed),
        };
        if is_news && next == Next::More {
            tracing::info!("mail is sent again");
        }
        for DeliveryFailure { id, reason, given_up } in failures {
            let (code, cause) = details(reason);
            if *given_up {
                tracing::warn!(mail = %id, %reason, code, cause, "a mail is given up");
            } else if is_news && reason.is_of_all() {
                tracing::warn!(mail = %id, %reason, code, cause, "mail cannot be sent for now, and waits until it can");
            } else {
                tracing::debug!(mail = %id, %reason, code, cause, "a mail was not sent, and is tried again");
            }
        }
    }
}

fn details(reason: &Undelivered) -> (Option<u16>, Option<String>) {
    match reason {
        Undelivered::Mailer(MailerError { code, source, .. }) => {
            (*code, source.as_deref().map(ToString::to_string))
        }
        Undelivered::TooOld | Undelivered::Unreadable => (None, None),
    }
}

fn mailer(settings: &MailSettings) -> anyhow::Result<Option<Arc<dyn Mailer>>> {
    let sender = || settings.sender.clone().context("MAIL_FROM");
    Ok(match &settings.delivery {
        MailDelivery::Smtp(config) => {
            let mailer = SmtpMailer::new(config.clone(), sender()?).context("SMTP_URL")?;
            Some(Arc::new(mailer))
        }
        MailDelivery::Folder(path) => Some(Arc::new(FolderMailer::new(path, sender()?))),
        MailDelivery::Nobody => None,
    })
}
