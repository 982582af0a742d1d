//! What the copies say of themselves while something goes wrong.

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

#[derive(Debug, Clone)]
struct Look {
    at: Instant,
    copy: usize,
    probe: Probe,
    status: Option<u16>,
    took: Duration,
    /// What `/health` says: `ok`, `degraded` or `down`.
    says: String,
    /// Whether a circuit is open.
    open: bool,
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
            for probe in [Probe::Live, Probe::Ready, Probe::Health] {
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

    /// Fails when a copy did not say that it is alive, at any time in these.
    pub fn ensure_alive(&self, times: (Instant, Instant)) -> Result<()> {
        let looks = self.looks(Probe::Live, times);
        ensure!(!looks.is_empty(), "nobody asked");
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
        self.all(times, |look| look.open)
    }

    fn all(&self, times: (Instant, Instant), is_so: impl Fn(&Look) -> bool) -> bool {
        let looks = self.looks(Probe::Health, times);
        let copies = looks
            .iter()
            .map(|look| look.copy)
            .max()
            .map_or(0, |last| last + 1);
        copies > 0 && (0..copies).all(|copy| looks.iter().any(|look| look.copy == copy && is_so(look)))
    }

    /// When some copy first showed an open circuit after this.
    pub fn first_open(&self, after: Instant) -> Option<Instant> {
        let looks = self.looks(Probe::Health, (after, Instant::now()));
        looks
            .into_iter()
            .filter(|look| look.open)
            .map(|look| look.at)
            .min()
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
        let (status, says, open) = ask(&client, probe).await;
        looks.lock().push(Look {
            at,
            copy,
            probe,
            status,
            took: at.elapsed(),
            says,
            open,
        });
        tokio::time::sleep(EVERY).await;
    }
}

async fn ask(client: &Client, probe: Probe) -> (Option<u16>, String, bool) {
    let path = match probe {
        Probe::Live => "/livez",
        Probe::Ready => "/readyz",
        Probe::Health => "/health",
    };
    let Ok(answer) = client.probe(path).await else {
        return (None, String::new(), false);
    };
    if probe != Probe::Health {
        return (Some(answer.status), String::new(), false);
    }
    let body = answer.json().unwrap_or_default();
    let says = body["status"].as_str().unwrap_or_default().to_owned();
    let circuits = body["circuits"].as_object();
    let open = circuits.is_some_and(|circuits| circuits.values().any(|state| state != "closed"));
    (Some(answer.status), says, open)
}
