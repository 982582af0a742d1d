//! An object that is written part by part, and there once it is whole.

use bytes::{Bytes, BytesMut};
use object_store::{MultipartUpload, ObjectStoreExt};

use crate::directory::Directory;
use crate::failure::Failure;
use crate::objects::Objects;

/// How long a part is: as short as S3 takes it.
const PART: usize = 5 << 20;

/// An object that is being written.
pub(crate) struct Draft {
    objects: Objects,
    name: String,
    /// What makes less than a part.
    rest: BytesMut,
    /// What takes the parts; none before there is one.
    upload: Option<Box<dyn MultipartUpload>>,
    length: u64,
}

impl Draft {
    pub(crate) fn new(objects: Objects, name: String) -> Self {
        Self {
            objects,
            name,
            rest: BytesMut::new(),
            upload: None,
            length: 0,
        }
    }

    /// Writes some more.
    pub(crate) async fn write(&mut self, content: &[u8]) -> Result<(), Failure> {
        self.rest.extend_from_slice(content);
        self.length += content.len() as u64;
        while self.rest.len() >= PART {
            let part = self.rest.split_to(PART).freeze();
            self.send(part).await?;
        }
        Ok(())
    }

    /// Puts the object in its place; how long it is.
    pub(crate) async fn finish(mut self) -> Result<u64, Failure> {
        let rest = self.rest.split().freeze();
        if self.upload.is_none() {
            let objects = &self.objects;
            objects.in_time(objects.overwrite(&self.name, &rest)).await?;
            return Ok(self.length);
        }
        if !rest.is_empty() {
            self.send(rest).await?;
        }
        if let Some(mut upload) = self.upload.take() {
            let completed = async { Ok(upload.complete().await.map(drop)?) };
            self.objects.in_time(completed).await?;
            self.objects.on_disk(&self.name, Directory::restrict).await?;
        }
        Ok(self.length)
    }

    async fn send(&mut self, part: Bytes) -> Result<(), Failure> {
        if self.upload.is_none() {
            // What hinders this hinders the writing, which says it.
            let _ = self.objects.on_disk(&self.name, Directory::make_room).await;
            let path = self.objects.path(&self.name);
            let begun = async { Ok(self.objects.store().put_multipart(&path).await?) };
            self.upload = Some(self.objects.in_time(begun).await?);
        }
        match &mut self.upload {
            Some(upload) => {
                let sent = upload.put_part(part.into());
                self.objects.in_time(async { Ok(sent.await?) }).await
            }
            None => Err(Failure::Unexpected),
        }
    }
}

/// What is given up leaves no parts behind, as far as the store can still be told.
impl Drop for Draft {
    fn drop(&mut self) {
        if let (Some(mut upload), Ok(runtime)) = (self.upload.take(), tokio::runtime::Handle::try_current()) {
            runtime.spawn(async move {
                let _ = upload.abort().await;
            });
        }
    }
}
