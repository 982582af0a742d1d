//! The schema: which migrations there are, which were applied, and applying the rest.

use std::collections::BTreeSet;

use diesel::migration::MigrationSource;
use diesel::result::Error as DieselError;
use diesel::sql_types::{BigInt, Text};
use diesel::sqlite::Sqlite;
use diesel::{RunQueryDsl, SqliteConnection};
use diesel_migrations::{EmbeddedMigrations, MigrationHarness, embed_migrations};

use super::MigrateError;
use crate::statement::statement;

const MIGRATIONS: EmbeddedMigrations = embed_migrations!("../../migrations/sqlite");

statement!(
    HasMigrations() -> (BigInt) = "SELECT count(*) FROM sqlite_schema WHERE name = '__diesel_schema_migrations'"
);
statement!(Applied() -> (Text) = "SELECT version FROM __diesel_schema_migrations");

/// The migrations that a database has and lacks.
pub(super) struct Migrations {
    /// Those applied, by version.
    pub(super) applied: BTreeSet<String>,
    /// Known ones that were not applied, in order, by version.
    pub(super) pending: Vec<String>,
    /// Applied ones that this program does not know.
    pub(super) unknown: Vec<String>,
}

/// Reads which migrations a database has; writes nothing.
pub(super) fn state(connection: &mut SqliteConnection) -> Result<Migrations, MigrateError> {
    let known = known()?;
    let applied = applied(connection)?;
    Ok(Migrations {
        pending: known.difference(&applied).cloned().collect(),
        unknown: applied.difference(&known).cloned().collect(),
        applied,
    })
}

/// Applies what is pending; says what it was.
pub(super) fn run(connection: &mut SqliteConnection) -> Result<Vec<String>, MigrateError> {
    let versions = connection
        .run_pending_migrations(MIGRATIONS)
        .map_err(MigrateError::Migration)?;
    Ok(versions.iter().map(ToString::to_string).collect())
}

fn known() -> Result<BTreeSet<String>, MigrateError> {
    let migrations = MigrationSource::<Sqlite>::migrations(&MIGRATIONS).map_err(MigrateError::Migration)?;
    Ok(migrations
        .iter()
        .map(|migration| migration.name().version().to_string())
        .collect())
}

fn applied(connection: &mut SqliteConnection) -> Result<BTreeSet<String>, DieselError> {
    let (tables,): (i64,) = HasMigrations::new().get_result(connection)?;
    if tables == 0 {
        return Ok(BTreeSet::new());
    }
    let versions: Vec<(String,)> = Applied::new().load(connection)?;
    Ok(versions.into_iter().map(|(version,)| version).collect())
}
