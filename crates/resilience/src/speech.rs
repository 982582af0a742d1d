//! Providers of speech, called with care.

use std::sync::Arc;

use async_trait::async_trait;
use parlance_domain::providers::ProviderError;
use parlance_domain::speech::{
    Audio, Recognition, SpeechRecognizer, SpeechSynthesizer, Synthesis, Transcript, Voice,
};

use crate::Guard;

/// Speaks through a [`Guard`].
pub struct GuardedSynthesizer {
    inner: Arc<dyn SpeechSynthesizer>,
    guard: Arc<Guard>,
}

impl GuardedSynthesizer {
    /// Calls `inner` as `guard` allows.
    pub fn new(inner: Arc<dyn SpeechSynthesizer>, guard: Arc<Guard>) -> Self {
        Self { inner, guard }
    }
}

#[async_trait]
impl SpeechSynthesizer for GuardedSynthesizer {
    fn provider(&self) -> &'static str {
        self.inner.provider()
    }

    async fn voices(&self) -> Result<Vec<Voice>, ProviderError> {
        self.guard.call(|| self.inner.voices()).await
    }

    async fn synthesize(&self, synthesis: &Synthesis) -> Result<(Audio, String), ProviderError> {
        self.guard.call(|| self.inner.synthesize(synthesis)).await
    }
}

/// Listens through a [`Guard`].
///
/// Whoever did not answer in time, or not to the end, may have listened all the same, and is paid for it
/// ([`ProviderError::may_be_paid`]): that is not tried again.
pub struct GuardedRecognizer {
    inner: Arc<dyn SpeechRecognizer>,
    guard: Arc<Guard>,
}

impl GuardedRecognizer {
    /// Calls `inner` as `guard` allows.
    pub fn new(inner: Arc<dyn SpeechRecognizer>, guard: Arc<Guard>) -> Self {
        Self { inner, guard }
    }
}

#[async_trait]
impl SpeechRecognizer for GuardedRecognizer {
    fn provider(&self) -> &'static str {
        self.inner.provider()
    }

    async fn recognize(&self, recognition: &Recognition) -> Result<Transcript, ProviderError> {
        let recognize = || self.inner.recognize(recognition);
        self.guard.call_unpaid(recognize).await
    }
}

#[cfg(test)]
mod tests {
    use std::future::pending;
    use std::sync::atomic::{AtomicUsize, Ordering};

    use bytes::Bytes;
    use parlance_domain::health::{Circuit, CircuitState};
    use parlance_domain::providers::ProviderErrorKind;
    use parlance_domain::speech::{AudioFormat, SpeakingRate};

    use super::*;
    use crate::GuardConfig;

    /// Works when it is asked for the third time, but never hears anything.
    #[derive(Default)]
    struct Flaky(AtomicUsize);

    impl Flaky {
        fn ask(&self) -> Result<(), ProviderError> {
            match self.0.fetch_add(1, Ordering::Relaxed) {
                0 | 1 => Err(ProviderError::new("flaky", ProviderErrorKind::Unavailable)),
                _ => Ok(()),
            }
        }

        fn asked(&self) -> usize {
            self.0.load(Ordering::Relaxed)
        }
    }

    fn audio() -> Audio {
        Audio {
            format: AudioFormat::Wav,
            content: Bytes::from_static(b"RIFF"),
        }
    }

    #[async_trait]
    impl SpeechSynthesizer for Flaky {
        fn provider(&self) -> &'static str {
            "flaky"
        }

        async fn voices(&self) -> Result<Vec<Voice>, ProviderError> {
            self.ask().map(|()| Vec::new())
        }

        async fn synthesize(&self, synthesis: &Synthesis) -> Result<(Audio, String), ProviderError> {
            self.ask().map(|()| (audio(), synthesis.text.as_str().to_owned()))
        }
    }

    #[async_trait]
    impl SpeechRecognizer for Flaky {
        fn provider(&self) -> &'static str {
            "flaky"
        }

        async fn recognize(&self, _: &Recognition) -> Result<Transcript, ProviderError> {
            self.0.fetch_add(1, Ordering::Relaxed);
            pending().await
        }
    }

    fn guard() -> Arc<Guard> {
        Arc::new(Guard::new(GuardConfig::new("flaky", "test")))
    }

    #[tokio::test(start_paused = true)]
    async fn speaking_and_the_voices_are_guarded() {
        let synthesis = Synthesis {
            text: "你好".parse().unwrap(),
            language: "zh-CN".parse().unwrap(),
            voice: None,
            rate: SpeakingRate::USUAL,
        };
        let flaky = Arc::new(Flaky::default());
        let guarded = GuardedSynthesizer::new(Arc::clone(&flaky) as Arc<dyn SpeechSynthesizer>, guard());
        assert_eq!(guarded.provider(), "flaky");
        assert_eq!(
            guarded.synthesize(&synthesis).await.unwrap(),
            (audio(), "你好".into())
        );
        assert_eq!(flaky.asked(), 3);
        flaky.0.store(0, Ordering::Relaxed);
        assert_eq!(guarded.voices().await.unwrap(), []);
        assert_eq!(flaky.asked(), 3);
    }

    /// Fails in this way, however often it is asked.
    struct Failing(ProviderErrorKind, AtomicUsize);

    #[async_trait]
    impl SpeechRecognizer for Failing {
        fn provider(&self) -> &'static str {
            "failing"
        }

        async fn recognize(&self, _: &Recognition) -> Result<Transcript, ProviderError> {
            self.1.fetch_add(1, Ordering::Relaxed);
            Err(ProviderError::new("failing", self.0))
        }
    }

    #[tokio::test(start_paused = true)]
    async fn threat_64_what_was_perhaps_paid_for_is_not_played_again() {
        let recognition = Recognition {
            audio: audio(),
            language: None,
        };
        for (kind, asked) in [
            (ProviderErrorKind::Unavailable, 3),
            (ProviderErrorKind::Exhausted, 3),
            (ProviderErrorKind::Invalid, 1),
            (ProviderErrorKind::Timeout, 1),
        ] {
            let failing = Arc::new(Failing(kind, AtomicUsize::default()));
            let guarded = GuardedRecognizer::new(Arc::clone(&failing) as Arc<dyn SpeechRecognizer>, guard());
            let failure = guarded.recognize(&recognition).await.unwrap_err();
            assert_eq!(failure.kind, kind);
            assert_eq!(failing.1.load(Ordering::Relaxed), asked, "{kind:?}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn threat_64_what_was_not_heard_in_time_is_not_played_again() {
        let (flaky, guard) = (Arc::new(Flaky::default()), guard());
        let guarded = GuardedRecognizer::new(
            Arc::clone(&flaky) as Arc<dyn SpeechRecognizer>,
            Arc::clone(&guard),
        );
        assert_eq!(guarded.provider(), "flaky");
        let recognition = Recognition {
            audio: audio(),
            language: None,
        };
        for _ in 0..10 {
            let failure = guarded.recognize(&recognition).await.unwrap_err();
            assert_eq!(failure.kind, ProviderErrorKind::Timeout);
        }
        assert_eq!(flaky.asked(), 10);
        assert_eq!(guard.state(), CircuitState::Open);
    }
}
