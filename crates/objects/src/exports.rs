//! The files of archives: written as they are made, read piece by piece, gone when their time has come.

use std::fmt;
use std::ops::Range;

use async_trait::async_trait;
use bytes::Bytes;
use futures_util::stream::{self, StreamExt, TryStreamExt};
use parlance_domain::personal::{ExportArchive, ExportContent, ExportFileName, ExportFiles};
use parlance_domain::port::PortError;
use parlance_domain::time::Timestamp;
use tokio::sync::OnceCell;
use tokio::task::spawn_blocking;

use crate::archive::ZipArchive;
use crate::config::{ObjectsConfig, ObjectsConfigError};
use crate::connect::{check, connect};
use crate::directory::EXPORTS;
use crate::failure::Failure;
use crate::objects::Objects;
use crate::place::Place;

/// For errors of the port.
pub(crate) const PORT: &str = "ExportFiles";
/// How much of a file is read at once.
const PIECE: u64 = 4 << 20;

/// Files of archives in a directory or an object store.
///
/// The directory is made, or the store asked, when the first archive is: where nobody asks for one, the file system may be
/// read-only.
pub struct ObjectExports {
    config: ObjectsConfig,
    objects: OnceCell<Objects>,
}

impl ObjectExports {
    /// Files in this place, where it can be one; nothing is made or asked yet.
    pub fn new(config: ObjectsConfig) -> Result<Self, ObjectsConfigError> {
        check(&config)?;
        Ok(Self {
            config,
            objects: OnceCell::new(),
        })
    }

    async fn objects(&self) -> Result<&Objects, PortError> {
        let open = || async {
            let config = self.config.clone();
            let deadline = config.deadline;
            let connected = spawn_blocking(move || connect(&config)).await;
            let connected = connected.map_err(|_| Failure::Unexpected.into_port(PORT))?;
            let connected = connected.map_err(|error| PortError::unavailable(PORT, error))?;
            Ok(Objects::new(connected, deadline))
        };
        self.objects.get_or_try_init(open).await
    }

    /// Whether no archive can be there, because its directory is not.
    fn is_bare(&self) -> bool {
        match self.config.url.parse() {
            Ok(Place::Directory(path)) => !path.join(EXPORTS).is_dir(),
            _ => false,
        }
    }
}

/// Spread over some directories, as what else is kept.
fn name_of(file: &ExportFileName) -> String {
    let digits = file.export.0.simple().to_string();
    let shard = digits.get(30..).unwrap_or_default();
    format!("{EXPORTS}/{shard}/{file}")
}

#[async_trait]
impl ExportFiles for ObjectExports {
    async fn begin(&self, name: &ExportFileName) -> Result<Box<dyn ExportArchive>, PortError> {
        let draft = self.objects().await?.draft(name_of(name));
        Ok(Box::new(ZipArchive::new(draft)))
    }

    async fn read(&self, name: &ExportFileName) -> Result<Option<ExportContent>, PortError> {
        if self.is_bare() {
            return Ok(None);
        }
        let name = name_of(name);
        let objects = self.objects().await?.clone();
        let length = objects.in_time(objects.length(&name)).await;
        let Some(length) = length.map_err(|failure| failure.into_port(PORT))? else {
            return Ok(None);
        };
        let pieces = stream::iter(pieces(length)).then(move |piece| {
            let (objects, name) = (objects.clone(), name.clone());
            async move { read(&objects, &name, piece).await }
        });
        Ok(Some(ExportContent {
            length,
            pieces: pieces.boxed(),
        }))
    }

    async fn purge(&self, now: Timestamp) -> Result<u32, PortError> {
        if self.is_bare() {
            return Ok(0);
        }
        let objects = self.objects().await?;
        let mut names = objects.list(EXPORTS);
        let mut purged = 0;
        while let Some(name) = names
            .try_next()
            .await
            .map_err(|failure| failure.into_port(PORT))?
        {
            let file = name.rsplit('/').next().unwrap_or_default();
            let file: Result<ExportFileName, _> = file.parse();
            if file.is_ok_and(|file| file.until <= now) {
                let removed = objects.in_time(objects.remove(&name)).await;
                removed.map_err(|failure| failure.into_port(PORT))?;
                purged += 1;
            }
        }
        Ok(purged)
    }
}

async fn read(objects: &Objects, name: &str, piece: Range<u64>) -> Result<Bytes, PortError> {
    let read = objects.in_time(objects.read_part(name, piece)).await;
    read.map_err(|failure| failure.into_port(PORT))
}

/// The parts in which so many bytes are read.
fn pieces(length: u64) -> impl Iterator<Item = Range<u64>> + Send {
    let count = length.div_ceil(PIECE);
    (0..count).map(move |number| number * PIECE..length.min((number + 1) * PIECE))
}

/// Of clients and settings nothing: they hold secrets.
impl fmt::Debug for ObjectExports {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ObjectExports").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pieces_cover_a_file_once() {
        let of = |length| pieces(length).collect::<Vec<_>>();
        assert_eq!(of(0), []);
        assert_eq!(of(1), vec![0..1; 1]);
        assert_eq!(of(PIECE), vec![0..PIECE; 1]);
        assert_eq!(of(PIECE + 1), [0..PIECE, PIECE..PIECE + 1]);
    }
}
