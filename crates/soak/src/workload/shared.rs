//! What all players of a run have in common: when to go, when to stop.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use tokio::time::{Instant, sleep_until};

use super::{Config, Span};
use crate::clients::Wire;

/// When to go and when to stop.
pub(super) struct Shared {
    /// Distinguishes the emails of this run from those of others on the same server.
    pub(super) tag: String,
    /// The password of every account.
    pub(super) password: String,
    began: Instant,
    span: Span,
    gap: Option<Duration>,
    turns: AtomicU64,
    clashes: AtomicU64,
    stopped: AtomicBool,
}

impl Shared {
    pub(super) fn new(config: &Config, tag: String) -> Self {
        Self {
            tag,
            password: "Soak-Password-1".to_owned(),
            began: Instant::now(),
            span: config.span,
            gap: config
                .rate
                .map(|rate| Duration::from_secs_f64(1.0 / rate.max(0.001))),
            turns: AtomicU64::new(0),
            clashes: AtomicU64::new(0),
            stopped: AtomicBool::new(false),
        }
    }

    /// The load that begins now.
    pub(super) fn beginning_now(self) -> Self {
        Self {
            began: Instant::now(),
            ..self
        }
    }

    /// Ends the load.
    pub(super) fn stop(&self) {
        self.stopped.store(true, Ordering::Relaxed);
    }

    /// Waits for the next turn; false when the load is over.
    pub(super) async fn turn(&self, wire: &Wire) -> bool {
        if let Some(gap) = self.gap {
            let turn = self.turns.fetch_add(1, Ordering::Relaxed);
            sleep_until(self.began + gap.saturating_mul(u32::try_from(turn).unwrap_or(u32::MAX))).await;
        }
        let over = match self.span {
            Span::Requests(most) => wire.recorder().count() >= most,
            Span::Time(length) => self.began.elapsed() >= length,
            Span::Faults => false,
        };
        !over && !self.stopped.load(Ordering::Relaxed)
    }

    /// An email that nobody has yet, though several may be trying.
    pub(super) fn clash(&self) -> String {
        let number = self.clashes.fetch_add(1, Ordering::Relaxed) / 2;
        format!("clash-{}-{number}@example.com", self.tag)
    }

    /// The email of a learner.
    pub(super) fn email(&self, user: u32) -> String {
        format!("soak-{}-{user}@example.com", self.tag)
    }
}
