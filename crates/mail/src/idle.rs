//! Connections that are kept between mails.

use std::time::{Duration, Instant};

use lettre::transport::smtp::client::AsyncSmtpConnection;
use parking_lot::Mutex;

/// How many are kept.
const KEPT: usize = 4;
/// For how long. Servers wait for minutes (RFC 5321, 4.5.3.2.7).
const KEPT_FOR: Duration = Duration::from_secs(30);

/// Connections on which a mail was sent and nothing is under way.
#[derive(Default)]
pub(crate) struct Idle(Mutex<Vec<(AsyncSmtpConnection, Instant)>>);

impl Idle {
    /// The one that was used last, if it was so of late.
    pub(crate) fn take(&self) -> Option<AsyncSmtpConnection> {
        let mut kept = self.0.lock();
        kept.retain(|(_, since)| since.elapsed() < KEPT_FOR);
        kept.pop().map(|(connection, _)| connection)
    }

    /// Keeps one on which everything was answered.
    pub(crate) fn keep(&self, connection: AsyncSmtpConnection) {
        let mut kept = self.0.lock();
        if kept.len() < KEPT && !connection.has_broken() {
            kept.push((connection, Instant::now()));
        }
    }
}
