//! `parlance restore`: puts a backup in the place of the database while no server runs on it.

use std::path::Path;

use anyhow::Context;
use parlance_sqlite::SqliteDatabase;

use super::backup::file_of;
use crate::data_dir::DataDir;
use crate::logs::say;
use crate::settings::Settings;

/// Checks a backup and replaces the database by it, in one step.
pub(super) fn run(settings: &Settings, file: &Path) -> anyhow::Result<()> {
    let data_dir = DataDir::prepare(settings)?;
    let database = file_of(settings)?;
    let _lock = data_dir.lock(Some(database))?;
    SqliteDatabase::restore(file, database)
        .with_context(|| format!("cannot restore {}; the database is as it was", file.display()))?;
    say(&format!(
        "restored {} from {}",
        database.display(),
        file.display()
    ));
    Ok(())
}
