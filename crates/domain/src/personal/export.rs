//! An archive of everything that is held of a learner, from the asking until it is gone.

use std::fmt;
use std::str::FromStr;

use chrono::{DateTime, TimeDelta};
use uuid::Uuid;

use crate::ids::{ExportId, UserId};
use crate::time::Timestamp;

/// For how long an archive can be fetched.
pub const WELL_FOR: TimeDelta = TimeDelta::days(1);

/// An archive that was asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Export {
    /// Whose data it holds.
    pub user_id: UserId,
    /// Its id.
    pub id: ExportId,
    /// When it was asked for.
    pub requested_at: Timestamp,
    /// How far it has come.
    pub state: ExportState,
}

/// How far an archive has come.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ExportState {
    /// It is being made, or waits for that.
    Pending,
    /// It can be fetched, until it expires.
    Ready(ReadyExport),
    /// It was tried often enough.
    Failed {
        /// When it was given up.
        at: Timestamp,
    },
}

/// An archive that is made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReadyExport {
    /// Where it is kept.
    pub file: ExportFileName,
    /// How long it is, in bytes.
    pub bytes: u64,
    /// Since when.
    pub ready_at: Timestamp,
    /// Until when it can be fetched.
    pub expires_at: Timestamp,
}

impl Export {
    /// The archive, where it can be fetched.
    pub fn ready(&self, now: Timestamp) -> Option<&ReadyExport> {
        match &self.state {
            ExportState::Ready(ready) if ready.expires_at > now => Some(ready),
            _ => None,
        }
    }

    /// Whether there is nothing to tell of it any more.
    pub fn is_over(&self, now: Timestamp) -> bool {
        matches!(&self.state, ExportState::Ready(ready) if ready.expires_at <= now)
    }
}

/// Names an attempt to make an archive; only the last one that took it says what became of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct ExportAttempt(pub Uuid);

/// Names the file of an archive, another one for each attempt: until when it is needed at most, archive, attempt.
///
/// As a text `{seconds since 1970}-{archive}-{attempt}.zip`, the ids as 32 digits: whoever clears away what is not needed
/// any more asks nobody but the file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ExportFileName {
    /// Until when it is needed at most; whole seconds.
    pub until: Timestamp,
    /// The archive.
    pub export: ExportId,
    /// The attempt that made it.
    pub attempt: ExportAttempt,
}

/// A text that names no file of an archive.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("must be seconds, two ids of 32 digits with hyphens between, and .zip")]
pub struct InvalidExportFileName;

impl ExportFileName {
    /// The name of a file that an attempt writes.
    pub fn new(until: Timestamp, export: ExportId, attempt: ExportAttempt) -> Self {
        let until = DateTime::from_timestamp(until.timestamp(), 0).unwrap_or(until);
        Self {
            until,
            export,
            attempt,
        }
    }
}

impl fmt::Display for ExportFileName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (export, attempt) = (self.export.0.simple(), self.attempt.0.simple());
        write!(f, "{}-{export}-{attempt}.zip", self.until.timestamp())
    }
}

impl FromStr for ExportFileName {
    type Err = InvalidExportFileName;

    fn from_str(text: &str) -> Result<Self, InvalidExportFileName> {
        let read = || {
            let mut parts = text.strip_suffix(".zip")?.splitn(3, '-');
            let mut next = || parts.next();
            let until = DateTime::from_timestamp(next()?.parse().ok()?, 0)?;
            let export = ExportId(Uuid::parse_str(next()?).ok()?);
            let attempt = ExportAttempt(Uuid::parse_str(next()?).ok()?);
            let name = Self::new(until, export, attempt);
            (name.to_string() == text).then_some(name)
        };
        read().ok_or(InvalidExportFileName)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_name_of_a_file_reads_back_and_no_other_text_does() {
        let until = DateTime::from_timestamp_millis(1_772_366_400_789).unwrap();
        let (export, attempt) = (ExportId(Uuid::from_u128(7)), ExportAttempt(Uuid::from_u128(9)));
        let name = ExportFileName::new(until, export, attempt);
        let text = name.to_string();
        assert_eq!(
            text,
            "1772366400-00000000000000000000000000000007-00000000000000000000000000000009.zip"
        );
        assert_eq!(text.parse(), Ok(name));
        for bad in [
            "",
            ".zip",
            "../x.zip",
            "1-2-3.zip",
            &format!("{text}.zip"),
            &format!("+{text}"),
        ] {
            assert_eq!(bad.parse::<ExportFileName>(), Err(InvalidExportFileName), "{bad}");
        }
    }
}
