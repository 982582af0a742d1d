//! The port that sends letters, and what goes wrong with it.

use std::error::Error;
use std::fmt;
use std::time::Duration;

use async_trait::async_trait;

use crate::accounts::Email;
use crate::ids::MailId;
use crate::time::Timestamp;

/// How long the sending of a letter may take; whoever leases mails leases them for longer.
pub const SEND_DEADLINE: Duration = Duration::from_secs(30);

/// A mail in words; its `Debug` shows none of them, for they hold a link.
#[derive(Clone, PartialEq, Eq)]
pub struct Letter {
    /// The id of the mail; its `Message-ID` is made of it, so that a copy is known as one.
    pub id: MailId,
    /// When its cause was.
    pub written_at: Timestamp,
    /// The subject: one line.
    pub subject: String,
    /// The words as plain text, in lines that end with a line feed.
    pub text: String,
    /// The same as HTML.
    pub html: String,
}

impl fmt::Debug for Letter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Letter")
            .field("id", &self.id)
            .finish_non_exhaustive()
    }
}

/// Why a letter was not sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MailerErrorKind {
    /// Whoever sends could not be reached, did not answer in time, or lets us send nothing: no letter would go.
    Unreachable,
    /// This letter is not taken now, and may be later.
    NotNow,
    /// This letter will never be taken.
    Never,
}

/// The failure to send a letter. It tells nothing of the letter or of its reader.
#[derive(Debug, thiserror::Error)]
#[error("mailer failed: {kind:?}")]
pub struct MailerError {
    /// What kind of failure it is.
    pub kind: MailerErrorKind,
    /// The reply code of SMTP (RFC 5321, 4.2), if there was a reply.
    pub code: Option<u16>,
    /// The technical cause, where it is not the other side's words: those may name the reader.
    #[source]
    pub source: Option<Box<dyn Error + Send + Sync>>,
}

impl MailerError {
    /// A failure that the other side told of by a code.
    pub const fn replied(kind: MailerErrorKind, code: u16) -> Self {
        Self {
            kind,
            code: Some(code),
            source: None,
        }
    }

    /// A failure with its technical cause.
    pub fn caused_by(kind: MailerErrorKind, source: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self {
            kind,
            code: None,
            source: Some(source.into()),
        }
    }
}

/// Sends letters.
#[async_trait]
pub trait Mailer: Send + Sync {
    /// Sends a letter to an address; once this is done, somebody else is answerable for it.
    ///
    /// - It ends within [`SEND_DEADLINE`], whatever the other side does.
    /// - The same letter has the same `Message-ID` each time.
    /// - Nothing in letter or address adds a header field or a reader.
    async fn send(&self, to: &Email, letter: &Letter) -> Result<(), MailerError>;
}
