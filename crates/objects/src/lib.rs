//! Audio and archives in a directory or an object store.
//!
//! A directory, Amazon's S3 and what speaks its protocol, or Google Cloud Storage, chosen by a URL. Audio lies under
//! `audio/`, what it was made from under `recipes/`, both under the name of the content; nothing is ever changed. Archives lie under `exports/` until their time has come.

mod archive;
mod audio;
mod config;
mod connect;
mod directory;
mod draft;
mod exports;
mod failure;
mod objects;
mod place;

pub use audio::ObjectAudio;
pub use config::{ObjectsConfig, ObjectsConfigError};
pub use exports::ObjectExports;
