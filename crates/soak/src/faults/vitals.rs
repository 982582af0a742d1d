//! What the copies say of themselves while something goes wrong.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use parking_lot::Mutex;
use tokio::task::JoinHandle;

use crate::cluster::{Client, Cluster};
use crate::report::{Figures, quantile};

/// How often each copy is asked.
const EVERY: Duration = Duration::from_millis(50);
/// An answer that takes longer is none.
const PATIENCE: Duration = Duration::from_secs(5);

/// What is asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Probe {
    /// Whether the process answers.
    Live,
    /// Whether it can work.
    Ready,
    /// How it is, in parts.
    Health,
}

const PROBES: [Probe; 3] = [Probe::Live, Probe::Ready, Probe::Health];

#[derive(Debug, Clone)]
struct Look {
    at: Instant,
    copy: usize,
    probe: Probe,
    status: Option<u16>,
    took: Duration,
    /// What `/health` says: `ok`, `degraded` or `down`.
    says: String,
    /// How each circuit is, by name: `closed`, `open` or `halfOpen`.
    circuits: BTreeMap<String, String>,
}

impl Look {
    /// Whether a circuit is not closed.
    fn is_open(&self) -> bool {
        self.circuits.values().any(|state| state != "closed")
    }
}

/// A watch over the copies of a cluster; it ends when this is dropped.
pub struct Vitals {
    looks: Arc<Mutex<Vec<Look>>>,
    tasks: Vec<JoinHandle<()>>,
}

impl Vitals {
    /// Begins to ask all copies, again and again.
    pub fn of(cluster: &Cluster) -> Result<Self> {
        let looks = Arc::new(Mutex::default());
        let mut tasks = Vec::new();
        for (copy, address) in cluster.addresses().into_iter().enumerate() {
            for probe in PROBES {
                let client = Client::new(address, PATIENCE)?;
                tasks.push(tokio::spawn(watch(client, copy, probe, Arc::clone(&looks))));
            }
        }
        Ok(Self { looks, tasks })
    }

    fn looks(&self, probe: Probe, (from, to): (Instant, Instant)) -> Vec<Look> {
        let looks = self.looks.lock();
        let within = |look: &&Look| look.probe == probe && look.at >= from && look.at <= to;
        looks.iter().filter(within).cloned().collect()
    }

    /// Fails when a copy did not say that it is alive from an instant until now; each is asked at least once.
    pub async fn ensure_alive_since(&self, then: Instant) -> Result<()> {
        let looks = loop {
            let looks = self.looks(Probe::Live, (then, Instant::now()));
            if (0..self.copies()).all(|copy| looks.iter().any(|look| look.copy == copy)) {
                break looks;
            }
            tokio::time::sleep(EVERY).await;
        };
        let dead = looks.iter().filter(|look| look.status != Some(200)).count();
        ensure!(
            dead == 0,
            "{dead} of {} times a copy did not say that it is alive",
            looks.len()
        );
        Ok(())
    }

    /// Whether some copy answered this, at any time in these.
    pub fn saw(&self, probe: Probe, status: u16, times: (Instant, Instant)) -> bool {
        let mut looks = self.looks(probe, times).into_iter();
        looks.any(|look| look.status == Some(status))
    }

    /// Whether `/health` of each copy said this, at some time in these.
    pub fn all_said(&self, what: &str, times: (Instant, Instant)) -> bool {
        self.all(times, |look| look.says == what)
    }

    /// Whether `/health` of each copy showed an open circuit, at some time in these.
    pub fn all_opened(&self, times: (Instant, Instant)) -> bool {
        self.all(times, Look::is_open)
    }

    /// When a circuit of each copy had first shown this state after some instant; `None` while one has not.
    pub fn all_showed(&self, circuit: &str, state: &str, after: Instant) -> Option<Instant> {
        let looks = self.looks(Probe::Health, (after, Instant::now()));
        let first = |copy| {
            let mut looks = looks.iter().filter(|look| look.copy == copy);
            let look = looks.find(|look| look.circuits.get(circuit).is_some_and(|now| now == state));
            look.map(|look| look.at)
        };
        let firsts: Option<Vec<Instant>> = (0..self.copies()).map(first).collect();
        firsts?.into_iter().max()
    }

    /// The states of a circuit of each copy, one after the other, each as often as it came to it.
    pub fn states(&self, circuit: &str, times: (Instant, Instant)) -> Vec<Vec<(Instant, String)>> {
        let looks = self.looks(Probe::Health, times);
        let of_copy = |copy| {
            let looks = looks.iter().filter(|look| look.copy == copy);
            let mut states: Vec<(Instant, String)> = Vec::new();
            for (at, state) in looks.filter_map(|look| Some((look.at, look.circuits.get(circuit)?))) {
                if states.last().is_none_or(|(_, last)| last != state) {
                    states.push((at, state.clone()));
                }
            }
            states
        };
        (0..self.copies()).map(of_copy).collect()
    }

    /// How many copies are watched.
    fn copies(&self) -> usize {
        self.tasks.len() / PROBES.len()
    }

    fn all(&self, times: (Instant, Instant), is_so: impl Fn(&Look) -> bool) -> bool {
        let looks = self.looks(Probe::Health, times);
        let is_so_of = |copy| looks.iter().any(|look| look.copy == copy && is_so(look));
        (0..self.copies()).all(is_so_of)
    }

    /// When some copy first showed an open circuit after this.
    pub fn first_open(&self, after: Instant) -> Option<Instant> {
        let looks = self.looks(Probe::Health, (after, Instant::now()));
        looks.into_iter().filter(Look::is_open).map(|look| look.at).min()
    }

    /// Within which time this share of the answers to a probe came.
    pub fn quantile(&self, probe: Probe, share: f64, times: (Instant, Instant)) -> Duration {
        let looks = self.looks(probe, times);
        quantile(looks.into_iter().map(|look| look.took).collect(), share)
    }

    /// Waits until each copy says of itself that all is well.
    pub async fn well(cluster: &Cluster, within: Duration) -> Result<Duration> {
        let began = Instant::now();
        for address in cluster.addresses() {
            let client = Client::new(address, PATIENCE)?;
            loop {
                let (status, says, _) = ask(&client, Probe::Health).await;
                if status == Some(200) && says == "ok" {
                    break;
                }
                ensure!(
                    began.elapsed() < within,
                    "a copy is {says:?} ({status:?}) after {within:?}"
                );
                tokio::time::sleep(EVERY).await;
            }
        }
        Ok(began.elapsed())
    }

    /// The figures of the answers to `/livez`.
    pub fn figures(&self, times: (Instant, Instant)) -> Figures {
        Figures::default().with_millis("livezP99Ms", self.quantile(Probe::Live, 0.99, times))
    }
}

impl Drop for Vitals {
    fn drop(&mut self) {
        for task in &self.tasks {
            task.abort();
        }
    }
}

async fn watch(client: Client, copy: usize, probe: Probe, looks: Arc<Mutex<Vec<Look>>>) {
    loop {
        let at = Instant::now();
        let (status, says, circuits) = ask(&client, probe).await;
        looks.lock().push(Look {
            at,
            copy,
            probe,
            status,
            took: at.elapsed(),
            says,
            circuits,
        });
        tokio::time::sleep(EVERY).await;
    }
}

async fn ask(client: &Client, probe: Probe) -> (Option<u16>, String, BTreeMap<String, String>) {
    let path = match probe {
        Probe::Live => "/livez",
        Probe::Ready => "/readyz",
        Probe::Health => "/health",
    };
    let Ok(answer) = client.probe(path).await else {
        return (None, String::new(), BTreeMap::new());
    };
    if probe != Probe::Health {
        return (Some(answer.status), String::new(), BTreeMap::new());
    }
    let body = answer.json().unwrap_or_default();
    let says = body["status"].as_str().unwrap_or_default().to_owned();
    let circuits = serde_json::from_value(body["circuits"].clone()).unwrap_or_default();
    (Some(answer.status), says, circuits)
}
