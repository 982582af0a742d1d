//! What is measured of pools and queues, read whenever somebody asks for the metrics.

use std::sync::Arc;

use parlance_domain::caching::{Answers, CONVERSATIONS, SPEECH, Tally, VOICES};
use parlance_domain::health::{Circuit, CircuitState};
use parlance_domain::providers::{ProviderErrorKind, Service};
use parlance_domain::spending::Meter;
use parlance_http::metrics::GaugeSource;
use parlance_memory::MemoryCache;
use parlance_platform::BcryptPasswordHasher;
use parlance_postgres::{PgDatabase, PgProgress};
use parlance_resilience::Guard;
use parlance_sqlite::SqliteDatabase;

use crate::ledger::Ledger;
use crate::own_pool::OwnGuard;
use crate::post::{MAIL, Post};
use crate::providers;
use crate::sealer::Sealer;
use crate::settings::BudgetSettings;
use crate::shared::{REDIS_ANNOUNCEMENTS, REDIS_CACHE, REDIS_LEASES, REDIS_LIMITS};

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
    let mut gauges = of_statements(database);
    gauges.extend(of_transactions(database));
    gauges.extend(of_writes(progress));
    gauges
}

fn of_statements(database: &PgDatabase) -> Vec<GaugeSource> {
    let gauge_of = |name, help, read: fn(&PgDatabase) -> u64| gauge(database, name, help, read);
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
    ]
}

fn of_transactions(database: &PgDatabase) -> Vec<GaugeSource> {
    let gauge_of = |name, help, read: fn(&PgDatabase) -> u64| gauge(database, name, help, read);
    vec![
        gauge_of(
            "database_transactions",
            "Transactions that may be under way at once, each on a connection of its own",
            |database| database.transaction_stats().places as u64,
        ),
        gauge_of(
            "database_transactions_connected",
            "Connections for transactions there are",
            |database| database.transaction_stats().connected as u64,
        ),
        gauge_of(
            "database_transactions_busy",
            "Transactions under way",
            |database| database.transaction_stats().busy as u64,
        ),
        gauge_of(
            "database_transactions_waiting",
            "Transactions that wait for a connection",
            |database| database.transaction_stats().waiting as u64,
        ),
        gauge_of(
            "database_transactions_refused",
            "Transactions that gave up waiting for a connection",
            |database| database.transaction_stats().refused,
        ),
        gauge_of(
            "database_transaction_connects",
            "Connections made for transactions",
            |database| database.transaction_stats().connects,
        ),
        gauge_of(
            "database_transaction_timeouts",
            "Transactions that were not answered in time",
            |database| database.transaction_stats().timeouts,
        ),
    ]
}

fn of_writes(progress: &PgProgress) -> Vec<GaugeSource> {
    let write = |name, help, read: fn(&PgProgress) -> u64| gauge(progress, name, help, read);
    vec![
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
        let (name, help) = of_circuit(name);
        GaugeSource::new(name, help, move || {
            f64::from(u8::from(circuit.state() == CircuitState::Open))
        })
    };
    circuits.iter().map(gauge).collect()
}

fn of_circuit(name: &str) -> (&'static str, &'static str) {
    match name {
        REDIS_LIMITS => (
            "redis_limits_open",
            "Whether limits are counted by this copy alone",
        ),
        REDIS_ANNOUNCEMENTS => (
            "redis_announcements_open",
            "Whether announcements are not sent for a while",
        ),
        REDIS_CACHE => ("redis_cache_open", "Whether answers are kept by this copy alone"),
        REDIS_LEASES => (
            "redis_leases_open",
            "Whether answers are made by each copy for itself",
        ),
        MAIL => ("mail_open", "Whether no mail can be sent for now"),
        providers::SPEECH => ("speech_open", "Whether nobody is asked to speak for a while"),
        providers::RECOGNITION => (
            "recognition_open",
            "Whether nobody is asked to listen for a while",
        ),
        _ => (
            "conversations_open",
            "Whether nobody is asked to write for a while",
        ),
    }
}

/// What calls of a provider came to; the names begin with that of the service.
macro_rules! guard_gauges {
    ($guard:expr, $service:literal) => {{
        let gauge = |name, help, read: fn(&Arc<Guard>) -> u64| gauge($guard, name, help, read);
        let mut gauges = vec![
            gauge(
                concat!($service, "_provider_attempts"),
                "How often the provider was asked, retries included",
                |guard| guard.metered().attempts,
            ),
            gauge(
                concat!($service, "_provider_successes"),
                "How often the provider answered as it should",
                |guard| guard.metered().successes,
            ),
            gauge(
                concat!($service, "_provider_retries"),
                "How often the provider was asked again after a failure",
                |guard| guard.metered().retries,
            ),
            gauge(
                concat!($service, "_provider_in_flight"),
                "Calls of the provider under way",
                |guard| guard.metered().in_flight,
            ),
        ];
        gauges.extend(
            FAILURES
                .into_iter()
                .zip([
                    concat!($service, "_provider_missing"),
                    concat!($service, "_provider_unavailable"),
                    concat!($service, "_provider_timeouts"),
                    concat!($service, "_provider_exhausted"),
                    concat!($service, "_provider_unauthorized"),
                    concat!($service, "_provider_refused"),
                    concat!($service, "_provider_invalid"),
                    concat!($service, "_provider_left_alone"),
                    concat!($service, "_provider_full"),
                ])
                .map(|((kind, help), name)| {
                    let guard = Arc::clone($guard);
                    GaugeSource::new(name, help, move || as_f64(guard.metered().failures_of(kind)))
                }),
        );
        gauges
    }};
}

const FAILURES: [(ProviderErrorKind, &str); 9] = [
    (
        ProviderErrorKind::Missing,
        "Calls of a provider that is not set up",
    ),
    (ProviderErrorKind::Unavailable, "Calls that the provider failed"),
    (
        ProviderErrorKind::Timeout,
        "Calls that the provider did not answer in time",
    ),
    (
        ProviderErrorKind::Exhausted,
        "Calls that were too many for the provider",
    ),
    (
        ProviderErrorKind::Unauthorized,
        "Calls whose credentials the provider did not accept",
    ),
    (ProviderErrorKind::Refused, "Calls that the provider refused"),
    (
        ProviderErrorKind::Invalid,
        "Calls that the provider answered with something else",
    ),
    (
        ProviderErrorKind::LeftAlone,
        "Calls not made because the provider failed before",
    ),
    (
        ProviderErrorKind::Full,
        "Calls not made because too many were under way",
    ),
];

/// Of the providers.
pub(crate) fn of_guards(guards: &[(&'static str, Arc<Guard>)]) -> Vec<GaugeSource> {
    let of_guard = |(name, guard): &(&'static str, Arc<Guard>)| match *name {
        providers::SPEECH => guard_gauges!(guard, "speech"),
        providers::RECOGNITION => guard_gauges!(guard, "recognition"),
        _ => guard_gauges!(guard, "conversations"),
    };
    guards.iter().flat_map(of_guard).collect()
}

/// A guard, and the labels that tell its gauges from those of others.
type Labelled = (Vec<(&'static str, &'static str)>, Arc<Guard>);

/// Of all guards by provider, and by whose key is shown to it.
pub(crate) fn of_keys(house: &[(&'static str, Arc<Guard>)], own: &[OwnGuard]) -> Vec<GaugeSource> {
    let labels = |service: &'static str, provider: &'static str, key: &'static str| {
        vec![("service", service), ("provider", provider), ("key", key)]
    };
    let house = house
        .iter()
        .map(|(service, guard)| (labels(service, guard.provider(), "house"), Arc::clone(guard)));
    let own = own.iter().map(|own| {
        let service = match own.service {
            Service::Speech => providers::SPEECH,
            Service::Recognition => providers::RECOGNITION,
            Service::Conversations => providers::CONVERSATIONS,
        };
        let labels = labels(service, own.provider.as_str(), "own");
        (labels, Arc::clone(&own.guard))
    });
    let guards: Vec<Labelled> = house.chain(own).collect();
    let mut gauges = of_each(
        &guards,
        "provider_attempts",
        "How often a provider was asked, retries included",
        |guard| guard.metered().attempts,
    );
    gauges.extend(of_each(
        &guards,
        "provider_successes",
        "How often a provider answered as it should",
        |guard| guard.metered().successes,
    ));
    gauges.extend(of_each(
        &guards,
        "provider_unauthorized",
        "Calls whose key a provider did not accept",
        |guard| guard.metered().failures_of(ProviderErrorKind::Unauthorized),
    ));
    gauges.extend(of_each(
        &guards,
        "provider_exhausted",
        "Calls that were too many for a provider or a key",
        |guard| guard.metered().failures_of(ProviderErrorKind::Exhausted),
    ));
    gauges.extend(of_each(
        &guards,
        "provider_circuit_open",
        "Whether a provider is left alone after failures",
        |guard| u64::from(guard.state() != CircuitState::Closed),
    ));
    gauges
}

fn of_each(
    guards: &[Labelled],
    name: &'static str,
    help: &'static str,
    read: fn(&Arc<Guard>) -> u64,
) -> Vec<GaugeSource> {
    let of_one = |(labels, guard): &Labelled| gauge(guard, name, help, read).labelled(labels.clone());
    guards.iter().map(of_one).collect()
}

/// How often answers of a service were there; the names begin with that of the service.
macro_rules! answer_gauges {
    ($answers:expr, $policy:expr, $service:literal) => {{
        let gauge = |name, help, read: fn(Tally) -> u64| {
            let answers = Arc::clone($answers);
            GaugeSource::new(name, help, move || {
                let tallies = answers.tallies();
                let tally = tallies.iter().find(|(service, _)| *service == $policy.service);
                as_f64(tally.map_or(0, |(_, tally)| read(*tally)))
            })
        };
        [
            gauge(
                concat!($service, "_cache_hits"),
                "Answers that were kept and fresh",
                |tally| tally.hits,
            ),
            gauge(
                concat!($service, "_cache_misses"),
                "Answers that had to be made",
                |tally| tally.misses,
            ),
            gauge(
                concat!($service, "_cache_stale"),
                "Answers that were kept and past their time",
                |tally| tally.stale,
            ),
            gauge(
                concat!($service, "_cache_coalesced"),
                "Answers that were being made for somebody else",
                |tally| tally.coalesced,
            ),
            gauge(
                concat!($service, "_cache_errors"),
                "Answers that could not be had",
                |tally| tally.errors,
            ),
        ]
    }};
}

/// Of the cache of answers.
pub(crate) fn of_answers(answers: &Arc<dyn Answers>, near: &Arc<MemoryCache>) -> Vec<GaugeSource> {
    let mut gauges = vec![gauge(
        near,
        "cache_bytes",
        "Bytes of answers kept in the process",
        |near: &Arc<MemoryCache>| near.bytes(),
    )];
    gauges.extend(answer_gauges!(answers, SPEECH, "speech"));
    gauges.extend(answer_gauges!(answers, VOICES, "voices"));
    gauges.extend(answer_gauges!(answers, CONVERSATIONS, "conversations"));
    gauges
}

/// Of the audit log.
pub(crate) fn of_sealer(sealer: &Arc<Sealer>) -> Vec<GaugeSource> {
    let gauge = |name, help, read: fn(&Arc<Sealer>) -> u64| gauge(sealer, name, help, read);
    vec![
        gauge(
            "audit_unsealed",
            "Entries of the audit log that are not sealed yet",
            |sealer| sealer.unsealed(),
        ),
        gauge(
            "audit_oldest_unsealed_seconds",
            "For how long the oldest of them has waited",
            |sealer| sealer.oldest_seconds(),
        ),
        gauge(
            "audit_stopped",
            "Whether nothing is sealed because nobody here has the key of the chain",
            |sealer| u64::from(sealer.is_stopped()),
        ),
    ]
}

/// Of mails.
pub(crate) fn of_post(post: &Arc<Post>) -> Vec<GaugeSource> {
    let gauge = |name, help, read: fn(&Arc<Post>) -> u64| gauge(post, name, help, read);
    vec![
        gauge(
            "mails_waiting",
            "Mails that wait to be sent, by any copy",
            |post| post.waiting(),
        ),
        gauge(
            "mails_oldest_seconds",
            "For how long the oldest mail has waited to be sent",
            |post| post.oldest_seconds(),
        ),
        gauge("mails_sent", "Mails that this copy sent", |post| {
            post.tally().sent
        }),
        gauge(
            "mails_failed",
            "Attempts of this copy to send a mail that failed",
            |post| post.tally().failed,
        ),
        gauge("mails_given_up", "Mails that this copy gave up", |post| {
            post.tally().given_up
        }),
    ]
}

/// Of what was spent today, and what may be.
pub(crate) fn of_ledger(ledger: &Arc<Ledger>, budgets: &BudgetSettings) -> Vec<GaugeSource> {
    let spent = |name, help, read: fn(&Arc<Ledger>) -> u64| gauge(ledger, name, help, read);
    let cap = |name, help, cap: u64| GaugeSource::new(name, help, move || as_f64(cap));
    vec![
        spent(
            "speech_characters_spent",
            "Characters made into speech today by all copies",
            |ledger| ledger.spent(Meter::Characters),
        ),
        cap(
            "speech_characters_budget",
            "Characters that may be made into speech in a day; 0 is without bound",
            budgets.characters.all,
        ),
        spent(
            "conversation_tokens_spent",
            "Tokens read and written by models today for all copies",
            |ledger| ledger.spent(Meter::Tokens),
        ),
        cap(
            "conversation_tokens_budget",
            "Tokens that models may read and write in a day; 0 is without bound",
            budgets.tokens.all,
        ),
    ]
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
