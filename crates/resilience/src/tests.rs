//! Stand-ins for what is decorated.

use std::collections::HashMap;
use std::io;
use std::io::Write;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Once};
use std::time::{Duration, Instant};

use async_trait::async_trait;
use bytes::Bytes;
use parking_lot::Mutex;
use parlance_contract::fakes::TestElapsed;
use parlance_domain::cache::Cache;
use parlance_domain::limits::{Limit, RateLimiter, Taken};
use parlance_domain::port::PortError;

use crate::Elapsed;

/// The time that a test moves.
pub(crate) fn clock_of(time: &Arc<TestElapsed>) -> Elapsed {
    let time = Arc::clone(time);
    Arc::new(move || time.elapsed())
}

/// Whether something works, and how often it was asked.
#[derive(Default)]
struct Mood {
    fails: AtomicBool,
    asked: AtomicUsize,
}

impl Mood {
    fn ask(&self, port: &'static str) -> Result<(), PortError> {
        self.asked.fetch_add(1, Ordering::Relaxed);
        if self.fails.load(Ordering::Relaxed) {
            return Err(PortError::unavailable(port, io::Error::other("gone")));
        }
        Ok(())
    }
}

/// An exact sliding window.
pub(crate) struct WindowLimiter {
    mood: Mood,
    elapsed: Elapsed,
    windows: Mutex<HashMap<(String, &'static str), Vec<Duration>>>,
}

impl WindowLimiter {
    pub(crate) fn new(elapsed: Elapsed) -> Self {
        Self {
            mood: Mood::default(),
            elapsed,
            windows: Mutex::default(),
        }
    }

    pub(crate) fn fail(&self, fails: bool) {
        self.mood.fails.store(fails, Ordering::Relaxed);
    }

    pub(crate) fn asked(&self) -> usize {
        self.mood.asked.load(Ordering::Relaxed)
    }
}

#[async_trait]
impl RateLimiter for WindowLimiter {
    async fn take_up_to(&self, key: &str, limit: &Limit, wanted: u32) -> Result<Taken, PortError> {
        self.mood.ask("RateLimiter")?;
        if !limit.is_on() {
            return Ok(Taken::unlimited(wanted));
        }
        // Whoever waits for an answer lets others ask.
        tokio::task::yield_now().await;
        let now = (self.elapsed)();
        let mut windows = self.windows.lock();
        let window = windows.entry((key.to_owned(), limit.name)).or_default();
        window.retain(|then| *then + limit.window > now);
        let room = limit.quota - u32::try_from(window.len()).unwrap();
        let granted = wanted.min(room);
        window.extend((0..granted).map(|_| now));
        let oldest = window.first().copied().unwrap_or(now);
        Ok(Taken {
            granted,
            remaining: room - granted,
            reset_after: (oldest + limit.window).saturating_sub(now),
        })
    }
}

/// What is kept, until when, for how long, and in which group.
type Kept = (Bytes, Instant, Duration, Option<String>);

/// A cache in a map.
#[derive(Default)]
pub(crate) struct MapCache {
    mood: Mood,
    entries: Mutex<HashMap<String, Kept>>,
}

impl MapCache {
    pub(crate) fn fail(&self, fails: bool) {
        self.mood.fails.store(fails, Ordering::Relaxed);
    }

    pub(crate) fn asked(&self) -> usize {
        self.mood.asked.load(Ordering::Relaxed)
    }

    /// How long the value of a key was to be kept.
    pub(crate) fn lifetime(&self, key: &str) -> Option<Duration> {
        self.entries.lock().get(key).map(|(_, _, lifetime, _)| *lifetime)
    }

    pub(crate) fn clear(&self) {
        self.entries.lock().clear();
    }
}

#[async_trait]
impl Cache for MapCache {
    async fn get(&self, key: &str) -> Result<Option<Bytes>, PortError> {
        self.mood.ask("Cache")?;
        let entries = self.entries.lock();
        let kept = entries.get(key).filter(|(_, until, ..)| *until > Instant::now());
        Ok(kept.map(|(value, ..)| value.clone()))
    }

    async fn put(
        &self,
        key: &str,
        value: Bytes,
        lifetime: Duration,
        group: Option<&str>,
    ) -> Result<(), PortError> {
        self.mood.ask("Cache")?;
        let kept = (
            value,
            Instant::now() + lifetime,
            lifetime,
            group.map(str::to_owned),
        );
        self.entries.lock().insert(key.to_owned(), kept);
        Ok(())
    }

    async fn replace(&self, key: &str, old: &[u8], new: Bytes) -> Result<bool, PortError> {
        self.mood.ask("Cache")?;
        let mut entries = self.entries.lock();
        let is_old = |(value, until, ..): &&mut Kept| *value == old && *until > Instant::now();
        let there = entries.get_mut(key).filter(is_old);
        Ok(there.map(|(value, ..)| *value = new).is_some())
    }

    async fn forget(&self, key: &str) -> Result<(), PortError> {
        self.mood.ask("Cache")?;
        self.entries.lock().remove(key);
        Ok(())
    }

    async fn forget_group(&self, group: &str) -> Result<(), PortError> {
        self.mood.ask("Cache")?;
        self.entries
            .lock()
            .retain(|_, (_, _, _, of)| of.as_deref() != Some(group));
        Ok(())
    }
}

/// Other tests reach the same places at the same time. Had they nobody to log to, that would be remembered there.
static SINK: Once = Once::new();

/// The lines that are logged meanwhile.
pub(crate) fn lines_of(work: impl FnOnce()) -> Vec<String> {
    #[derive(Clone, Default)]
    struct Lines(Arc<Mutex<Vec<u8>>>);
    impl Write for Lines {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().write(bytes)
        }
        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }
    let lines = Lines::default();
    let writer = lines.clone();
    let subscriber = tracing_subscriber::fmt()
        .with_ansi(false)
        .with_writer(move || writer.clone())
        .finish();
    SINK.call_once(|| {
        let sink = tracing_subscriber::fmt().with_writer(io::sink).finish();
        tracing::subscriber::set_global_default(sink).unwrap();
    });
    tracing::subscriber::with_default(subscriber, work);
    let written = String::from_utf8(lines.0.lock().clone()).unwrap();
    written.lines().map(str::to_owned).collect()
}
