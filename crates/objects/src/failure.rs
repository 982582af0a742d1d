//! What can go wrong at an object store, in words that hold nothing of a key, a signature or an answer's text.

use std::error::Error as StdError;
use std::io;

use object_store::Error;
use object_store::client::{HttpError, HttpErrorKind};
use parlance_domain::port::{PortError, PortErrorKind};

/// The longest code of an error that is repeated.
const LONGEST_CODE: usize = 48;

/// Why a call came to nothing.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Failure {
    /// The deadline passed.
    #[error("the object store did not answer in time")]
    Timeout,
    /// The network or TLS, as the operating system or the library says it.
    #[error("the connection to the object store failed: {0}")]
    Connection(String),
    /// An answer that refuses: its status, and of its text the code alone, since the rest may repeat what was sent.
    #[error("the object store refused with {0}")]
    Refused(Refusal),
    /// The bucket.
    #[error("the object store has no such bucket")]
    NoBucket,
    /// The directory.
    #[error("the directory for objects failed: {0}")]
    Files(io::Error),
    /// More than is ever kept.
    #[error("an object is larger than any that is kept")]
    TooLarge,
    /// Whatever else the client says.
    #[error("the object store answered in an unexpected way")]
    Unexpected,
}

/// What an answer that refuses says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Refusal {
    status: Option<u16>,
    code: Option<String>,
}

impl std::fmt::Display for Refusal {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match (&self.status, &self.code) {
            (Some(status), Some(code)) => write!(f, "{status} {code}"),
            (Some(status), None) => write!(f, "{status}"),
            (None, Some(code)) => f.write_str(code),
            (None, None) => f.write_str("an error"),
        }
    }
}

impl Refusal {
    /// Status and code are read from the client's text, for it tells them in no other way.
    fn of(text: &str) -> Self {
        Self {
            status: after(text, "status code: ").and_then(|rest| rest.get(..3)?.parse().ok()),
            code: after(text, "<Code>")
                .and_then(|rest| rest.split_once("</Code>"))
                .map(|(code, _)| code.to_owned())
                .filter(|code| is_code(code)),
        }
    }
}

fn after<'a>(text: &'a str, mark: &str) -> Option<&'a str> {
    text.split_once(mark).map(|(_, rest)| rest)
}

fn is_code(code: &str) -> bool {
    (1..=LONGEST_CODE).contains(&code.len()) && code.bytes().all(|byte| byte.is_ascii_alphabetic())
}

impl Failure {
    /// The error of the port on whose behalf the call was made.
    pub(crate) fn into_port(self, port: &'static str) -> PortError {
        let kind = match &self {
            Self::Timeout => PortErrorKind::Timeout,
            Self::TooLarge => PortErrorKind::Corrupt,
            _ => PortErrorKind::Unavailable,
        };
        PortError::new(port, kind, self)
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        if let Some(http) = cause::<HttpError>(&error) {
            return of_network(http);
        }
        if let Some(files) = cause::<io::Error>(&error) {
            return Self::Files(alike(files));
        }
        let refusal = Refusal::of(&error.to_string());
        match error {
            _ if refusal.code.as_deref() == Some("NoSuchBucket") => Self::NoBucket,
            _ if refusal.status.is_some() => Self::Refused(refusal),
            Error::PermissionDenied { .. } | Error::Unauthenticated { .. } => Self::Refused(refusal),
            _ => Self::Unexpected,
        }
    }
}

/// Whether a store says by this that it cannot write on the condition that nothing is there.
pub(crate) fn is_unconditional(error: &Error) -> bool {
    match error {
        Error::NotImplemented { .. } | Error::NotSupported { .. } => true,
        // A file system without hard links says that it may not be done.
        Error::Generic { .. } => match cause::<io::Error>(error).map(io::Error::kind) {
            Some(kind) => matches!(kind, io::ErrorKind::PermissionDenied | io::ErrorKind::Unsupported),
            None => Refusal::of(&error.to_string()).status == Some(501),
        },
        _ => false,
    }
}

/// Whether the connection broke before an answer came, perhaps because it had been idle for too long.
pub(crate) fn is_broken_off(error: &Error) -> bool {
    cause::<HttpError>(error).is_some_and(|http| http.kind() == HttpErrorKind::Interrupted)
}

/// Whether an object is not there, though the place where it would be is.
pub(crate) fn is_absence(error: &Error) -> bool {
    matches!(error, Error::NotFound { .. })
        && Refusal::of(&error.to_string()).code.as_deref() != Some("NoSuchBucket")
}

fn of_network(error: &HttpError) -> Failure {
    match error.kind() {
        HttpErrorKind::Timeout => Failure::Timeout,
        _ => Failure::Connection(innermost(error).to_string()),
    }
}

/// The first cause of this type.
fn cause<T: StdError + 'static>(error: &Error) -> Option<&T> {
    causes(error).find_map(<dyn StdError>::downcast_ref::<T>)
}

fn innermost<'a>(error: &'a (dyn StdError + 'static)) -> &'a (dyn StdError + 'static) {
    causes(error).last().unwrap_or(error)
}

fn causes<'a>(error: &'a (dyn StdError + 'static)) -> impl Iterator<Item = &'a (dyn StdError + 'static)> {
    std::iter::successors(Some(error), |&error| error.source())
}

/// The same error of the operating system.
fn alike(error: &io::Error) -> io::Error {
    match error.raw_os_error() {
        Some(code) => io::Error::from_raw_os_error(code),
        None => error.kind().into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn generic(source: impl Into<Box<dyn StdError + Send + Sync>>) -> Error {
        Error::Generic {
            store: "S3",
            source: source.into(),
        }
    }

    fn status(status: &str, body: &str) -> Error {
        generic(format!("Server returned non-2xx status code: {status}: {body}"))
    }

    #[test]
    fn threat_73_nothing_of_what_was_sent_is_in_an_error() {
        let body =
            "<Error><Code>SignatureDoesNotMatch</Code><AWSAccessKeyId>hunter2</AWSAccessKeyId></Error>";
        let odd = "<Code>hunter 2</Code> hunter2";
        for error in [
            status("403 Forbidden", body),
            status("500 Internal Server Error", odd),
            generic("hunter2"),
        ] {
            let error = Failure::from(error).into_port("AudioStore");
            assert_eq!(error.kind, PortErrorKind::Unavailable);
            let source = error.source.as_deref().map(ToString::to_string);
            let shown = format!("{error} {error:?} {source:?}");
            assert!(!shown.contains("hunter"), "{shown}");
        }
    }

    #[test]
    fn a_refusal_is_told_by_status_and_code() {
        let told = |error| Failure::from(error).to_string();
        let body = "<Error><Code>SlowDown</Code></Error>";
        assert!(told(status("503 Service Unavailable", body)).ends_with("503 SlowDown"));
        assert!(told(status("500 Internal Server Error", "")).ends_with("500"));
        assert!(matches!(
            Failure::from(status("404 Not Found", "<Code>NoSuchBucket</Code>")),
            Failure::NoBucket
        ));
    }

    #[test]
    fn an_object_is_not_absent_because_its_bucket_is() {
        let not_found = |text: &str| Error::NotFound {
            path: "audio".to_owned(),
            source: text.to_owned().into(),
        };
        assert!(is_absence(&not_found("<Code>NoSuchKey</Code>")));
        assert!(is_absence(&not_found("")));
        assert!(!is_absence(&not_found("<Code>NoSuchBucket</Code>")));
        assert!(!is_absence(&status("500 Internal Server Error", "")));
    }

    #[test]
    fn a_store_without_conditions_is_known_by_what_it_says() {
        assert!(is_unconditional(&status("501 Not Implemented", "")));
        assert!(is_unconditional(&generic(io::Error::from(
            io::ErrorKind::PermissionDenied
        ))));
        assert!(!is_unconditional(&status("500 Internal Server Error", "")));
        assert!(!is_unconditional(&generic(io::Error::from(
            io::ErrorKind::StorageFull
        ))));
    }
}
