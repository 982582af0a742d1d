//! Clocks that jump. The C compiler that the bundled SQLite is built with makes what moves them.

use std::path::{Path, PathBuf};
use std::process::Command;

use parlance_soak::cluster::{Client, Cluster, Setup};
use parlance_soak::volume::{Learner, Session};
use tempfile::TempDir;

use crate::room;

const ADDRESS: &str = "10.9.0.1";
const HOUR: i64 = 3_600;
const TEN_YEARS: i64 = 10 * 365 * 24 * HOUR;

/// Two copies, each with a clock of its own.
struct Clocks {
    cluster: Cluster,
    clients: Vec<Client>,
    /// Holds a file for each copy, named by its port.
    folder: TempDir,
}

fn compile(folder: &Path) -> PathBuf {
    let library = folder.join("clock.so");
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/faults/clock.c");
    let mut command = Command::new("cc");
    command
        .args(["-shared", "-fPIC", "-O1", "-o"])
        .arg(&library)
        .arg(source);
    let status = command.status();
    let status = status
        .unwrap_or_else(|error| panic!("no C compiler by the name of `cc`: {error}; `apt-get install gcc`"));
    assert!(status.success());
    library
}

impl Clocks {
    async fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let library = compile(folder.path());
        let script = format!(
            "CLOCK_OFFSET={}/$PORT LD_PRELOAD={} exec \"$0\" \"$@\"",
            folder.path().display(),
            library.display()
        );
        let setup = Setup::copies(2)
            .through(&["/bin/sh", "-c", &script])
            .setting("TRUSTED_PROXIES", "127.0.0.1")
            .setting("REDIS_DEADLINE_MS", "10000")
            .setting("LOGIN_LIMIT_PER_MINUTE", "5");
        let cluster = setup.prepare().await.unwrap();
        let clocks = Self {
            clients: cluster.clients().unwrap(),
            cluster,
            folder,
        };
        clocks.set_all(0);
        clocks.cluster.start_all().await.unwrap();
        clocks
    }

    fn set(&self, copy: usize, seconds: i64) {
        let port = self.cluster.copy(copy).address().port();
        // Written in place: the process has mapped the file.
        let file = std::fs::File::options()
            .create(true)
            .truncate(false)
            .write(true)
            .open(self.folder.path().join(port.to_string()))
            .unwrap();
        std::os::unix::fs::FileExt::write_all_at(&file, &seconds.to_ne_bytes(), 0).unwrap();
    }

    fn set_all(&self, seconds: i64) {
        for copy in 0..2 {
            self.set(copy, seconds);
        }
    }

    /// Fails when a copy's clock is not so far from ours, or the copy is not well.
    async fn ensure_moved(&self, copy: usize, seconds: i64) {
        let health = self.clients[copy].probe("/health").await.unwrap();
        assert_eq!(health.status, 200, "{}", health.told());
        let health = health.json().unwrap();
        let time = chrono::DateTime::parse_from_rfc3339(health["timestamp"].as_str().unwrap()).unwrap();
        let now = std::time::SystemTime::now()
            .duration_since(std::time::UNIX_EPOCH)
            .unwrap();
        let moved = time.timestamp() - i64::try_from(now.as_secs()).unwrap();
        assert!(
            (moved - seconds).abs() < 30,
            "its clock is {moved} s from ours: is the program linked statically?"
        );
    }

    async fn ensure_limited(&self, learner: &Learner) {
        for client in &self.clients {
            client
                .expect(429, learner.login().forwarded_for(ADDRESS))
                .await
                .unwrap();
        }
    }

    async fn refresh(&self, copy: usize, session: &Session) -> Session {
        Session::of(&self.clients[copy].expect(200, session.exchange()).await.unwrap()).unwrap()
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn threat_74_clocks_that_differ_by_a_minute_sign_nobody_out() {
    let _room = room().await;
    let clocks = Clocks::start().await;
    let (_, mut session) = Learner::register(&clocks.clients[0], "skewed", 0).await.unwrap();
    for skew in [60, -60] {
        clocks.set(0, skew);
        clocks.ensure_moved(0, skew).await;
        clocks.ensure_moved(1, 0).await;
        for copy in [0, 1, 0] {
            session = clocks.refresh(copy, &session).await;
            for client in &clocks.clients {
                client.expect(200, session.me()).await.unwrap();
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn threat_74_a_clock_that_jumps_by_an_hour_signs_nobody_out_and_lifts_no_limit() {
    let _room = room().await;
    let clocks = Clocks::start().await;
    let (learner, mut session) = Learner::register(&clocks.clients[0], "jumping", 0).await.unwrap();
    for _ in 0..5 {
        clocks.clients[0]
            .expect(200, learner.login().forwarded_for(ADDRESS))
            .await
            .unwrap();
    }
    clocks.ensure_limited(&learner).await;
    for jump in [HOUR, -HOUR, 0] {
        clocks.set_all(jump);
        for copy in 0..2 {
            clocks.ensure_moved(copy, jump).await;
            session = clocks.refresh(copy, &session).await;
            clocks.clients[1 - copy].expect(200, session.me()).await.unwrap();
        }
        clocks.ensure_limited(&learner).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn threat_74_a_clock_that_was_ten_years_ahead_leaves_nothing_behind() {
    let _room = room().await;
    let clocks = Clocks::start().await;
    let (learner, session) = Learner::register(&clocks.clients[0], "far", 0).await.unwrap();
    clocks.set_all(TEN_YEARS);
    clocks.ensure_moved(0, TEN_YEARS).await;
    for client in &clocks.clients {
        client.expect(401, session.me()).await.unwrap();
        assert_eq!(client.probe("/livez").await.unwrap().status, 200);
    }
    clocks.set_all(0);
    clocks.clients[0].expect(200, session.me()).await.unwrap();
    clocks.clients[1]
        .expect(200, learner.login().forwarded_for(ADDRESS))
        .await
        .unwrap();
    for copy in clocks.cluster.copies() {
        assert!(!copy.log().unwrap().contains("panicked"));
    }
}
