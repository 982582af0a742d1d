//! What a probe said a moment ago, so that no number of askers makes it ask more often.

use std::time::Duration;

use tokio::sync::Mutex;
use tokio::time::Instant;

/// How long an answer is good: an outage is seen soon, and nobody can make the probes a load.
const GOOD_FOR: Duration = Duration::from_millis(200);

/// The last answer of a probe.
#[derive(Debug, Default)]
pub(crate) struct Recent {
    last: Mutex<Option<(Instant, bool)>>,
}

impl Recent {
    /// The last answer if it is still good, else that of the probe; who comes meanwhile waits for the same one.
    pub(crate) async fn or_ask(&self, probe: impl Future<Output = bool>) -> bool {
        let mut last = self.last.lock().await;
        if let Some((at, works)) = *last
            && at.elapsed() < GOOD_FOR
        {
            return works;
        }
        let works = probe.await;
        *last = Some((Instant::now(), works));
        works
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU32, Ordering};

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn many_askers_make_one_probe_until_the_answer_is_old() {
        let (recent, asked) = (Recent::default(), AtomicU32::new(0));
        let ask = || {
            recent.or_ask(async {
                tokio::time::sleep(Duration::from_millis(10)).await;
                asked.fetch_add(1, Ordering::Relaxed) == 0
            })
        };
        let answers = futures_util::future::join_all((0..50).map(|_| ask())).await;
        assert!(answers.into_iter().all(|works| works));
        assert_eq!(asked.load(Ordering::Relaxed), 1);
        tokio::time::advance(GOOD_FOR).await;
        assert!(!ask().await);
    }
}
