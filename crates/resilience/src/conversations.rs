//! Providers of conversations, called with care.

use std::sync::Arc;

use async_trait::async_trait;
use parlance_domain::conversations::{Brief, ConversationWriter, Draft};
use parlance_domain::providers::ProviderError;

use crate::Guard;

/// Writes through a [`Guard`].
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
        self.guard.call(|| self.inner.write(brief)).await
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

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

    #[tokio::test(start_paused = true)]
    async fn writing_is_guarded() {
        let brief = Brief {
            word: "你好".parse().unwrap(),
            reading: None,
            gloss: None,
        };
        let flaky = Arc::new(Flaky::default());
        let guard = Arc::new(Guard::new(GuardConfig::new("flaky", "test")));
        let guarded = GuardedWriter::new(Arc::clone(&flaky) as Arc<dyn ConversationWriter>, guard);
        assert_eq!(guarded.provider(), "flaky");
        assert_eq!(guarded.write(&brief).await.unwrap().text, "你好");
        assert_eq!(flaky.0.load(Ordering::Relaxed), 3);
    }
}
