//! The schema: which migrations there are, which were applied, and applying the rest.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::{Duration, Instant};

use diesel::migration::MigrationSource;
use diesel::pg::Pg;
use diesel::result::Error as DieselError;
use diesel::sql_types::{BigInt, Bool, Text};
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use diesel_migrations::{EmbeddedMigrations, embed_migrations};
use tokio::sync::oneshot;

use super::connect::{Connector, Limits};
use super::error::{MigrateError, Unreachable};
use super::migrator::Migrator;
use crate::statement::statement;

pub(super) const MIGRATIONS: EmbeddedMigrations = embed_migrations!("../../migrations/postgres");

/// Names the right to migrate a database among the advisory locks there.
const LOCK: i64 = 0x7061_726c_616e_6365;
/// How often it is asked for, and how long.
const LOCK_INTERVAL: Duration = Duration::from_millis(100);
const LOCK_PATIENCE: Duration = Duration::from_mins(10);

/// A migration may take its time, but nobody waits long behind it for a table: it gives up and tries again.
const LIMITS: Limits = Limits {
    statement: Duration::ZERO,
    lock: Duration::from_secs(2),
};

statement!(
    HasMigrations() -> (Bool) = "SELECT to_regclass('__diesel_schema_migrations') IS NOT NULL"
);
statement!(Applied() -> (Text) = "SELECT version FROM __diesel_schema_migrations");
statement!(TryLock(lock: i64 => BigInt) -> (Bool) = "SELECT pg_try_advisory_lock(?)");

/// The migrations that a database lacks, and those that this program does not know.
pub(super) struct Migrations {
    /// Known ones that were not applied, in order, by version.
    pub(super) pending: Vec<String>,
    /// Applied ones that this program does not know.
    pub(super) unknown: Vec<String>,
}

/// Compares those that were applied with those that are known.
pub(super) fn compare(applied: &BTreeSet<String>) -> Result<Migrations, MigrateError> {
    let migrations = MigrationSource::<Pg>::migrations(&MIGRATIONS).map_err(MigrateError::Migration)?;
    let known: BTreeSet<String> = migrations
        .iter()
        .map(|migration| migration.name().version().to_string())
        .collect();
    Ok(Migrations {
        pending: known.difference(applied).cloned().collect(),
        unknown: applied.difference(&known).cloned().collect(),
    })
}

/// Reads which migrations a database has, by version; writes nothing.
pub(super) async fn applied(mut connection: &AsyncPgConnection) -> Result<BTreeSet<String>, DieselError> {
    let (there,): (bool,) = HasMigrations::new().get_result(&mut connection).await?;
    if !there {
        return Ok(BTreeSet::new());
    }
    let versions: Vec<(String,)> = Applied::new().load(&mut connection).await?;
    Ok(versions.into_iter().map(|(version,)| version).collect())
}

/// Applies what is pending, each migration in a transaction of its own; says what it was.
///
/// Of copies that begin at once, one does the work and the others find it done. It goes on to its end even if the
/// caller does not wait for it.
pub(super) async fn run(connector: Arc<Connector>) -> Result<Vec<String>, MigrateError> {
    let (reply, answer) = oneshot::channel();
    let migrate = move || {
        let _ = reply.send(migrate(&connector));
    };
    // Diesel's migrations block. A thread of their own leaves it to the caller what runtime to be in.
    std::thread::Builder::new()
        .name("postgres-migrations".to_owned())
        .spawn(migrate)
        .map_err(MigrateError::Thread)?;
    let panicked = |_| MigrateError::Thread(std::io::Error::other("the thread panicked"));
    answer.await.map_err(panicked)?
}

fn migrate(connector: &Connector) -> Result<Vec<String>, MigrateError> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()
        .map_err(MigrateError::Thread)?;
    let link = runtime.block_on(connector.connect_within(LIMITS))?;
    runtime.block_on(lock(&link.connection))?;
    let connection = Arc::into_inner(link.connection).ok_or(Unreachable::GivenUp)?;
    // The harness finds the runtime by itself.
    let _entered = runtime.enter();
    Migrator::new(connection).run()
}

/// Waits for the right to migrate. It ends with the connection.
///
/// Asks again and again: whoever waits inside a statement holds a snapshot, for which some migrations wait in turn.
async fn lock(mut connection: &AsyncPgConnection) -> Result<(), MigrateError> {
    let begun = Instant::now();
    loop {
        let (locked,): (bool,) = TryLock::new(LOCK).get_result(&mut connection).await?;
        if locked {
            return Ok(());
        }
        if begun.elapsed() > LOCK_PATIENCE {
            return Err(MigrateError::Busy(LOCK_PATIENCE));
        }
        tokio::time::sleep(LOCK_INTERVAL).await;
    }
}
