//! Copies of the database: made while it serves, checked before one takes its place.

use std::fs::{File, OpenOptions};
use std::io;
use std::path::{Path, PathBuf};

use diesel::sql_types::Text;
use diesel::{Connection, RunQueryDsl, SqliteConnection};

use super::{MigrateError, SqliteDatabase, connection, migrations};
use crate::statement::statement;

statement!(VacuumInto(path: &'a str => Text) = "VACUUM INTO ?");
statement!(IntegrityCheck() -> (Text) = "SELECT integrity_check FROM pragma_integrity_check LIMIT 1");
statement!(
    ForeignKeyCheck() -> (Text) = "SELECT \"table\" FROM pragma_foreign_key_check LIMIT 1"
);

/// Why no backup was made.
#[derive(Debug, thiserror::Error)]
pub enum BackupError {
    /// There is a file of that name, or it cannot be made.
    #[error("the backup file cannot be made")]
    Target(#[source] io::Error),
    /// The path is not a text in UTF-8.
    #[error("the path of the backup is not UTF-8")]
    Path,
    /// The database cannot be reached.
    #[error("the database cannot be opened for a backup")]
    Open(#[from] MigrateError),
    /// SQLite could not copy it.
    #[error("the database cannot be copied")]
    Copy(#[from] diesel::result::Error),
    /// The work was broken off.
    #[error("the backup was broken off")]
    Aborted,
}

/// Why a backup does not take the database's place.
#[derive(Debug, thiserror::Error)]
pub enum RestoreError {
    /// A file cannot be read, written or replaced.
    #[error("the file {path} cannot be read, written or replaced")]
    File {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// The path is not a text in UTF-8.
    #[error("the path of the backup is not UTF-8")]
    Path,
    /// It is a database in use: a part of it is in the write-ahead log beside it.
    #[error("the backup has a write-ahead log beside it: it is a database in use, not a backup")]
    InUse,
    /// It is no SQLite database, or a damaged one.
    #[error("the backup is not a sound SQLite database: {0}")]
    Damaged(String),
    /// It is not a database of this program.
    #[error("the backup is not a database of this program")]
    Foreign,
    /// It was made by a newer version of this program.
    #[error("the backup was made by a newer version of this program: it holds the unknown migrations {0:?}")]
    NewerSchema(Vec<String>),
}

impl SqliteDatabase {
    /// Copies the database as it is at this moment into a new file, while it serves.
    ///
    /// A file that exists is refused.
    pub async fn backup(&self, to: &Path) -> Result<(), BackupError> {
        let (database, to) = (self.clone(), to.to_owned());
        tokio::task::spawn_blocking(move || database.backup_blocking(&to))
            .await
            .map_err(|_| BackupError::Aborted)?
    }

    fn backup_blocking(&self, to: &Path) -> Result<(), BackupError> {
        let text = to.to_str().ok_or(BackupError::Path)?;
        // SQLite writes into an empty file; making it here refuses what exists and keeps it to its owner.
        connection::owner_only(OpenOptions::new().write(true).create_new(true))
            .open(to)
            .map_err(BackupError::Target)?;
        let copied = self.copy_into(text).and_then(|()| {
            sync(to).map_err(BackupError::Target)?;
            Ok(())
        });
        if copied.is_err() {
            let _ = std::fs::remove_file(to);
        }
        copied
    }

    fn copy_into(&self, to: &str) -> Result<(), BackupError> {
        let mut connection = self.own_connection()?;
        VacuumInto::new(to).execute(&mut connection)?;
        Ok(())
    }

    /// Sees to it that a file is a sound database of this program, of a schema it knows. Blocks.
    pub fn check_backup(path: &Path) -> Result<(), RestoreError> {
        let wal = beside(path, "-wal");
        if wal.metadata().is_ok_and(|file| file.len() > 0) {
            return Err(RestoreError::InUse);
        }
        File::open(path).map_err(file_error(path))?;
        let damaged = |error: &dyn std::error::Error| RestoreError::Damaged(error.to_string());
        let mut connection =
            SqliteConnection::establish(&read_only_uri(path)?).map_err(|error| damaged(&error))?;
        let (verdict,): (String,) = IntegrityCheck::new()
            .get_result(&mut connection)
            .map_err(|error| damaged(&error))?;
        if verdict != "ok" {
            return Err(RestoreError::Damaged(verdict));
        }
        let orphans: Vec<(String,)> = ForeignKeyCheck::new()
            .load(&mut connection)
            .map_err(|error| damaged(&error))?;
        if let Some((table,)) = orphans.first() {
            return Err(RestoreError::Damaged(format!(
                "table {table} refers to missing rows"
            )));
        }
        let state = migrations::state(&mut connection).map_err(|error| damaged(&error))?;
        if state.applied.is_empty() {
            return Err(RestoreError::Foreign);
        }
        if !state.unknown.is_empty() {
            return Err(RestoreError::NewerSchema(state.unknown));
        }
        Ok(())
    }

    /// Puts a backup in the place of a database that nobody has open. Blocks.
    ///
    /// It is copied beside the target and checked there; only a sound copy takes the target's place, in one step.
    pub fn restore(backup: &Path, target: &Path) -> Result<(), RestoreError> {
        Self::check_backup(backup)?;
        if let Some(parent) = target.parent() {
            std::fs::create_dir_all(parent).map_err(file_error(parent))?;
        }
        let copy = beside(target, ".restoring");
        let restored = copy_file(backup, &copy)
            .and_then(|()| Self::check_backup(&copy))
            .and_then(|()| replace(target, &copy));
        if restored.is_err() {
            let _ = std::fs::remove_file(&copy);
        }
        restored
    }
}

fn copy_file(from: &Path, to: &Path) -> Result<(), RestoreError> {
    let mut source = File::open(from).map_err(file_error(from))?;
    let mut options = OpenOptions::new();
    connection::owner_only(options.write(true).create(true).truncate(true))
        .open(to)
        .and_then(|mut copy| {
            io::copy(&mut source, &mut copy)?;
            copy.sync_all()
        })
        .map_err(file_error(to))
}

/// Takes away the old database's log, lest it be replayed into the new one, and renames the new one into place.
fn replace(target: &Path, copy: &Path) -> Result<(), RestoreError> {
    if target.exists() {
        // What the log holds goes into the old file, so that until the rename nothing is lost.
        // A file too damaged for that is replaced all the same.
        drop(connection::writer(target));
    }
    for log in ["-wal", "-shm"].map(|suffix| beside(target, suffix)) {
        match std::fs::remove_file(&log) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(file_error(&log)(error)),
            _ => {}
        }
    }
    std::fs::rename(copy, target).map_err(file_error(target))?;
    sync(target).map_err(file_error(target))
}

/// Sees to it that a file, and its name in its directory, are on the disk.
fn sync(path: &Path) -> io::Result<()> {
    File::open(path)?.sync_all()?;
    match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => File::open(parent)?.sync_all(),
        _ => Ok(()),
    }
}

fn beside(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    name.into()
}

fn file_error(path: &Path) -> impl Fn(io::Error) -> RestoreError {
    let path = path.to_owned();
    move |source| RestoreError::File {
        path: path.clone(),
        source,
    }
}

/// A URI by which SQLite opens a file without writing anything beside it.
fn read_only_uri(path: &Path) -> Result<String, RestoreError> {
    let absolute = std::path::absolute(path).map_err(file_error(path))?;
    let text = absolute.to_str().ok_or(RestoreError::Path)?;
    let escaped = text.replace('%', "%25").replace('?', "%3f").replace('#', "%23");
    Ok(format!("file:{escaped}?mode=ro&immutable=1"))
}
