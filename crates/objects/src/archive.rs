//! An archive in the form of ZIP, written as it is made and never whole in memory.

use std::io::{self, Write};
use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use bytes::Bytes;
use parlance_domain::personal::ExportArchive;
use parlance_domain::port::PortError;
use tokio::task::spawn_blocking;
use zip::CompressionMethod;
use zip::result::ZipResult;
use zip::write::{SimpleFileOptions, StreamWriter, ZipWriter};

use crate::draft::Draft;
use crate::exports::PORT;
use crate::failure::Failure;

type Writer = ZipWriter<StreamWriter<Pipe>>;

/// An archive that is being written.
pub(crate) struct ZipArchive {
    /// Absent while it compresses, and after a failure.
    writer: Option<Writer>,
    pipe: Pipe,
    draft: Draft,
}

/// What was compressed and not yet written.
#[derive(Clone, Default)]
struct Pipe(Arc<Mutex<Vec<u8>>>);

impl Pipe {
    fn take(&self) -> Vec<u8> {
        std::mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Write for Pipe {
    fn write(&mut self, content: &[u8]) -> io::Result<usize> {
        let mut held = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        held.extend_from_slice(content);
        Ok(content.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl ZipArchive {
    pub(crate) fn new(draft: Draft) -> Self {
        let pipe = Pipe::default();
        Self {
            writer: Some(ZipWriter::new_stream(pipe.clone())),
            pipe,
            draft,
        }
    }

    /// Does something with the writer where it may take a while, and writes what came of it.
    async fn with(
        &mut self,
        work: impl FnOnce(Writer) -> ZipResult<Option<Writer>> + Send + 'static,
    ) -> Result<(), PortError> {
        let unexpected = || Failure::Unexpected.into_port(PORT);
        let writer = self.writer.take().ok_or_else(unexpected)?;
        let worked = spawn_blocking(move || work(writer)).await;
        let worked = worked.map_err(|_| unexpected())?;
        self.writer = worked.map_err(|error| PortError::unavailable(PORT, error))?;
        let compressed = self.pipe.take();
        let written = self.draft.write(&compressed).await;
        written.map_err(|failure| failure.into_port(PORT))
    }
}

#[async_trait]
impl ExportArchive for ZipArchive {
    async fn entry(&mut self, name: &str) -> Result<(), PortError> {
        let name = name.to_owned();
        self.with(move |mut writer| {
            let options = SimpleFileOptions::default().compression_method(CompressionMethod::Deflated);
            writer.start_file(name, options)?;
            Ok(Some(writer))
        })
        .await
    }

    async fn write(&mut self, content: Bytes) -> Result<(), PortError> {
        self.with(move |mut writer| {
            writer.write_all(&content)?;
            Ok(Some(writer))
        })
        .await
    }

    async fn finish(mut self: Box<Self>) -> Result<u64, PortError> {
        self.with(|writer| writer.finish().map(|_| None)).await?;
        let finished = self.draft.finish().await;
        finished.map_err(|failure| failure.into_port(PORT))
    }
}
