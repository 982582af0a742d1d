//! What can go wrong at the database, from opening it to a single statement.

use diesel::result::{DatabaseErrorKind, Error as DieselError};
use parlance_domain::port::{PortError, PortErrorKind};

use crate::convert::CorruptRow;

/// Why a database was not opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The URL is not one of a PostgreSQL database; what it says is not repeated, for the password's sake.
    #[error("the URL of the database is malformed: {0}")]
    Url(&'static str),
    /// The server cannot be reached or refuses.
    #[error("the database cannot be reached")]
    Connection(#[source] Box<dyn std::error::Error + Send + Sync>),
}

/// What went wrong with one piece of work.
#[derive(Debug, thiserror::Error)]
pub(crate) enum StoreError {
    /// PostgreSQL refused a statement, or the connection broke.
    #[error("a statement failed")]
    Statement(#[from] DieselError),
    /// What is stored breaks an invariant.
    #[error(transparent)]
    Corrupt(#[from] CorruptRow),
    /// A connection could not be made.
    #[error("the database cannot be reached")]
    Unreachable(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// As much work is under way as may be.
    #[error("too much work waits for the database")]
    Full,
    /// The work did not end in time.
    #[error("the database did not answer in time")]
    Timeout,
}

impl StoreError {
    /// Whether the connection is of no more use.
    pub(crate) fn breaks_connection(&self) -> bool {
        match self {
            Self::Timeout => true,
            Self::Statement(DieselError::DatabaseError(kind, info)) => {
                matches!(
                    kind,
                    DatabaseErrorKind::ClosedConnection | DatabaseErrorKind::UnableToSendCommand
                ) || info.message().starts_with("terminating connection")
            }
            _ => false,
        }
    }

    /// The error of the port on whose behalf the work was done.
    pub(crate) fn into_port(self, port: &'static str) -> PortError {
        let kind = match &self {
            // Diesel passes on no SQLSTATE but those it has a name for. What is left are time-outs, shutdowns and a
            // want of resources, which pass.
            Self::Statement(DieselError::DatabaseError(
                DatabaseErrorKind::Unknown
                | DatabaseErrorKind::ClosedConnection
                | DatabaseErrorKind::UnableToSendCommand
                | DatabaseErrorKind::SerializationFailure
                | DatabaseErrorKind::ReadOnlyTransaction,
                _,
            )) => PortErrorKind::Unavailable,
            Self::Statement(_) => PortErrorKind::Unexpected,
            Self::Corrupt(_) => PortErrorKind::Corrupt,
            Self::Full | Self::Unreachable(_) => PortErrorKind::Unavailable,
            Self::Timeout => PortErrorKind::Timeout,
        };
        PortError::new(port, kind, self)
    }
}
