//! What is measured of pools and queues, read whenever somebody asks for the metrics.

use std::sync::Arc;

use parlance_domain::health::{Circuit, CircuitState};
use parlance_http::metrics::GaugeSource;
use parlance_platform::BcryptPasswordHasher;
use parlance_postgres::{PgDatabase, PgProgress};
use parlance_sqlite::SqliteDatabase;

use crate::shared::REDIS_LIMITS;

/// Of the database in a file.
pub(crate) fn of_sqlite(database: &SqliteDatabase) -> Vec<GaugeSource> {
    let gauge = |name, help, read: fn(&SqliteDatabase) -> u64| gauge(database, name, help, read);
    vec![
        gauge(
            "database_writes_waiting",
            "Writes that wait for the next group",
            |database| database.stats().writes_waiting as u64,
        ),
        gauge(
            "database_reads_waiting",
            "Reads that wait for a reader",
            |database| database.stats().reads_waiting as u64,
        ),
        gauge("database_readers", "Connections that read", |database| {
            database.stats().readers as u64
        }),
        gauge(
            "database_readers_busy",
            "Connections that are reading",
            |database| database.stats().readers_busy as u64,
        ),
        gauge(
            "database_groups_committed",
            "Groups of writes committed",
            |database| database.stats().groups_committed,
        ),
        gauge("database_writes_committed", "Writes committed", |database| {
            database.stats().members_committed
        }),
        gauge(
            "database_groups_retried",
            "Groups tried again one by one",
            |database| database.stats().groups_retried,
        ),
    ]
}

/// Of the connections to PostgreSQL and the groups of writes.
pub(crate) fn of_postgres(database: &PgDatabase, progress: &PgProgress) -> Vec<GaugeSource> {
    let gauge_of = |name, help, read: fn(&PgDatabase) -> u64| gauge(database, name, help, read);
    let write = |name, help, read: fn(&PgProgress) -> u64| gauge(progress, name, help, read);
    vec![
        gauge_of(
            "database_connections",
            "Shared connections there may be",
            |database| database.stats().connections as u64,
        ),
        gauge_of("database_connected", "Shared connections there are", |database| {
            database.stats().connected as u64
        }),
        gauge_of(
            "database_places",
            "Statements that may be under way at once",
            |database| database.stats().places as u64,
        ),
        gauge_of("database_places_busy", "Statements under way", |database| {
            database.stats().busy as u64
        }),
        gauge_of(
            "database_reads_waiting",
            "Statements that wait for a place",
            |database| database.stats().waiting as u64,
        ),
        gauge_of(
            "database_refused",
            "Statements that gave up waiting for a place",
            |database| database.stats().refused,
        ),
        gauge_of("database_connects", "Connections made", |database| {
            database.stats().connects
        }),
        gauge_of(
            "database_timeouts",
            "Statements that were not answered in time",
            |database| database.stats().timeouts,
        ),
        write(
            "database_writes_waiting",
            "Writes that wait for the next group",
            |progress| progress.stats().waiting as u64,
        ),
        write(
            "database_groups_committed",
            "Groups of writes committed",
            |progress| progress.stats().groups_committed,
        ),
        write("database_writes_committed", "Writes committed", |progress| {
            progress.stats().members_committed
        }),
        write(
            "database_groups_retried",
            "Groups tried again one by one",
            |progress| progress.stats().groups_retried,
        ),
        write(
            "database_writes_refused",
            "Writes refused because too many waited",
            |progress| progress.stats().refused,
        ),
        write(
            "database_writes_expired",
            "Writes given up because their time was over",
            |progress| progress.stats().expired,
        ),
        write(
            "database_writes_abandoned",
            "Writes dropped because their callers had gone",
            |progress| progress.stats().abandoned,
        ),
        write(
            "database_writer_connects",
            "Connections made to write",
            |progress| progress.stats().connects,
        ),
        write(
            "database_writes_overtaken",
            "Writes tried again because another copy wrote first",
            |progress| progress.stats().conflicts,
        ),
    ]
}

/// Of the hashing of passwords.
pub(crate) fn of_hasher(hasher: &Arc<BcryptPasswordHasher>) -> Vec<GaugeSource> {
    let gauge = |name, help, read: fn(&Arc<BcryptPasswordHasher>) -> u64| gauge(hasher, name, help, read);
    vec![
        gauge("hashing_queue", "Passwords that wait to be hashed", |hasher| {
            hasher.queue_depth() as u64
        }),
        gauge("hashing_running", "Passwords that are being hashed", |hasher| {
            hasher.in_flight() as u64
        }),
    ]
}

/// Of the circuit breakers: 1 while one is open.
pub(crate) fn of_circuits(circuits: &[(&'static str, Arc<dyn Circuit>)]) -> Vec<GaugeSource> {
    let gauge = |(name, circuit): &(&'static str, Arc<dyn Circuit>)| {
        let circuit = Arc::clone(circuit);
        let (name, help) = match *name {
            REDIS_LIMITS => (
                "redis_limits_open",
                "Whether limits are counted by this copy alone",
            ),
            _ => (
                "redis_announcements_open",
                "Whether announcements are not sent for a while",
            ),
        };
        GaugeSource::new(name, help, move || {
            f64::from(u8::from(circuit.state() == CircuitState::Open))
        })
    };
    circuits.iter().map(gauge).collect()
}

fn gauge<T: Clone + Send + Sync + 'static>(
    of: &T,
    name: &'static str,
    help: &'static str,
    read: fn(&T) -> u64,
) -> GaugeSource {
    let of = of.clone();
    GaugeSource::new(name, help, move || as_f64(read(&of)))
}

#[expect(clippy::cast_precision_loss, reason = "gauges are floating-point numbers")]
fn as_f64(count: u64) -> f64 {
    count as f64
}
