//! Mail by SMTP; or into a folder, for development.

mod compose;
mod config;
mod folder;
mod idle;
mod smtp;

pub use compose::{InvalidSender, Sender};
pub use config::{Encryption, InvalidSmtpUrl, SmtpConfig};
pub use folder::FolderMailer;
pub use smtp::{SmtpError, SmtpMailer};
