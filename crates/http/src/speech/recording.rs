//! A recording, as it comes in parts.

use std::sync::Arc;

use actix_multipart::{Field, Multipart, MultipartError};
use actix_web::error::PayloadError;
use bytes::{Bytes, BytesMut};
use futures_util::TryStreamExt;
use parlance_domain::speech::{Audio, AudioFormat, LanguageTag, Recognition};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::error::{ApiError, ErrorCode};
use crate::fields::{Fault, Faults};

/// How many parts there may be: more than any client has a use for.
const MOST_PARTS: usize = 16;
/// How much may be sent beside the recording.
const MOST_BESIDE: usize = 16 * 1024;
/// In what units room is taken.
const UNIT: usize = 64 * 1024;

/// Room in memory for what all requests together may hold.
#[derive(Debug, Clone)]
pub(crate) struct Room(Arc<Semaphore>);

impl Room {
    /// Room for so many bytes.
    pub(crate) fn new(bytes: usize) -> Self {
        Self(Arc::new(Semaphore::new(bytes / UNIT)))
    }

    fn unit(&self) -> Result<OwnedSemaphorePermit, ApiError> {
        Arc::clone(&self.0)
            .try_acquire_owned()
            .map_err(|_| ApiError::new(ErrorCode::Unavailable))
    }
}

/// A recording that was received, and the room that it takes.
pub(super) struct Received {
    /// What is to be written down.
    pub(super) recognition: Recognition,
    /// Given back when it is no longer held.
    pub(super) _room: Vec<OwnedSemaphorePermit>,
}

/// What was sent so far.
#[derive(Default)]
struct Parts {
    audio: Option<BytesMut>,
    language: Option<Bytes>,
    room: Vec<OwnedSemaphorePermit>,
    beside: usize,
    faults: Faults,
}

/// Receives a recording of at most so many bytes.
///
/// Types and names that a client declares are not looked at; the content says what it is. Parts that nobody knows are
/// skipped.
pub(super) async fn receive(mut form: Multipart, most: usize, room: &Room) -> Result<Received, ApiError> {
    let mut parts = Parts::default();
    for _ in 0..MOST_PARTS {
        let Some(field) = form.try_next().await.map_err(|error| broken(&error))? else {
            return parts.finish();
        };
        match field.name() {
            Some("audio") if parts.audio.is_none() => parts.receive_audio(field, most, room).await?,
            Some("language") if parts.language.is_none() => {
                parts.language = Some(parts.receive_beside(field).await?);
            }
            name => {
                parts.complain_of_second(name);
                parts.receive_beside(field).await?;
            }
        }
    }
    Err(ApiError::invalid("body", "length", "must have at most 16 parts"))
}

impl Parts {
    async fn receive_audio(&mut self, mut field: Field, most: usize, room: &Room) -> Result<(), ApiError> {
        let mut audio = BytesMut::new();
        while let Some(chunk) = field.try_next().await.map_err(|error| broken(&error))? {
            let length = audio.len() + chunk.len();
            if length > most {
                return Err(ApiError::new(ErrorCode::PayloadTooLarge));
            }
            while length > self.room.len() * UNIT {
                self.room.push(room.unit()?);
            }
            audio.extend_from_slice(&chunk);
        }
        self.audio = Some(audio);
        Ok(())
    }

    /// Receives what is not the recording.
    async fn receive_beside(&mut self, mut field: Field) -> Result<Bytes, ApiError> {
        let mut content = BytesMut::new();
        while let Some(chunk) = field.try_next().await.map_err(|error| broken(&error))? {
            self.beside += chunk.len();
            if self.beside > MOST_BESIDE {
                return Err(ApiError::new(ErrorCode::PayloadTooLarge));
            }
            content.extend_from_slice(&chunk);
        }
        Ok(content.freeze())
    }

    fn complain_of_second(&mut self, name: Option<&str>) {
        const FAULT: Fault = Fault::new("length", "must be sent once");
        if let Some(name @ ("audio" | "language")) = name {
            self.faults.take::<()>(name, Err(FAULT));
        }
    }

    fn finish(mut self) -> Result<Received, ApiError> {
        let audio = self.faults.take("audio", read_audio(self.audio));
        let language = self
            .faults
            .take("language", read_language(self.language.as_deref()));
        let recognition = (|| {
            Some(Recognition {
                audio: audio?,
                language: language?,
            })
        })();
        Ok(Received {
            recognition: self.faults.finish(recognition)?,
            _room: self.room,
        })
    }
}

fn read_audio(content: Option<BytesMut>) -> Result<Audio, Fault> {
    const MISSING: Fault = Fault::new("required", "is required");
    const EMPTY: Fault = Fault::new("length", "must not be empty");
    const FORMAT: Fault = Fault::new("format", "must be wav, mp3, ogg, webm or flac by its content");
    let content = content.ok_or(MISSING)?.freeze();
    if content.is_empty() {
        return Err(EMPTY);
    }
    let format = AudioFormat::of(&content).ok_or(FORMAT)?;
    Ok(Audio { format, content })
}

/// As in queries, an empty text is none.
fn read_language(text: Option<&[u8]>) -> Result<Option<LanguageTag>, Fault> {
    const FAULT: Fault = Fault::new("format", "must be a language tag such as en, en-US or cmn-CN");
    let Some(text) = text.filter(|text| !text.is_empty()) else {
        return Ok(None);
    };
    let text = std::str::from_utf8(text).map_err(|_| FAULT)?;
    text.parse().map(Some).map_err(|_| FAULT)
}

/// Why a body cannot be taken apart.
fn broken(error: &MultipartError) -> ApiError {
    match error {
        MultipartError::Payload(PayloadError::Overflow) => ApiError::new(ErrorCode::PayloadTooLarge),
        MultipartError::ContentTypeMissing
        | MultipartError::ContentTypeParse
        | MultipartError::ContentTypeIncompatible => ApiError::new(ErrorCode::UnsupportedMediaType),
        _ => ApiError::invalid("body", "format", "must be a complete multipart form"),
    }
}
