//! Starts the binary in a directory of its own and follows what it writes.

use std::net::SocketAddr;
use std::path::Path;
use std::process::{ExitStatus, Output, Stdio};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use reqwest::{Client, Method, RequestBuilder};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt, AsyncRead, BufReader};
use tokio::process::{Child, Command};
use tokio::sync::watch;
use tokio::time::timeout;

use crate::harness::{Answer, PASSWORD, TestUser};

/// Long enough for a busy machine, short enough to fail a test.
const PATIENCE: Duration = Duration::from_mins(1);

/// The binary, the directory it works in, and its settings.
pub(crate) struct Parlance {
    dir: TempDir,
    settings: Vec<(String, String)>,
}

/// A running server.
pub(crate) struct Running {
    child: Child,
    client: Client,
    /// Where it listens.
    pub(crate) address: SocketAddr,
    /// Where it serves metrics.
    pub(crate) metrics: Option<SocketAddr>,
    /// What it wrote to standard error so far.
    pub(crate) log: Written,
    /// What it wrote to standard output so far.
    pub(crate) out: Written,
}

/// What a process has written so far.
#[derive(Clone)]
pub(crate) struct Written {
    text: Arc<Mutex<String>>,
    changed: watch::Receiver<()>,
}

impl Written {
    fn follow(from: impl AsyncRead + Unpin + Send + 'static) -> Self {
        let text = Arc::new(Mutex::new(String::new()));
        let (change, changed) = watch::channel(());
        let following = Arc::clone(&text);
        tokio::spawn(async move {
            let mut lines = BufReader::new(from).lines();
            while let Ok(Some(line)) = lines.next_line().await {
                let mut text = following.lock().unwrap();
                text.push_str(&line);
                text.push('\n');
                drop(text);
                change.send_replace(());
            }
        });
        Self { text, changed }
    }

    /// All of it.
    pub(crate) fn text(&self) -> String {
        self.text.lock().unwrap().clone()
    }

    /// The first line with this in it, waited for.
    pub(crate) async fn line(&self, wanted: &str) -> Option<String> {
        let mut changed = self.changed.clone();
        loop {
            let found = self
                .text()
                .lines()
                .find(|line| line.contains(wanted))
                .map(str::to_owned);
            if found.is_some() {
                return found;
            }
            // Once the process has closed it, nothing more comes.
            match timeout(PATIENCE, changed.changed()).await {
                Ok(Ok(())) => {}
                Ok(Err(_)) | Err(_) => {
                    return self
                        .text()
                        .lines()
                        .find(|line| line.contains(wanted))
                        .map(str::to_owned);
                }
            }
        }
    }
}

impl Parlance {
    /// The binary in a new directory, quick to hash, on any free port.
    pub(crate) fn new() -> Self {
        let parlance = Self {
            dir: tempfile::tempdir().unwrap(),
            settings: Vec::new(),
        };
        parlance
            .set("PORT", "0")
            .set("METRICS_ADDR", "off")
            .set("BCRYPT_COST", "4")
            .set("LOG_FORMAT", "json")
            .set("RATE_LIMIT_PER_MINUTE", "0")
            .set("LOGIN_LIMIT_PER_MINUTE", "0")
    }

    /// Sets an environment variable.
    pub(crate) fn set(mut self, name: &str, value: &str) -> Self {
        self.settings.retain(|(other, _)| other != name);
        self.settings.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Everything that production wants.
    pub(crate) fn in_production(self) -> Self {
        let database = format!("sqlite://{}", self.dir().join("data/parlance.db").display());
        self.set("APP_ENV", "production")
            .set("HOST", "127.0.0.1")
            .set("JWT_SECRET", "gmOPuVt0AmHpQuzAr/5LwOM9iNXo6xTcCWiMyJrSRGvLBgCB")
            .set("CORS_ORIGIN", "https://app.example.com")
            .set("DATABASE_URL", &database)
            .set("MAIL_PROVIDER", "none")
            .set("BCRYPT_COST", "10")
            .set("LOGIN_LIMIT_PER_MINUTE", "1000")
            .set("DRAIN_SECONDS", "0")
    }

    /// The directory it works in.
    pub(crate) fn dir(&self) -> &Path {
        self.dir.path()
    }

    /// A command line, its environment set and nothing else in it.
    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_parlance"));
        command
            .args(arguments)
            .current_dir(self.dir())
            .env_clear()
            .envs(self.settings.iter().map(|(name, value)| (name, value)))
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true);
        command
    }

    /// Runs a command line to its end.
    pub(crate) async fn run(&self, arguments: &[&str]) -> Output {
        timeout(PATIENCE, self.command(arguments).output())
            .await
            .expect("the command did not end")
            .unwrap()
    }

    /// Starts a server and waits until it listens.
    pub(crate) async fn serve(&self) -> Running {
        Running::follow(self.command(&["serve"]).spawn().unwrap()).await
    }
}

impl Running {
    /// Follows a process that serves, once it listens.
    pub(crate) async fn follow(mut child: Child) -> Self {
        let log = Written::follow(child.stderr.take().unwrap());
        let out = Written::follow(child.stdout.take().unwrap());
        let Some(line) = log.line("\"listening\"").await else {
            panic!("it does not listen: {}", log.text());
        };
        let line: Value = serde_json::from_str(&line).unwrap();
        Self {
            child,
            client: Client::builder().no_proxy().build().unwrap(),
            address: line["address"].as_str().unwrap().parse().unwrap(),
            metrics: line["metrics"].as_str().map(|address| address.parse().unwrap()),
            log,
            out,
        }
    }

    /// Reads the metrics.
    pub(crate) async fn metrics(&self) -> String {
        let url = format!("http://{}/metrics", self.metrics.unwrap());
        let response = self.client.get(url).send().await.unwrap();
        assert_eq!(response.status(), 200);
        response.text().await.unwrap()
    }

    /// The whole URL of a path.
    pub(crate) fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    /// A request to be completed.
    pub(crate) fn request(&self, method: Method, path: &str) -> RequestBuilder {
        self.client.request(method, self.url(path))
    }

    /// Reads.
    pub(crate) async fn get(&self, path: &str) -> Answer {
        Answer::read(self.request(Method::GET, path).send().await.unwrap()).await
    }

    /// Posts JSON.
    pub(crate) async fn post(&self, path: &str, body: &Value) -> Answer {
        let request = self.request(Method::POST, path).json(body);
        Answer::read(request.send().await.unwrap()).await
    }

    /// Posts nothing, with a refresh cookie.
    pub(crate) async fn post_cookie(&self, path: &str, cookie: &str) -> Answer {
        let request = self.request(Method::POST, path);
        let request = request.header("cookie", format!("refreshToken={cookie}"));
        Answer::read(request.send().await.unwrap()).await
    }

    /// Makes an account.
    pub(crate) async fn register(&self, email: &str) -> TestUser {
        let body = json!({ "email": email, "password": PASSWORD });
        let answer = self.post("/api/v1/auth/register", &body).await.expect(201);
        self.user(email, &answer)
    }

    /// Signs an account in.
    pub(crate) async fn login(&self, email: &str) -> TestUser {
        let body = json!({ "email": email, "password": PASSWORD });
        let answer = self.post("/api/v1/auth/login", &body).await.expect(200);
        self.user(email, &answer)
    }

    fn user(&self, email: &str, answer: &Answer) -> TestUser {
        TestUser::new(
            self.client.clone(),
            format!("http://{}", self.address),
            email,
            answer,
        )
    }

    /// How much memory it holds, in bytes.
    pub(crate) fn resident(&self) -> u64 {
        self.status("VmRSS") * 1024
    }

    /// Whether the system may give it huge pages.
    pub(crate) fn takes_huge_pages(&self) -> bool {
        self.status("THP_enabled") == 1
    }

    /// A number of what the system says of the process.
    fn status(&self, name: &str) -> u64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id().unwrap())).unwrap();
        let mut lines = status.lines();
        let value = lines
            .find_map(|line| line.strip_prefix(name)?.strip_prefix(':'))
            .unwrap();
        value.split_whitespace().next().unwrap().parse().unwrap()
    }

    /// Sends a signal.
    pub(crate) fn signal(&self, signal: Signal) {
        let id = i32::try_from(self.child.id().unwrap()).unwrap();
        kill(Pid::from_raw(id), signal).unwrap();
    }

    /// Waits for its end.
    pub(crate) async fn ended(&mut self) -> ExitStatus {
        timeout(PATIENCE, self.child.wait())
            .await
            .expect("the process did not end")
            .unwrap()
    }

    /// Kills it as a power cut would.
    pub(crate) async fn crash(mut self) {
        self.child.kill().await.unwrap();
    }

    /// Stops it in good order.
    pub(crate) async fn stop(mut self) {
        self.signal(Signal::SIGTERM);
        let status = self.ended().await;
        assert!(status.success(), "{status}: {}", self.log.text());
    }
}
