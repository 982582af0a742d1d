//! Objects that are written once and read whole, each call within one deadline.

use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use bytes::Bytes;
use futures_util::stream::{BoxStream, StreamExt};
use object_store::path::Path;
use object_store::{Attribute, Attributes, Error, ObjectStore, ObjectStoreExt, PutMode, PutOptions};
use tokio::task::spawn_blocking;
use tokio::time::timeout;

use crate::connect::{Connected, RETRIES};
use crate::directory::Directory;
use crate::draft::Draft;
use crate::failure::{Failure, is_absence, is_broken_off, is_unconditional};

/// The largest object that is kept, and read into memory.
const MOST_BYTES: u64 = 64 << 20;
/// An object never changes under its name.
const FOR_EVER: &str = "public, max-age=31536000, immutable";

/// A store of objects, or a part of one.
#[derive(Clone)]
pub(crate) struct Objects {
    store: Arc<dyn ObjectStore>,
    prefix: Path,
    directory: Option<Directory>,
    deadline: Duration,
    /// Whether it writes on the condition that nothing is there, as far as is known.
    conditional: Arc<AtomicBool>,
}

impl Objects {
    pub(crate) fn new(connected: Connected, deadline: Duration) -> Self {
        Self {
            store: connected.store,
            prefix: connected.prefix,
            directory: connected.directory,
            deadline,
            conditional: Arc::new(AtomicBool::new(true)),
        }
    }

    /// Whether it is a directory of this machine.
    pub(crate) const fn is_directory(&self) -> bool {
        self.directory.is_some()
    }

    /// How long a call may take.
    pub(crate) const fn deadline(&self) -> Duration {
        self.deadline
    }

    /// Gives work the time that a call may take.
    pub(crate) async fn in_time<T>(
        &self,
        work: impl Future<Output = Result<T, Failure>>,
    ) -> Result<T, Failure> {
        timeout(self.deadline, work)
            .await
            .unwrap_or(Err(Failure::Timeout))
    }

    /// Reads an object whole.
    pub(crate) async fn read(&self, name: &str) -> Result<Option<Bytes>, Failure> {
        let found = match self.store.get(&self.path(name)).await {
            Err(error) if is_absence(&error) => return Ok(None),
            found => found?,
        };
        if found.meta.size > MOST_BYTES {
            return Err(Failure::TooLarge);
        }
        Ok(Some(found.bytes().await?))
    }

    /// How long an object is.
    pub(crate) async fn length(&self, name: &str) -> Result<Option<u64>, Failure> {
        match self.store.head(&self.path(name)).await {
            Err(error) if is_absence(&error) => Ok(None),
            found => Ok(Some(found?.size)),
        }
    }

    /// Reads a part of an object.
    pub(crate) async fn read_part(&self, name: &str, part: Range<u64>) -> Result<Bytes, Failure> {
        Ok(self.store.get_range(&self.path(name), part).await?)
    }

    /// The names of all objects in a folder.
    pub(crate) fn list(&self, folder: &str) -> BoxStream<'static, Result<String, Failure>> {
        let prefix = self.path(folder);
        let above = self.prefix.clone();
        let found = self.store.list(Some(&prefix)).map(move |found| {
            let found = found?;
            let parts = found.location.prefix_match(&above);
            let name: Option<Path> = parts.map(Iterator::collect);
            Ok(name.unwrap_or(found.location).to_string())
        });
        found.boxed()
    }

    /// Begins to write an object part by part.
    pub(crate) fn draft(&self, name: String) -> Draft {
        Draft::new(self.clone(), name)
    }

    pub(crate) fn store(&self) -> &dyn ObjectStore {
        &*self.store
    }

    /// Writes an object, if none of this name is there.
    pub(crate) async fn create(
        &self,
        name: &str,
        content: &Bytes,
        media_type: &'static str,
    ) -> Result<(), Failure> {
        if content.len() as u64 > MOST_BYTES {
            return Err(Failure::TooLarge);
        }
        if self.conditional.load(Ordering::Relaxed) {
            let mut created = self.put(name, content, Some(media_type), PutMode::Create).await;
            for _ in 0..RETRIES {
                // The client repeats nothing that might have been done; this may be done twice.
                if !matches!(&created, Err(error) if is_broken_off(error)) {
                    break;
                }
                created = self.put(name, content, Some(media_type), PutMode::Create).await;
            }
            match created {
                Err(error) if is_unconditional(&error) => {}
                created => return self.created(name, created).await,
            }
        }
        self.create_unless_seen(name, content, media_type).await
    }

    async fn create_unless_seen(
        &self,
        name: &str,
        content: &Bytes,
        media_type: &'static str,
    ) -> Result<(), Failure> {
        match self.store.head(&self.path(name)).await {
            Ok(_) => return Ok(()),
            Err(error) if is_absence(&error) => {}
            Err(error) => return Err(error.into()),
        }
        let created = self
            .put(name, content, Some(media_type), PutMode::Overwrite)
            .await;
        if created.is_ok() && self.conditional.swap(false, Ordering::Relaxed) {
            tracing::info!("the object store cannot write on a condition; looking first instead");
        }
        self.created(name, created).await
    }

    async fn created(&self, name: &str, created: Result<(), Error>) -> Result<(), Failure> {
        match created {
            Err(Error::AlreadyExists { .. }) => Ok(()),
            created => {
                created?;
                self.on_disk(name, Directory::restrict).await
            }
        }
    }

    /// Writes an object in the place of whatever is there.
    pub(crate) async fn overwrite(&self, name: &str, content: &Bytes) -> Result<(), Failure> {
        let written = self.put(name, content, None, PutMode::Overwrite).await;
        self.created(name, written).await
    }

    /// Removes an object, which may be gone already.
    pub(crate) async fn remove(&self, name: &str) -> Result<(), Failure> {
        match self.store.delete(&self.path(name)).await {
            Err(error) if !is_absence(&error) => Err(error.into()),
            _ => Ok(()),
        }
    }

    async fn put(
        &self,
        name: &str,
        content: &Bytes,
        media_type: Option<&'static str>,
        mode: PutMode,
    ) -> Result<(), Error> {
        // What hinders this hinders the writing, which says it.
        let _ = self.on_disk(name, Directory::make_room).await;
        let options = PutOptions {
            mode,
            attributes: self.attributes(media_type),
            ..PutOptions::default()
        };
        let path = self.path(name);
        let put = self.store.put_opts(&path, content.clone().into(), options);
        put.await.map(drop)
    }

    /// What a bucket tells those who fetch from it themselves, where anybody does; a directory has no place for it.
    fn attributes(&self, media_type: Option<&'static str>) -> Attributes {
        match (media_type, &self.directory) {
            (None, _) | (_, Some(_)) => Attributes::new(),
            (Some(media_type), None) => Attributes::from_iter([
                (Attribute::ContentType, media_type),
                (Attribute::CacheControl, FOR_EVER),
            ]),
        }
    }

    /// Does something with the directory, if it is one, where it may block.
    pub(crate) async fn on_disk(
        &self,
        name: &str,
        work: fn(&Directory, &str) -> std::io::Result<()>,
    ) -> Result<(), Failure> {
        let Some(directory) = self.directory.clone() else {
            return Ok(());
        };
        let name = name.to_owned();
        let done = spawn_blocking(move || work(&directory, &name)).await;
        done.map_err(|_| Failure::Unexpected)?.map_err(Failure::Files)
    }

    pub(crate) fn path(&self, name: &str) -> Path {
        self.prefix.parts().chain(Path::from(name).parts()).collect()
    }
}
