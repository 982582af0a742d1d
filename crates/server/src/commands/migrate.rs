//! `parlance migrate`: brings the database up to date.

use crate::data_dir::DataDir;
use crate::database::Database;
use crate::logs::say;
use crate::settings::Settings;

/// Applies every pending migration and names it.
pub(super) async fn run(settings: Settings) -> anyhow::Result<()> {
    DataDir::prepare(&settings)?;
    let database = Database::open(&settings.database, false).await?;
    let applied = database.migrate().await;
    database.close().await;
    let applied = applied?;
    if applied.is_empty() {
        say("the database is up to date");
    }
    for migration in applied {
        say(&format!("applied {migration}"));
    }
    Ok(())
}
