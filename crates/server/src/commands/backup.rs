//! `parlance backup`: copies the database into a new file, also while a server runs on it.

use std::path::{Path, PathBuf};

use anyhow::{Context, anyhow, bail};
use parlance_sqlite::{SqliteConfig, SqliteDatabase};

use crate::logs::say;
use crate::settings::Settings;

/// Copies the database as it is at this moment.
pub(super) async fn run(settings: Settings, file: PathBuf) -> anyhow::Result<()> {
    let path = file_of(&settings)?;
    // Opening would make an empty one.
    if !path.is_file() {
        bail!("there is no database at {}", path.display());
    }
    let config = SqliteConfig {
        migrate: false,
        ..SqliteConfig::new(path)
    };
    let database = SqliteDatabase::open(config)
        .with_context(|| format!("cannot open the database {}", path.display()))?;
    let copied = database.backup(&file).await;
    database.close().await;
    copied.with_context(|| format!("cannot back up to {}", file.display()))?;
    say(&format!("copied {} to {}", path.display(), file.display()));
    Ok(())
}

/// The file of the database; one on a server has tools of its own.
pub(super) fn file_of(settings: &Settings) -> anyhow::Result<&Path> {
    settings.database.file().ok_or_else(|| {
        anyhow!("this works on a database in a file; back up PostgreSQL by its own tools, such as pg_dump")
    })
}
