//! What can go wrong at the database, from opening it to a single statement.

use std::convert::Infallible;
use std::error::Error;
use std::sync::Arc;

use diesel::result::{DatabaseErrorInformation, DatabaseErrorKind, Error as DieselError};
use parlance_domain::port::{PortError, PortErrorKind};

use super::tls::TlsError;
use super::url::UrlError;
use crate::convert::CorruptRow;

/// Why a database was not opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The URL is not one of a PostgreSQL database; what it says is not repeated, for the password's sake.
    #[error("the URL of the database is malformed")]
    Url(#[from] UrlError),
    /// TLS cannot be set up as the URL demands.
    #[error("the URL of the database demands what is not there")]
    Tls(#[from] TlsError),
    /// It holds migrations that this program does not know.
    #[error(
        "the database was made by a newer version of this program: it holds the unknown migrations {0:?}"
    )]
    NewerSchema(Vec<String>),
    /// The server cannot be reached, or the migrations failed.
    #[error(transparent)]
    Migrate(#[from] MigrateError),
}

/// Why the schema was not brought up to date.
#[derive(Debug, thiserror::Error)]
pub enum MigrateError {
    /// The server cannot be reached or refuses.
    #[error("the database cannot be reached")]
    Connection(#[from] Unreachable),
    /// PostgreSQL refuses to tell.
    #[error("the state of the migrations cannot be read")]
    Read(#[from] DieselError),
    /// A migration failed.
    #[error("a migration failed")]
    Migration(#[source] Box<dyn Error + Send + Sync>),
    /// Another copy of the program has been at its migrations for too long.
    #[error("another copy of the program has been migrating the database for {0:?}")]
    Busy(std::time::Duration),
    /// The thread that migrates could not be started, or panicked.
    #[error("the migrations cannot be run")]
    Thread(#[source] std::io::Error),
}

/// Why a connection was not made.
#[derive(Debug, Clone, thiserror::Error)]
pub enum Unreachable {
    /// No server answered in time.
    #[error("no server answered in time")]
    TimedOut,
    /// A server did not answer in time.
    #[error("{0} did not answer in time")]
    Silent(Arc<str>),
    /// A server cannot be reached, is not to be trusted, or refuses.
    #[error("{host} cannot be reached, or refuses")]
    Refused {
        /// Where the server should be: a name with a port, or the folder of a socket.
        host: Arc<str>,
        /// Why.
        #[source]
        source: Arc<tokio_postgres::Error>,
    },
    /// The connection was made and could not be used.
    #[error("the connection cannot be set up")]
    SetUp(#[source] Arc<dyn Error + Send + Sync>),
    /// The attempt was given up.
    #[error("the attempt to connect was given up")]
    GivenUp,
}

impl From<diesel::ConnectionError> for Unreachable {
    fn from(error: diesel::ConnectionError) -> Self {
        Self::SetUp(Arc::new(error))
    }
}

impl From<DieselError> for Unreachable {
    fn from(error: DieselError) -> Self {
        Self::SetUp(Arc::new(error))
    }
}

/// What went wrong with one piece of work.
#[derive(Debug, thiserror::Error)]
pub(crate) enum StoreError {
    /// PostgreSQL refused a statement, or the connection broke.
    #[error("a statement failed")]
    Statement(#[source] DieselError),
    /// What is stored breaks an invariant.
    #[error(transparent)]
    Corrupt(#[from] CorruptRow),
    /// There is no account of the one whom the work is for.
    #[error("there is no account of this id")]
    OwnerGone,
    /// A connection could not be made.
    #[error("the database cannot be reached")]
    Unreachable(#[from] Unreachable),
    /// As much work is under way as may be.
    #[error("too much work waits for the database")]
    Full,
    /// Others changed the same again and again.
    #[error("others were always faster")]
    Overtaken,
    /// The database was closed.
    #[error("the database is closed")]
    Closed,
    /// The work did not end in time.
    #[error("the database did not answer in time")]
    Timeout,
    /// The work panicked.
    #[error("work at the database panicked")]
    Panicked,
    /// Migrations wait to be applied.
    #[error("migrations wait to be applied: {0:?}")]
    PendingMigrations(Vec<String>),
}

impl From<DieselError> for StoreError {
    /// Rows that are taken apart as they arrive are found corrupt by Diesel.
    fn from(error: DieselError) -> Self {
        match error {
            DieselError::DeserializationError(why) => match why.downcast::<CorruptRow>() {
                Ok(row) => Self::Corrupt(*row),
                Err(why) => Self::Statement(DieselError::DeserializationError(why)),
            },
            other => Self::Statement(other),
        }
    }
}

/// Why a piece of work was given up: a rule refuses it, or the database failed.
#[derive(Debug)]
pub(crate) enum Fail<R> {
    /// A rule.
    Refused(R),
    /// The database.
    Store(StoreError),
}

/// The failure of work that no rule refuses.
pub(crate) type NoRefusal = Fail<Infallible>;

impl<R> From<StoreError> for Fail<R> {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

impl<R> From<DieselError> for Fail<R> {
    fn from(error: DieselError) -> Self {
        Self::Store(error.into())
    }
}

impl<R> From<CorruptRow> for Fail<R> {
    fn from(error: CorruptRow) -> Self {
        Self::Store(error.into())
    }
}

impl NoRefusal {
    /// The error of the port on whose behalf the work was done.
    pub(crate) fn into_port(self, port: &'static str) -> PortError {
        match self {
            Self::Refused(never) => match never {},
            Self::Store(error) => error.into_port(port),
        }
    }
}

/// What a failed statement says of what to do next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// Nothing but to tell whoever asked.
    Final,
    /// It lost against others and was rolled back as a whole: the same again may succeed.
    Lost,
    /// Its connection broke.
    Broken,
    /// It may have been the end of its connection, which shows in a moment.
    Unclear,
}

impl StoreError {
    /// The same of what was written for a user, whose account may be gone.
    pub(crate) fn for_owner(self) -> Self {
        match self {
            Self::Statement(DieselError::DatabaseError(DatabaseErrorKind::ForeignKeyViolation, _)) => {
                Self::OwnerGone
            }
            other => other,
        }
    }

    /// What to do next.
    pub(crate) fn verdict(&self) -> Verdict {
        match self {
            Self::Statement(DieselError::DatabaseError(kind, info)) => Self::verdict_of(*kind, &**info),
            Self::Timeout => Verdict::Broken,
            // Nothing was sent.
            Self::Unreachable(Unreachable::GivenUp) => Verdict::Lost,
            _ => Verdict::Final,
        }
    }

    fn verdict_of(kind: DatabaseErrorKind, info: &dyn DatabaseErrorInformation) -> Verdict {
        match kind {
            DatabaseErrorKind::ClosedConnection | DatabaseErrorKind::UnableToSendCommand => Verdict::Broken,
            DatabaseErrorKind::SerializationFailure => Verdict::Lost,
            DatabaseErrorKind::Unknown if info.message().contains("deadlock") => Verdict::Lost,
            DatabaseErrorKind::Unknown => Verdict::Unclear,
            _ => Verdict::Final,
        }
    }

    /// Whether it may pass by itself, such as a want of resources, a time-out or a shutdown.
    pub(super) fn may_pass(&self) -> bool {
        match self {
            Self::Statement(error) => is_passing(error),
            Self::Unreachable(_)
            | Self::Full
            | Self::Overtaken
            | Self::Closed
            | Self::Timeout
            | Self::PendingMigrations(_) => true,
            Self::Corrupt(_) | Self::OwnerGone | Self::Panicked => false,
        }
    }

    /// The error of the port on whose behalf the work was done.
    pub(crate) fn into_port(self, port: &'static str) -> PortError {
        PortError::new(port, self.kind(), self)
    }

    /// Whether a key is taken that may be there only once.
    pub(crate) fn is_taken(&self) -> bool {
        matches!(
            self,
            Self::Statement(DieselError::DatabaseError(DatabaseErrorKind::UniqueViolation, _))
        )
    }

    /// What kind of failure of a port it is.
    pub(crate) fn kind(&self) -> PortErrorKind {
        match self {
            Self::Timeout => PortErrorKind::Timeout,
            Self::Corrupt(_) => PortErrorKind::Corrupt,
            Self::OwnerGone => PortErrorKind::OwnerGone,
            passing if passing.may_pass() => PortErrorKind::Unavailable,
            _ => PortErrorKind::Unexpected,
        }
    }
}

/// Whether a statement may succeed another time.
fn is_passing(error: &DieselError) -> bool {
    match error {
        DieselError::DatabaseError(kind, info) => match kind {
            DatabaseErrorKind::ClosedConnection
            | DatabaseErrorKind::UnableToSendCommand
            | DatabaseErrorKind::SerializationFailure
            // The server is one that only reads, until somebody makes it the first.
            | DatabaseErrorKind::ReadOnlyTransaction => true,
            DatabaseErrorKind::Unknown => !is_defect(&**info),
            _ => false,
        },
        _ => false,
    }
}

/// Whether a migration failed because of what others did at the time: a lock that they held, or a deadlock with them.
pub(super) fn was_in_the_way(error: &DieselError) -> bool {
    let lost = matches!(
        error,
        DieselError::DatabaseError(
            DatabaseErrorKind::Unknown | DatabaseErrorKind::SerializationFailure,
            _
        )
    );
    lost && is_passing(error)
}

/// Whether an error for which Diesel has no name shows a defect of a statement; it passes on no SQLSTATE.
///
/// What is wrong with a statement is wrong at some place in it. What only interrupts it is told with a place as well,
/// when it does so while the statement is parsed.
fn is_defect(info: &dyn DatabaseErrorInformation) -> bool {
    let interruptions = [
        "canceling statement",
        "deadlock detected",
        "terminating connection",
    ];
    let interrupts = |start: &str| info.message().starts_with(start);
    info.statement_position().is_some() && !interruptions.into_iter().any(interrupts)
}
