//! `parlance migrate`: brings the database up to date.

use anyhow::Context;
use parlance_sqlite::{SqliteConfig, SqliteDatabase};

use crate::data_dir::DataDir;
use crate::logs::say;
use crate::settings::Settings;

/// Applies every pending migration and names it.
pub(super) fn run(settings: &Settings) -> anyhow::Result<()> {
    DataDir::prepare(settings)?;
    let config = SqliteConfig {
        migrate: false,
        ..SqliteConfig::new(&settings.database)
    };
    let database = SqliteDatabase::open(config)
        .with_context(|| format!("cannot open the database {}", settings.database.display()))?;
    let applied = database.migrate()?;
    if applied.is_empty() {
        say("the database is up to date");
    }
    for migration in applied {
        say(&format!("applied {migration}"));
    }
    Ok(())
}
