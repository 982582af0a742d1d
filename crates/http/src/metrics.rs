//! What is counted: requests by route template, durations, what runs, and gauges that others give.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::AtomicI64;
use std::time::Duration;

use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeLabelSet, EncodeMetric};
use prometheus_client::metrics::MetricType;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::{ConstGauge, Gauge};
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::{Registry, Unit};

/// The bounds of the buckets of durations, in seconds.
const BUCKETS: [f64; 12] = [
    0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 5.0, 30.0,
];

/// The route of a request that no route answers: one name for all of them, so that nobody can make series.
pub(crate) const UNMATCHED: &str = "unmatched";

/// Something whose present value is asked for when the metrics are read.
#[derive(Clone)]
pub struct GaugeSource {
    name: &'static str,
    help: &'static str,
    labels: Vec<(&'static str, &'static str)>,
    read: Arc<dyn Fn() -> f64 + Send + Sync>,
}

impl GaugeSource {
    /// A gauge of this name, without the `parlance_` in front.
    pub fn new(
        name: &'static str,
        help: &'static str,
        read: impl Fn() -> f64 + Send + Sync + 'static,
    ) -> Self {
        Self {
            name,
            help,
            labels: Vec::new(),
            read: Arc::new(read),
        }
    }

    /// One of several gauges of a name, told apart by these labels; those of a name must follow each other.
    #[must_use]
    pub fn labelled(self, labels: impl Into<Vec<(&'static str, &'static str)>>) -> Self {
        Self {
            labels: labels.into(),
            ..self
        }
    }
}

impl fmt::Debug for GaugeSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("GaugeSource")
            .field("name", &self.name)
            .finish_non_exhaustive()
    }
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct RequestLabels {
    method: &'static str,
    route: String,
    status: u16,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct RouteLabels {
    method: &'static str,
    route: String,
}

/// The counters of the face and the registry that writes them all.
pub struct Metrics {
    registry: Registry,
    requests: Family<RequestLabels, Counter>,
    durations: Family<RouteLabels, Histogram, fn() -> Histogram>,
    in_flight: Gauge<i64, AtomicI64>,
}

impl Metrics {
    /// The metrics of the face, with the gauges of others.
    pub fn new(gauges: Vec<GaugeSource>) -> Self {
        let mut registry = Registry::with_prefix("parlance");
        let requests = Family::default();
        let durations = Family::new_with_constructor((|| Histogram::new(BUCKETS)) as fn() -> Histogram);
        let in_flight = Gauge::default();
        registry.register("http_requests", "Requests answered", requests.clone());
        registry.register_with_unit(
            "http_request_duration",
            "Time from the head of a request to its answer",
            Unit::Seconds,
            durations.clone(),
        );
        registry.register(
            "http_requests_in_flight",
            "Requests being answered",
            in_flight.clone(),
        );
        registry.register_collector(Box::new(Gauges(gauges)));
        Self {
            registry,
            requests,
            durations,
            in_flight,
        }
    }

    /// Notes that a request has come; until the guard is dropped it is in flight.
    pub(crate) fn begin(&self) -> InFlight {
        self.in_flight.inc();
        InFlight(self.in_flight.clone())
    }

    /// Counts an answered request.
    pub(crate) fn count(&self, method: &str, route: Option<&str>, status: u16, took: Duration) {
        let method = known_method(method);
        let route = route.unwrap_or(UNMATCHED).to_owned();
        let labels = RequestLabels {
            method,
            route: route.clone(),
            status,
        };
        self.requests.get_or_create(&labels).inc();
        self.durations
            .get_or_create(&RouteLabels { method, route })
            .observe(took.as_secs_f64());
    }

    /// Everything in the text format of `OpenMetrics`.
    pub fn encode(&self) -> Result<String, fmt::Error> {
        let mut text = String::new();
        prometheus_client::encoding::text::encode(&mut text, &self.registry)?;
        Ok(text)
    }
}

/// Anybody can make up methods, so only the usual ones have series of their own.
fn known_method(method: &str) -> &'static str {
    ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"]
        .into_iter()
        .find(|known| *known == method)
        .unwrap_or("other")
}

/// A request that is being answered.
pub(crate) struct InFlight(Gauge<i64, AtomicI64>);

impl Drop for InFlight {
    fn drop(&mut self) {
        self.0.dec();
    }
}

#[derive(Debug)]
struct Gauges(Vec<GaugeSource>);

impl Collector for Gauges {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> Result<(), fmt::Error> {
        for family in self.0.chunk_by(|one, next| one.name == next.name) {
            let GaugeSource { name, help, .. } = family[0];
            let mut metric = encoder.encode_descriptor(name, help, None, MetricType::Gauge)?;
            for source in family.iter().filter(|source| !source.labels.is_empty()) {
                let gauge = ConstGauge::new((source.read)());
                gauge.encode(metric.encode_family(&source.labels)?)?;
            }
            if let Some(source) = family.iter().find(|source| source.labels.is_empty()) {
                ConstGauge::new((source.read)()).encode(metric)?;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests_and_gauges_are_written() {
        let metrics = Metrics::new(vec![GaugeSource::new(
            "hashing_queue",
            "Passwords waiting",
            || 3.0,
        )]);
        let running = metrics.begin();
        metrics.count(
            "GET",
            Some("/api/v1/progress/{wordId}"),
            200,
            Duration::from_millis(3),
        );
        let text = metrics.encode().unwrap();
        for line in [
            "parlance_http_requests_total{method=\"GET\",route=\"/api/v1/progress/{wordId}\",status=\"200\"} 1",
            "parlance_http_requests_in_flight 1",
            "parlance_hashing_queue 3.0",
        ] {
            assert!(text.contains(line), "{line} is not in\n{text}");
        }
        drop(running);
        assert!(
            metrics
                .encode()
                .unwrap()
                .contains("parlance_http_requests_in_flight 0")
        );
    }

    #[test]
    fn threat_72_made_up_methods_and_paths_make_no_series() {
        let metrics = Metrics::new(Vec::new());
        metrics.count("FOO", None, 404, Duration::ZERO);
        let before = metrics.encode().unwrap().lines().count();
        for n in 0..1000 {
            metrics.count(&format!("FOO{n}"), None, 404, Duration::ZERO);
        }
        assert_eq!(metrics.encode().unwrap().lines().count(), before);
    }
}
