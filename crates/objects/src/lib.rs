//! Audio in a directory or an object store.
//!
//! A directory, Amazon's S3 and what speaks its protocol, or Google Cloud Storage, chosen by a URL. Audio lies under
//! `audio/`, what it was made from under `recipes/`, both under the name of the content; nothing is ever changed.

mod audio;
mod config;
mod connect;
mod directory;
mod failure;
mod objects;
mod place;

pub use audio::ObjectAudio;
pub use config::{ObjectsConfig, ObjectsConfigError};
