//! `GET /health` and `GET /api/v1/health`

use std::collections::BTreeMap;
use std::sync::Arc;

use actix_web::http::StatusCode;
use apistos::{ApiComponent, api_operation};
use parlance_domain::caching::{CONVERSATIONS, Policy, SPEECH, Tally};
use parlance_domain::health::{CircuitState, Probe};
use schemars::JsonSchema;
use serde::Serialize;

use crate::error::ApiError;
use crate::reply::Reply;
use crate::state::{AppState, State};
use crate::system::Recent;
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

#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
struct HitCount {
    /// Answers that were there, or were waited for while they were made for somebody else.
    hits: u64,
    /// Answers that had to be made, and those that could not be had.
    misses: u64,
    total: u64,
    /// Hits of a hundred, with two decimals.
    hit_rate: String,
}

impl HitCount {
    fn of(hits: u64, misses: u64) -> Self {
        let total = hits + misses;
        // Ten thousandths, rounded to the nearest; nothing of nothing is nothing.
        let share = (u128::from(hits) * 20_000 + u128::from(total)) / (2 * u128::from(total.max(1)));
        Self {
            hits,
            misses,
            total,
            hit_rate: format!("{}.{:02}", share / 100, share % 100),
        }
    }
}

impl CacheMetrics {
    /// The figures of the services whose answers cost money.
    fn of(tallies: &[(&'static str, Tally)]) -> Self {
        let counts = [SPEECH, CONVERSATIONS].map(|Policy { service, .. }| {
            let tally = tallies.iter().find(|(name, _)| *name == service);
            let (hits, misses) = tally.map_or((0, 0), |(_, tally)| counted(*tally));
            (service, hits, misses)
        });
        let sum = |of: fn(&(&str, u64, u64)) -> u64| counts.iter().map(of).sum();
        Self {
            services: counts
                .iter()
                .map(|(service, hits, misses)| (*service, HitCount::of(*hits, *misses)))
                .collect(),
            overall: HitCount::of(sum(|count| count.1), sum(|count| count.2)),
        }
    }
}

/// How many answers of a service cost nothing, and how many did or failed.
const fn counted(tally: Tally) -> (u64, u64) {
    let Tally {
        hits,
        misses,
        stale,
        coalesced,
        errors,
    } = tally;
    (hits + stale + coalesced, misses + errors)
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
    /// The store of audio; `None` where there is none.
    object_store: Option<bool>,
    /// Whether no circuit is open.
    circuits: bool,
}

impl Findings {
    fn status(self) -> Status {
        let rest_works = self.shared != Some(false) && self.object_store != Some(false) && self.circuits;
        match (self.database, rest_works) {
            (false, _) => Status::Down,
            (true, false) => Status::Degraded,
            (true, true) => Status::Ok,
        }
    }
}

async fn answer(state: &AppState) -> Result<Reply<Body>, ApiError> {
    let (database, shared, object_store) = tokio::join!(
        database_works(state),
        works(&state.shared, state.services.shared.as_ref()),
        works(&state.object_store, state.services.object_store.as_ref()),
    );
    let circuits = state.services.circuits.iter();
    let findings = Findings {
        database,
        shared,
        object_store,
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

/// Whether something works that is not everywhere.
async fn works(recent: &Recent, probe: Option<&Arc<dyn Probe>>) -> Option<bool> {
    Some(recent.or_ask(probe?.as_ref()).await)
}

/// Whether the database answers in time and is up to date.
pub(super) async fn database_works(state: &AppState) -> bool {
    state.database.or_ask(state.services.database.as_ref()).await
}

/// How a service of providers is: switched on, and no circuit of its own is open.
fn provided(state: &AppState, is_there: bool, service: &str) -> Service {
    let mut circuits = state.services.circuits.iter();
    let is_left_alone =
        circuits.any(|(name, circuit)| name.starts_with(service) && circuit.state() == CircuitState::Open);
    match (is_there, is_left_alone) {
        (false, _) => Service::Disabled,
        (true, true) => Service::Down,
        (true, false) => Service::Ok,
    }
}

fn body(state: &AppState, findings: Findings) -> Body {
    let config = &state.config;
    let works = |works| if works { Service::Ok } else { Service::Down };
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
            speech: provided(state, config.features.speech, "speech"),
            conversations: provided(state, config.features.conversations, "conversations"),
            object_store: findings.object_store.map_or(Service::Disabled, works),
        },
        circuits: circuits
            .map(|(name, circuit)| (*name, circuit_name(circuit.state())))
            .collect(),
        cache: Cache {
            redis: Redis {
                connected: findings.shared == Some(true),
            },
            metrics: CacheMetrics::of(&state.services.answers.tallies()),
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

#[cfg(test)]
mod tests {
    use super::*;

    fn tally(hits: u64, misses: u64) -> Tally {
        Tally {
            hits,
            misses,
            ..Tally::default()
        }
    }

    #[test]
    fn hit_rates_are_percentages_with_two_decimals() {
        let rate = |hits, misses| HitCount::of(hits, misses).hit_rate;
        assert_eq!(rate(0, 0), "0.00");
        assert_eq!(rate(0, 3), "0.00");
        assert_eq!(rate(1, 2), "33.33");
        assert_eq!(rate(2, 1), "66.67");
        assert_eq!(rate(7, 0), "100.00");
        assert_eq!(rate(81, 19), "81.00");
        assert_eq!(rate(u64::MAX / 2, 1), "100.00");
    }

    #[test]
    fn every_answer_is_a_hit_or_a_miss() {
        let all = Tally {
            hits: 1,
            misses: 2,
            stale: 10,
            coalesced: 20,
            errors: 100,
        };
        assert_eq!(counted(all), (31, 102));
    }

    #[test]
    fn services_are_counted_by_themselves_and_together() {
        let figures = CacheMetrics::of(&[("TTS", tally(3, 1)), ("Voices", tally(50, 0))]);
        let figures = serde_json::to_value(figures).unwrap();
        let expected = serde_json::json!({
            "services": {
                "TTS": { "hits": 3, "misses": 1, "total": 4, "hitRate": "75.00" },
                "Conversation": { "hits": 0, "misses": 0, "total": 0, "hitRate": "0.00" },
            },
            "overall": { "hits": 3, "misses": 1, "total": 4, "hitRate": "75.00" },
        });
        assert_eq!(figures, expected);
    }

    #[test]
    fn what_the_service_can_do_without_only_degrades_it() {
        let all = Findings {
            database: true,
            shared: Some(true),
            object_store: None,
            circuits: true,
        };
        let status = |findings: Findings| serde_json::to_value(findings.status()).unwrap();
        assert_eq!(status(all), "ok");
        let degraded = [
            Findings {
                shared: Some(false),
                ..all
            },
            Findings {
                object_store: Some(false),
                ..all
            },
            Findings {
                circuits: false,
                ..all
            },
        ];
        for findings in degraded {
            assert_eq!(status(findings), "degraded");
            assert_eq!(
                status(Findings {
                    database: false,
                    ..findings
                }),
                "down"
            );
        }
    }
}
