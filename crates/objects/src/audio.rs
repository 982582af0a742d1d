//! Audio under its content, written once, never read in halves.

use std::fmt;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use parking_lot::Mutex;
use parlance_domain::health::Probe;
use parlance_domain::port::PortError;
use parlance_domain::speech::{Audio, AudioId, AudioStore};
use tokio::task::spawn_blocking;
use tokio::time::{Instant, timeout};

use crate::config::{ObjectsConfig, ObjectsConfigError};
use crate::connect::{connect, web_url};
use crate::directory::{AUDIO, RECIPES};
use crate::failure::Failure;
use crate::objects::Objects;

/// For errors of the port.
const PORT: &str = "AudioStore";
/// What shows that the store works.
const MARK: &str = "probe";
/// How long a look at the store may take, while somebody waits for what is to be kept there.
const LOOK: Duration = Duration::from_secs(1);
const MARK_CONTENT: Bytes = Bytes::from_static(b"parlance");

/// Audio in a directory or an object store.
pub struct ObjectAudio {
    objects: Objects,
    /// Without a slash at its end.
    public_url: Option<String>,
    /// When it was tried last to keep audio, since that could not be done.
    doubt: Mutex<Option<Instant>>,
}

impl ObjectAudio {
    /// Opens the store, for which a directory is made and swept; may block as long as that takes.
    pub fn open(config: &ObjectsConfig) -> Result<Self, ObjectsConfigError> {
        let public_url = match config.public_url.as_deref() {
            Some(url) if web_url(url).is_none() => return Err(ObjectsConfigError::PublicUrl),
            url => url.map(|url| url.trim_end_matches('/').to_owned()),
        };
        Ok(Self {
            objects: Objects::new(connect(config)?, config.deadline),
            public_url,
            doubt: Mutex::new(None),
        })
    }

    /// Reads audio, and puts out of the way what is not what its name says: it will be made again.
    async fn read_sound(&self, id: &AudioId) -> Result<Option<Audio>, Failure> {
        let name = name_of(AUDIO, id);
        let content = match self.objects.read(&name).await {
            Ok(Some(content)) => content,
            Ok(None) => return Ok(None),
            Err(Failure::TooLarge) => return self.put_away(id, &name).await,
            Err(failure) => return Err(failure),
        };
        let format = id.format();
        match named(Audio { format, content }).await? {
            (audio, named) if named == *id => Ok(Some(audio)),
            _ => self.put_away(id, &name).await,
        }
    }

    async fn put_away(&self, id: &AudioId, name: &str) -> Result<Option<Audio>, Failure> {
        tracing::warn!(%id, "audio was damaged where it is kept, and is removed");
        if let Err(failure) = self.objects.remove(name).await {
            tracing::warn!(%id, cause = %failure, "damaged audio cannot be removed");
        }
        Ok(None)
    }

    async fn keep_with(&self, audio: Audio, recipe: Option<&Bytes>) -> Result<AudioId, Failure> {
        let (audio, id) = named(audio).await?;
        // Audio without its recipe could never be made again; a recipe without audio can be followed.
        if let Some(recipe) = recipe {
            self.objects
                .create(&name_of(RECIPES, &id), recipe, "application/octet-stream")
                .await?;
        }
        self.objects
            .create(&name_of(AUDIO, &id), &audio.content, audio.format.content_type())
            .await?;
        Ok(id)
    }

    /// Keeps audio in time, and notes whether that can be done.
    async fn keep_in_time(&self, audio: &Audio, recipe: Option<&Bytes>) -> Result<AudioId, PortError> {
        let kept = self.objects.in_time(self.keep_with(audio.clone(), recipe)).await;
        match &kept {
            Ok(_) => *self.doubt.lock() = None,
            // That is the audio's fault.
            Err(Failure::TooLarge) => {}
            Err(_) => *self.doubt.lock() = Some(Instant::now()),
        }
        kept.map_err(|failure| failure.into_port(PORT))
    }

    /// Whether somebody may have audio made: a store that answers is taken to keep it, until it does not. Then one at a
    /// time finds out, each after as long as a call may take.
    fn may_try(&self) -> bool {
        let mut doubt = self.doubt.lock();
        match &mut *doubt {
            None => true,
            Some(tried) if tried.elapsed() < self.objects.deadline() => false,
            Some(tried) => {
                *tried = Instant::now();
                true
            }
        }
    }

    /// A directory is written to, which may be full; of a bucket it is enough that it gives out what is in it.
    async fn mark(&self) -> Result<(), Failure> {
        if !self.objects.is_directory() && self.objects.read(MARK).await?.is_some() {
            return Ok(());
        }
        self.objects.overwrite(MARK, &MARK_CONTENT).await
    }
}

/// Audio with its name, computed where it may take a while.
async fn named(audio: Audio) -> Result<(Audio, AudioId), Failure> {
    let named = spawn_blocking(move || {
        let id = audio.id();
        (audio, id)
    });
    named.await.map_err(|_| Failure::Unexpected)
}

/// Spread over some thousands of directories: none is to become too large to be listed.
fn name_of(part: &str, id: &AudioId) -> String {
    let shard = id.digest().get(..2).unwrap_or_default();
    format!("{part}/{shard}/{id}")
}

#[async_trait]
impl AudioStore for ObjectAudio {
    async fn ready(&self) -> Result<(), PortError> {
        let looked = timeout(LOOK, self.objects.in_time(self.objects.read(MARK))).await;
        let looked = looked.unwrap_or(Err(Failure::Timeout));
        looked.map_err(|failure| failure.into_port(PORT))?;
        if self.may_try() {
            Ok(())
        } else {
            Err(PortError::unavailable(
                PORT,
                "it did not take what it was given last",
            ))
        }
    }

    async fn keep(&self, audio: &Audio, recipe: &Bytes) -> Result<AudioId, PortError> {
        self.keep_in_time(audio, Some(recipe)).await
    }

    async fn keep_without_recipe(&self, audio: &Audio) -> Result<AudioId, PortError> {
        self.keep_in_time(audio, None).await
    }

    async fn read(&self, id: &AudioId) -> Result<Option<Audio>, PortError> {
        let read = self.objects.in_time(self.read_sound(id));
        read.await.map_err(|failure| failure.into_port(PORT))
    }

    async fn recipe(&self, id: &AudioId) -> Result<Option<Bytes>, PortError> {
        let name = name_of(RECIPES, id);
        let read = self.objects.in_time(self.objects.read(&name));
        read.await.map_err(|failure| failure.into_port(PORT))
    }

    fn public_url(&self, id: &AudioId) -> Option<String> {
        let base = self.public_url.as_ref()?;
        Some(format!("{base}/{}", name_of(AUDIO, id)))
    }
}

#[async_trait]
impl Probe for ObjectAudio {
    /// The directory can be written to, or the bucket be read, within the deadline of a call.
    async fn check(&self) -> Result<(), PortError> {
        let marked = self.objects.in_time(self.mark());
        marked.await.map_err(|failure| failure.into_port(PORT))
    }
}

/// Of clients and settings nothing: they hold secrets.
impl fmt::Debug for ObjectAudio {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let is_directory = self.objects.is_directory();
        f.debug_struct("ObjectAudio")
            .field("is_directory", &is_directory)
            .finish_non_exhaustive()
    }
}
