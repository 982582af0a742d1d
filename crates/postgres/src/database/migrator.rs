//! Applies migrations by Diesel's harness, which blocks.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use diesel::connection::InstrumentationEvent;
use diesel::migration::Migration;
use diesel::pg::Pg;
use diesel_async::{AsyncConnection, AsyncMigrationHarness, AsyncPgConnection};
use diesel_migrations::MigrationHarness;

use super::error::{MigrateError, was_in_the_way};
use super::migrations::MIGRATIONS;

/// How often a migration is tried that others are in the way of, and how long they are left alone in between.
const TRIES: u32 = 30;
const PAUSE: Duration = Duration::from_secs(1);

/// Applies migrations, and again those that failed because of what others did at the time.
pub(super) struct Migrator {
    harness: AsyncMigrationHarness<AsyncPgConnection>,
    /// Whether the last statement that failed may succeed another time: migrations do not tell why they failed.
    may_pass: Arc<AtomicBool>,
}

impl Migrator {
    /// To be made within the runtime that drives the connection.
    pub(super) fn new(mut connection: AsyncPgConnection) -> Self {
        let may_pass = Arc::new(AtomicBool::new(false));
        let noted = Arc::clone(&may_pass);
        connection.set_instrumentation(move |event: InstrumentationEvent<'_>| {
            if let InstrumentationEvent::FinishQuery {
                error: Some(error), ..
            } = event
            {
                noted.store(was_in_the_way(error), Ordering::Relaxed);
            }
        });
        Self {
            harness: AsyncMigrationHarness::new(connection),
            may_pass,
        }
    }

    /// Applies what is pending; says what it was.
    pub(super) fn run(mut self) -> Result<Vec<String>, MigrateError> {
        let pending = self.harness.pending_migrations(MIGRATIONS);
        let pending = pending.map_err(MigrateError::Migration)?;
        pending.iter().map(|migration| self.apply(&**migration)).collect()
    }

    fn apply(&mut self, migration: &dyn Migration<Pg>) -> Result<String, MigrateError> {
        let mut tries = 0;
        loop {
            let error = match self.harness.run_migration(migration) {
                Ok(version) => return Ok(version.to_string()),
                Err(error) => error,
            };
            tries += 1;
            if tries == TRIES || !self.may_pass.load(Ordering::Relaxed) {
                return Err(MigrateError::Migration(error));
            }
            tracing::info!(migration = %migration.name(), "a migration waits for others to be done");
            std::thread::sleep(PAUSE);
        }
    }
}
