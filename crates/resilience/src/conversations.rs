//! Providers of conversations, called with care.

use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use async_trait::async_trait;
use parlance_domain::conversations::{Brief, ConversationWriter, Draft, tokens_spent};
use parlance_domain::providers::ProviderError;

use crate::Guard;

/// Writes through a [`Guard`].
///
/// What it tells of the cost is that of all attempts: a draft that is refused and written anew is paid for as well.
pub struct GuardedWriter {
    inner: Arc<dyn ConversationWriter>,
    guard: Arc<Guard>,
}

impl GuardedWriter {
    /// Calls `inner` as `guard` allows.
    pub fn new(inner: Arc<dyn ConversationWriter>, guard: Arc<Guard>) -> Self {
        Self { inner, guard }
    }
}

#[async_trait]
impl ConversationWriter for GuardedWriter {
    fn provider(&self) -> &'static str {
        self.inner.provider()
    }

    fn reserve(&self, brief: &Brief) -> u64 {
        self.inner.reserve(brief)
    }

    async fn write(&self, brief: &Brief) -> Result<Draft, ProviderError> {
        let bill = Bill {
            most: self.inner.reserve(brief),
            spent: AtomicU64::new(0),
        };
        let written = self.guard.call(|| bill.attempt(self.inner.write(brief))).await;
        let spent = Some(bill.spent.into_inner());
        match written {
            Ok(draft) => Ok(Draft {
                tokens: spent,
                ..draft
            }),
            Err(error) => Err(error.costing(spent)),
        }
    }
}

/// What attempts, one after the other, cost in tokens.
struct Bill {
    /// What one costs at most.
    most: u64,
    spent: AtomicU64,
}

impl Bill {
    /// Adds what an attempt costs. Of one that is given up nobody knows, and the most is counted.
    async fn attempt(
        &self,
        write: impl Future<Output = Result<Draft, ProviderError>>,
    ) -> Result<Draft, ProviderError> {
        let before = self.spent.fetch_add(self.most, Ordering::Relaxed);
        let written = write.await;
        let spent = before.saturating_add(tokens_spent(&written, self.most));
        self.spent.store(spent, Ordering::Relaxed);
        written
    }
}

#[cfg(test)]
mod tests {
    use std::future::pending;
    use std::sync::atomic::AtomicUsize;

    use parking_lot::Mutex;
    use parlance_domain::conversations::CheckedWriter;
    use parlance_domain::providers::ProviderErrorKind;

    use super::*;
    use crate::GuardConfig;

    /// Works when it is asked for the third time.
    #[derive(Default)]
    struct Flaky(AtomicUsize);

    #[async_trait]
    impl ConversationWriter for Flaky {
        fn provider(&self) -> &'static str {
            "flaky"
        }

        async fn write(&self, brief: &Brief) -> Result<Draft, ProviderError> {
            match self.0.fetch_add(1, Ordering::Relaxed) {
                0 | 1 => Err(ProviderError::new("flaky", ProviderErrorKind::Exhausted)),
                _ => Ok(Draft {
                    text: brief.word.as_str().to_owned(),
                    tokens: None,
                }),
            }
        }
    }

    /// What a draft of [`Told`] costs at most.
    const MOST: u64 = 1_000;

    /// Answers what it is told, the last first; then it hangs.
    struct Told(Mutex<Vec<Result<Draft, ProviderError>>>);

    #[async_trait]
    impl ConversationWriter for Told {
        fn provider(&self) -> &'static str {
            "told"
        }

        fn reserve(&self, _: &Brief) -> u64 {
            MOST
        }

        async fn write(&self, _: &Brief) -> Result<Draft, ProviderError> {
            let told = self.0.lock().pop();
            match told {
                Some(answer) => answer,
                None => pending().await,
            }
        }
    }

    fn brief() -> Brief {
        Brief {
            word: "你好".parse().unwrap(),
            reading: None,
            gloss: None,
        }
    }

    fn draft(turns: usize, tokens: Option<u64>) -> Draft {
        let turn = r#"{"speaker":"A","chinese":"你好。","pinyin":"nǐ hǎo","english":"Hello."}"#;
        Draft {
            text: format!("[{}]", vec![turn; turns].join(",")),
            tokens,
        }
    }

    fn failure(kind: ProviderErrorKind) -> Result<Draft, ProviderError> {
        Err(ProviderError::new("told", kind))
    }

    /// What it costs when the attempts end like this, one after the other.
    async fn cost<const N: usize>(mut attempts: [Result<Draft, ProviderError>; N]) -> (bool, Option<u64>) {
        attempts.reverse();
        let told = Arc::new(Told(Mutex::new(attempts.into())));
        let guard = Arc::new(Guard::new(GuardConfig::new("told", "test")));
        let guarded = GuardedWriter::new(Arc::new(CheckedWriter::new(told)), guard);
        assert_eq!(guarded.reserve(&brief()), MOST);
        match guarded.write(&brief()).await {
            Ok(draft) => (true, draft.tokens),
            Err(error) => (false, error.tokens),
        }
    }

    #[tokio::test(start_paused = true)]
    async fn drafts_of_no_use_are_paid_for_as_well() {
        let unavailable = || failure(ProviderErrorKind::Unavailable);
        let written = [
            Ok(draft(2, Some(50))),
            Ok(draft(2, Some(60))),
            Ok(draft(3, Some(70))),
        ];
        assert_eq!(cost(written).await, (true, Some(180)));
        let unsaid = [Ok(draft(2, None)), unavailable(), Ok(draft(3, Some(70)))];
        assert_eq!(cost(unsaid).await, (true, Some(MOST + 70)));
        let in_vain = [Ok(draft(2, Some(50))), unavailable(), unavailable()];
        assert_eq!(cost(in_vain).await, (false, Some(50)));
        let then_it_hangs = [Ok(draft(2, Some(50)))];
        assert_eq!(cost(then_it_hangs).await, (false, Some(50 + MOST)));
        let nothing = [unavailable(), unavailable(), unavailable()];
        assert_eq!(cost(nothing).await, (false, Some(0)));
    }

    #[tokio::test(start_paused = true)]
    async fn writing_is_guarded() {
        let brief = brief();
        let flaky = Arc::new(Flaky::default());
        let guard = Arc::new(Guard::new(GuardConfig::new("flaky", "test")));
        let guarded = GuardedWriter::new(Arc::clone(&flaky) as Arc<dyn ConversationWriter>, guard);
        assert_eq!(guarded.provider(), "flaky");
        assert_eq!(guarded.write(&brief).await.unwrap().text, "你好");
        assert_eq!(flaky.0.load(Ordering::Relaxed), 3);
    }
}
