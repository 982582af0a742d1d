//! `GET /health` and `GET /api/v1/health`

use std::collections::BTreeMap;

use actix_web::http::StatusCode;
use apistos::{ApiComponent, api_operation};
use parlance_domain::health::CircuitState;
use schemars::JsonSchema;
use serde::Serialize;

use crate::error::ApiError;
use crate::reply::Reply;
use crate::state::{AppState, State};
use crate::time::rfc3339_millis;

/// How the system is.
#[derive(Serialize, JsonSchema, ApiComponent)]
#[serde(rename_all = "camelCase")]
#[schemars(rename = "Health")]
pub(crate) struct Body {
    status: Status,
    /// The server's version.
    version: String,
    /// The commit it was built from.
    commit: String,
    /// `development` or `production`.
    environment: &'static str,
    /// The server's time.
    timestamp: String,
    /// For how long it has run.
    uptime_seconds: u64,
    services: Services,
    /// Each circuit breaker: `closed`, `open` or `halfOpen`.
    circuits: BTreeMap<&'static str, &'static str>,
    cache: Cache,
}

/// `ok`, `down` when the database is, `degraded` when something is that it can do without.
#[derive(Clone, Copy, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
enum Status {
    Ok,
    Degraded,
    Down,
}

/// How a part of the system is.
#[derive(Clone, Copy, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
enum Service {
    /// It works.
    Ok,
    /// It does not answer.
    Down,
    /// It is not switched on.
    Disabled,
}

#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
struct Services {
    database: Service,
    cache: Service,
    speech: Service,
    conversations: Service,
    object_store: Service,
}

#[derive(Serialize, JsonSchema)]
struct Cache {
    redis: Redis,
    metrics: CacheMetrics,
}

#[derive(Serialize, JsonSchema)]
struct Redis {
    /// Whether the shared cache is reachable.
    connected: bool,
}

#[derive(Serialize, JsonSchema)]
struct CacheMetrics {
    /// By cached service.
    services: BTreeMap<&'static str, HitCount>,
    overall: HitCount,
}

#[derive(Default, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
struct HitCount {
    hits: u64,
    misses: u64,
    total: u64,
    /// Hits of a hundred, with two decimals.
    hit_rate: HitRate,
}

/// A percentage as a text.
#[derive(Serialize, JsonSchema)]
struct HitRate(String);

impl Default for HitRate {
    fn default() -> Self {
        Self("0.00".to_owned())
    }
}

/// How the system is, in parts.
///
/// 503 only when the database is down: an outage of a provider must not take healthy copies out of rotation.
#[api_operation(tag = "system", operation_id = "health", no_security)]
pub(crate) async fn handler(state: State) -> Result<Reply<Body>, ApiError> {
    answer(&state).await
}

/// How the system is, in parts.
///
/// The same as `/health`.
#[api_operation(tag = "system", operation_id = "healthV1", no_security)]
pub(crate) async fn handler_v1(state: State) -> Result<Reply<Body>, ApiError> {
    answer(&state).await
}

/// What the probes said.
#[derive(Clone, Copy)]
struct Findings {
    database: bool,
    /// What copies share beside it; `None` where nothing is shared.
    shared: Option<bool>,
    /// Whether no circuit is open.
    circuits: bool,
}

impl Findings {
    fn status(self) -> Status {
        match (self.database, self.shared, self.circuits) {
            (false, ..) => Status::Down,
            (true, Some(false), _) | (true, _, false) => Status::Degraded,
            (true, ..) => Status::Ok,
        }
    }
}

async fn answer(state: &AppState) -> Result<Reply<Body>, ApiError> {
    let (database, shared) = tokio::join!(database_works(state), shared_works(state));
    let circuits = state.services.circuits.iter();
    let findings = Findings {
        database,
        shared,
        circuits: circuits
            .map(|(_, circuit)| circuit.state())
            .all(|state| state != CircuitState::Open),
    };
    let status = if database {
        StatusCode::OK
    } else {
        StatusCode::SERVICE_UNAVAILABLE
    };
    Ok(Reply::private(&body(state, findings))?.with_status(status))
}

async fn shared_works(state: &AppState) -> Option<bool> {
    let probe = state.services.shared.as_ref()?;
    Some(state.shared.or_ask(probe.as_ref()).await)
}

/// Whether the database answers in time and is up to date.
pub(super) async fn database_works(state: &AppState) -> bool {
    state.database.or_ask(state.services.database.as_ref()).await
}

fn body(state: &AppState, findings: Findings) -> Body {
    let config = &state.config;
    let works = |works| if works { Service::Ok } else { Service::Down };
    let enabled = |on| if on { Service::Ok } else { Service::Disabled };
    let circuits = state.services.circuits.iter();
    Body {
        status: findings.status(),
        version: config.version.clone(),
        commit: config.commit.clone(),
        environment: config.environment.as_str(),
        timestamp: rfc3339_millis(state.services.clock.now()),
        uptime_seconds: state.uptime().as_secs(),
        services: Services {
            database: works(findings.database),
            cache: works(findings.shared.unwrap_or(true)),
            speech: enabled(config.features.speech),
            conversations: enabled(config.features.conversations),
            object_store: Service::Disabled,
        },
        circuits: circuits
            .map(|(name, circuit)| (*name, circuit_name(circuit.state())))
            .collect(),
        cache: Cache {
            redis: Redis {
                connected: findings.shared == Some(true),
            },
            metrics: CacheMetrics {
                services: BTreeMap::from([
                    ("TTS", HitCount::default()),
                    ("Conversation", HitCount::default()),
                ]),
                overall: HitCount::default(),
            },
        },
    }
}

const fn circuit_name(state: CircuitState) -> &'static str {
    match state {
        CircuitState::Closed => "closed",
        CircuitState::Open => "open",
        CircuitState::HalfOpen => "halfOpen",
    }
}
