//! What can go wrong at the database, from opening it to a single statement.

use std::path::PathBuf;

use diesel::result::{DatabaseErrorKind, Error as DieselError};
use parlance_domain::port::{PortError, PortErrorKind};

use crate::convert::CorruptRow;

type Cause = Box<dyn std::error::Error + Send + Sync>;

/// Why a database was not opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The file or its directory cannot be made or reached.
    #[error("the database file {path} cannot be made or reached")]
    File {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// The path is not a text in UTF-8.
    #[error("the path of the database {0} is not UTF-8")]
    Path(PathBuf),
    /// SQLite refuses it.
    #[error("the database cannot be opened")]
    Connection(#[from] diesel::ConnectionError),
    /// SQLite refuses to set it up.
    #[error("the database cannot be set up")]
    Setup(#[from] DieselError),
    /// It holds migrations that this program does not know.
    #[error(
        "the database was made by a newer version of this program: it holds the unknown migrations {0:?}"
    )]
    NewerSchema(Vec<String>),
    /// The migrations failed.
    #[error(transparent)]
    Migrate(#[from] MigrateError),
    /// A thread could not be started.
    #[error("a thread for the database cannot be started")]
    Thread(#[source] std::io::Error),
}

/// Why the schema was not brought up to date.
#[derive(Debug, thiserror::Error)]
pub enum MigrateError {
    /// The database cannot be reached.
    #[error("the database cannot be opened for its migrations")]
    Connection(#[from] diesel::ConnectionError),
    /// SQLite refuses to tell or to be set up.
    #[error("the state of the migrations cannot be read")]
    Read(#[from] DieselError),
    /// A migration failed.
    #[error("a migration failed")]
    Migration(#[source] Cause),
}

/// What went wrong with one piece of work.
#[derive(Debug, thiserror::Error)]
pub(crate) enum StoreError {
    /// SQLite refused a statement.
    #[error("a statement failed")]
    Statement(#[from] DieselError),
    /// What is stored breaks an invariant.
    #[error(transparent)]
    Corrupt(#[from] CorruptRow),
    /// There is no account of the one whom the work is for.
    #[error("there is no account of this id")]
    OwnerGone,
    /// As much work waits as may.
    #[error("too much work waits for the database")]
    Full,
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

impl StoreError {
    /// Why something could not be written for a user, whose account may be gone.
    pub(crate) fn of_owner(error: DieselError) -> Self {
        match error {
            DieselError::DatabaseError(DatabaseErrorKind::ForeignKeyViolation, _) => Self::OwnerGone,
            error => error.into(),
        }
    }

    /// The error of the port on whose behalf the work was done.
    pub(crate) fn into_port(self, port: &'static str) -> PortError {
        let kind = match &self {
            Self::Statement(DieselError::DatabaseError(_, info)) => kind_of(info.message()),
            Self::Statement(_) | Self::Panicked => PortErrorKind::Unexpected,
            Self::Corrupt(_) => PortErrorKind::Corrupt,
            Self::OwnerGone => PortErrorKind::OwnerGone,
            Self::Full | Self::Closed | Self::PendingMigrations(_) => PortErrorKind::Unavailable,
            Self::Timeout => PortErrorKind::Timeout,
        };
        PortError::new(port, kind, self)
    }
}

/// SQLite's result code is not told by Diesel; its text is fixed (`sqlite3_errstr`).
fn kind_of(message: &str) -> PortErrorKind {
    let passing = [
        "database is locked",
        "database table is locked",
        "database or disk is full",
        "disk I/O error",
        "unable to open database file",
        "attempt to write a readonly database",
    ];
    let corrupt = ["database disk image is malformed", "file is not a database"];
    if passing.iter().any(|start| message.starts_with(start)) {
        PortErrorKind::Unavailable
    } else if corrupt.iter().any(|start| message.starts_with(start)) {
        PortErrorKind::Corrupt
    } else {
        PortErrorKind::Unexpected
    }
}

/// Why a piece of work was given up: the domain refuses it, or the database failed.
#[derive(Debug)]
pub(crate) enum Fail<R> {
    /// A rule of the domain.
    Refused(R),
    /// The database.
    Store(StoreError),
}

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

/// The failure of work that no rule refuses.
pub(crate) type NoRefusal = Fail<std::convert::Infallible>;

impl<R> Fail<R> {
    /// The failure of a part that no rule refuses.
    pub(crate) fn never(error: NoRefusal) -> Self {
        match error {
            Fail::Refused(never) => match never {},
            Fail::Store(error) => Self::Store(error),
        }
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
