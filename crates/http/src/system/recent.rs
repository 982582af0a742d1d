//! What a probe said a moment ago, so that no number of askers makes it ask more often, or log the same again.

use std::time::Duration;

use parlance_domain::health::Probe;
use tokio::sync::Mutex;
use tokio::time::{Instant, timeout};

/// How long an answer is good: an outage is seen soon, and nobody can make the probes a load.
const GOOD_FOR: Duration = Duration::from_millis(200);
/// How long a probe may take.
const PATIENCE: Duration = Duration::from_secs(2);

/// The last answer of a probe.
#[derive(Debug)]
pub(crate) struct Recent {
    /// What it asks, for the log.
    subject: &'static str,
    last: Mutex<Option<(Instant, bool)>>,
}

impl Recent {
    /// Nothing was asked yet.
    pub(crate) fn new(subject: &'static str) -> Self {
        Self {
            subject,
            last: Mutex::default(),
        }
    }

    /// The last answer if it is still good, else that of the probe, given some time; who comes meanwhile waits for the
    /// same one.
    pub(crate) async fn or_ask(&self, probe: &dyn Probe) -> bool {
        let mut last = self.last.lock().await;
        if let Some((at, works)) = *last
            && at.elapsed() < GOOD_FOR
        {
            return works;
        }
        let answer = timeout(PATIENCE, probe.check()).await;
        let before = last.is_none_or(|(_, works)| works);
        let works = matches!(answer, Ok(Ok(())));
        *last = Some((Instant::now(), works));
        match answer {
            Ok(Ok(())) if !before => tracing::info!(subject = self.subject, "works again"),
            Ok(Err(error)) if before => {
                tracing::error!(subject = self.subject, error = %error, cause = ?error.source, "does not work");
            }
            Err(_) if before => tracing::error!(subject = self.subject, "does not answer in time"),
            _ => {}
        }
        works
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU32, Ordering};

    use async_trait::async_trait;
    use parlance_domain::port::PortError;

    use super::*;

    /// Works the first time.
    #[derive(Default)]
    struct Once(AtomicU32);

    #[async_trait]
    impl Probe for Once {
        async fn check(&self) -> Result<(), PortError> {
            tokio::time::sleep(Duration::from_millis(10)).await;
            match self.0.fetch_add(1, Ordering::Relaxed) {
                0 => Ok(()),
                _ => Err(PortError::unavailable("Test", "on purpose")),
            }
        }
    }

    #[tokio::test(start_paused = true)]
    async fn many_askers_make_one_probe_until_the_answer_is_old() {
        let (recent, probe) = (Recent::new("test"), Once::default());
        let answers = futures_util::future::join_all((0..50).map(|_| recent.or_ask(&probe))).await;
        assert!(answers.into_iter().all(|works| works));
        assert_eq!(probe.0.load(Ordering::Relaxed), 1);
        tokio::time::advance(GOOD_FOR).await;
        assert!(!recent.or_ask(&probe).await);
    }
}
