//! Connections, and how each kind is set up.

use std::fs::OpenOptions;
use std::path::Path;

use diesel::connection::SimpleConnection;
use diesel::{Connection, SqliteConnection};

use super::OpenError;

/// WAL lets readers go on while one writes. With `synchronous=FULL` a commit is on the disk when it returns.
/// The log is copied into the database every 64 MiB: pages that many commits change are then copied once.
const WRITER: &str = "PRAGMA busy_timeout = 5000; PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; \
    PRAGMA foreign_keys = ON; PRAGMA cache_size = -64000; PRAGMA mmap_size = 268435456; \
    PRAGMA temp_store = MEMORY; PRAGMA wal_autocheckpoint = 16384; PRAGMA journal_size_limit = 67108864; \
    PRAGMA trusted_schema = OFF;";

const READER: &str = "PRAGMA busy_timeout = 5000; PRAGMA query_only = ON; PRAGMA cache_size = -8000; \
    PRAGMA mmap_size = 268435456; PRAGMA temp_store = MEMORY; PRAGMA trusted_schema = OFF;";

/// Makes the file, readable by its owner alone, and its directory, where they are missing.
pub(super) fn create_file(path: &Path) -> Result<(), OpenError> {
    let failed = |source| OpenError::File {
        path: path.to_owned(),
        source,
    };
    if let Some(parent) = path.parent() {
        std::fs::create_dir_all(parent).map_err(failed)?;
    }
    owner_only(OpenOptions::new().read(true).write(true).create(true))
        .open(path)
        .map_err(failed)?;
    Ok(())
}

/// Lets only the owner read and write a file that these options make.
pub(super) fn owner_only(options: &mut OpenOptions) -> &mut OpenOptions {
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(options, 0o600);
    options
}

/// A connection that may write.
pub(super) fn writer(path: &Path) -> Result<SqliteConnection, OpenError> {
    connect(path, WRITER)
}

/// A connection that only reads.
pub(super) fn reader(path: &Path) -> Result<SqliteConnection, OpenError> {
    connect(path, READER)
}

fn connect(path: &Path, setup: &str) -> Result<SqliteConnection, OpenError> {
    let text = path.to_str().ok_or_else(|| OpenError::Path(path.to_owned()))?;
    let mut connection = SqliteConnection::establish(text)?;
    connection.batch_execute(setup)?;
    Ok(connection)
}
