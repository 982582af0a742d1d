//! What the tests share.

use std::sync::Arc;
use std::time::{Duration, Instant};

use async_trait::async_trait;
use bytes::Bytes;
use parlance_domain::port::{PortError, PortErrorKind};
use parlance_domain::speech::{Audio, AudioFormat, AudioId, AudioStore};
use parlance_objects::{ObjectAudio, ObjectsConfig};
use tempfile::TempDir;

/// How long a call may take in tests of faults.
pub(crate) const DEADLINE: Duration = Duration::from_secs(2);
/// How much later an answer is noticed on a machine that has much else to do.
const SLACK: Duration = Duration::from_secs(2);

pub(crate) const RECIPE: Bytes = Bytes::from_static(b"recipe");

pub(crate) fn sound(content: impl Into<Bytes>) -> Audio {
    Audio {
        format: AudioFormat::Mp3,
        content: content.into(),
    }
}

/// A store and what must outlive it.
pub(crate) struct Held<T> {
    pub(crate) store: ObjectAudio,
    pub(crate) place: T,
}

#[async_trait]
impl<T: Send + Sync> AudioStore for Held<T> {
    async fn ready(&self) -> Result<(), PortError> {
        self.store.ready().await
    }

    async fn keep(&self, audio: &Audio, recipe: &Bytes) -> Result<AudioId, PortError> {
        self.store.keep(audio, recipe).await
    }

    async fn keep_without_recipe(&self, audio: &Audio) -> Result<AudioId, PortError> {
        self.store.keep_without_recipe(audio).await
    }

    async fn read(&self, id: &AudioId) -> Result<Option<Audio>, PortError> {
        self.store.read(id).await
    }

    async fn recipe(&self, id: &AudioId) -> Result<Option<Bytes>, PortError> {
        self.store.recipe(id).await
    }

    fn public_url(&self, id: &AudioId) -> Option<String> {
        self.store.public_url(id)
    }
}

/// Audio in a directory of its own.
pub(crate) fn in_directory() -> Arc<Held<TempDir>> {
    let place = tempfile::tempdir().unwrap();
    let url = place.path().join("objects");
    let store = ObjectAudio::open(&ObjectsConfig::new(url.to_str().unwrap())).unwrap();
    Arc::new(Held { store, place })
}

/// A call fails in one of these ways, no later than its deadline.
pub(crate) async fn fails<T: std::fmt::Debug>(
    call: impl Future<Output = Result<T, PortError>>,
    kinds: &[PortErrorKind],
) {
    let begun = Instant::now();
    let error = call.await.unwrap_err();
    let taken = begun.elapsed();
    assert!(kinds.contains(&error.kind), "{error} {:?}", error.source);
    assert!(taken < DEADLINE + SLACK, "{taken:?}");
}
