//! A running server: its listeners, its tasks, and how they stop without losing a request.

use std::io;
use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::thread::available_parallelism;
use std::time::Duration;

use actix_web::HttpServer;
use actix_web::body::MessageBody;
use actix_web::dev::{ServerHandle, ServiceRequest, ServiceResponse};
use actix_web::http::ConnectionType;
use actix_web::middleware::{Next, from_fn};
use anyhow::{Context, anyhow};
use parlance_domain::pubsub::PubSub;
use parlance_http::metrics::GaugeSource;
use parlance_http::state::{AppState, Draining, State};
use tokio::task::JoinHandle;

use crate::data_dir::{DataDir, ServeLock};
use crate::database::Database;
use crate::post::Post;
use crate::settings::Settings;
use crate::vocabulary::shipped::{self, Loaded};
use crate::wiring::{self, Overrides, Secrets, System};
use crate::workers::Workers;

/// Longer than load balancers keep idle connections, lest they use one that is just being closed.
const KEEP_ALIVE: Duration = Duration::from_secs(75);
/// How long what runs may go on once nothing new is accepted.
const FINISH: Duration = Duration::from_secs(10);
/// How long connections that were accepted but not yet looked at have to send their request.
const LAST_CALL: Duration = Duration::from_millis(100);
const MAX_CONNECTIONS_PER_WORKER: usize = 10_000;
const BACKLOG: u32 = 2_048;

/// What a start does besides what the settings say.
#[derive(Clone)]
pub struct Options {
    /// What stands in for the machine's own.
    pub overrides: Overrides,
    /// What is measured besides.
    pub gauges: Vec<GaugeSource>,
    /// Whether the shipped vocabulary is loaded.
    pub load_vocabulary: bool,
    /// How many threads answer requests.
    pub workers: usize,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            overrides: Overrides::default(),
            gauges: Vec::new(),
            load_vocabulary: true,
            workers: available_parallelism().map_or(1, usize::from),
        }
    }
}

/// A running server.
pub struct Server {
    address: SocketAddr,
    loaded: Loaded,
    api: Listener,
    metrics: Option<(SocketAddr, Listener)>,
    workers: Workers,
    database: Database,
    pubsub: Arc<dyn PubSub>,
    post: Arc<Post>,
    draining: Draining,
    _lock: ServeLock,
}

struct Listener {
    handle: ServerHandle,
    task: JoinHandle<io::Result<()>>,
}

impl Server {
    /// Makes everything ready, then listens.
    pub async fn start(settings: &Settings, options: Options) -> anyhow::Result<Self> {
        let data_dir = DataDir::prepare(settings)?;
        let lock = data_dir.lock(settings.database.file())?;
        let secrets = Secrets::of(settings, &data_dir)?;
        let database = Database::open_current(&settings.database, settings.migrate_on_start).await?;
        let timeouts = options.overrides.timeouts;
        let mut system = System::wire(settings, &secrets, &database, options.overrides).await?;
        system.http.gauges.extend(options.gauges);
        let loaded = if options.load_vocabulary {
            shipped::load(system.word_store.as_ref())
                .await
                .context("cannot load the shipped vocabulary")?
        } else {
            Loaded::default()
        };
        let sessions = system.http.sessions.clone();
        sessions
            .load_revoked()
            .await
            .context("cannot read the ended sessions")?;
        let workers = Workers::start(&system.work);
        let draining = system.http.draining.clone();
        let state = AppState::new(system.http, wiring::http_config(settings, system.there, timeouts)).await;
        let metrics = serve_metrics(settings, &state)?;
        database.serve_workers().await;
        let (address, api) = serve_api(settings, &state, options.workers)?;
        Ok(Self {
            address,
            loaded,
            api,
            metrics,
            workers,
            database,
            pubsub: system.work.pubsub,
            post: system.work.post,
            draining,
            _lock: lock,
        })
    }

    /// Where it listens.
    pub const fn address(&self) -> SocketAddr {
        self.address
    }

    /// Where it serves metrics, if it does.
    pub fn metrics_address(&self) -> Option<SocketAddr> {
        self.metrics.as_ref().map(|(address, _)| *address)
    }

    /// What was loaded at the start.
    pub const fn loaded(&self) -> Loaded {
        self.loaded
    }

    /// The database, for whoever looks behind the API.
    pub const fn database(&self) -> &Database {
        &self.database
    }

    /// What copies of the program tell each other by.
    pub const fn pubsub(&self) -> &Arc<dyn PubSub> {
        &self.pubsub
    }

    /// Waits until it no longer listens though nobody stopped it.
    pub async fn ended(&mut self) -> io::Result<()> {
        (&mut self.api.task)
            .await
            .unwrap_or_else(|error| Err(io::Error::other(error)))
    }

    /// Stops in good order.
    ///
    /// It is not ready from now on; requests are accepted for `drain` more; then what runs is finished and the
    /// database closed.
    pub async fn stop(self, drain: Duration) {
        self.draining.begin();
        tokio::join!(tokio::time::sleep(drain), self.database.outlive_workers());
        tokio::join!(self.api.finish(), self.post.finish(FINISH));
        if let Some((_, listener)) = self.metrics {
            listener.handle.stop(false).await;
        }
        drop(self.workers);
        // Whatever was acknowledged is on the disk already: a database that hangs is not waited for.
        if tokio::time::timeout(FINISH, self.database.close()).await.is_err() {
            tracing::error!("the database did not close in time");
        }
    }
}

impl Listener {
    /// Runs a server in a task of its own.
    fn spawn(server: actix_web::dev::Server) -> Self {
        let handle = server.handle();
        let task = tokio::spawn(server);
        Self { handle, task }
    }

    /// Accepts nothing more and finishes what runs.
    async fn finish(self) {
        // A connection that waits for a worker at the time of the stop would be dropped with its request unread.
        self.handle.pause().await;
        tokio::time::sleep(LAST_CALL).await;
        self.handle.stop(true).await;
        if let Err(error) = self.task.await {
            tracing::error!(%error, "the listener failed while it stopped");
        }
    }
}

fn serve_api(settings: &Settings, state: &State, workers: usize) -> anyhow::Result<(SocketAddr, Listener)> {
    let address = SocketAddr::new(settings.host, settings.port);
    let head_timeout = state.config.timeouts.head;
    let state = state.clone();
    let server =
        HttpServer::new(move || parlance_http::app(state.clone()).wrap(from_fn(part_while_draining)))
            .workers(workers)
            .client_request_timeout(head_timeout)
            .keep_alive(KEEP_ALIVE)
            .max_connections(MAX_CONNECTIONS_PER_WORKER)
            .backlog(BACKLOG)
            .shutdown_timeout(FINISH.as_secs())
            .disable_signals()
            .bind(address)
            .with_context(|| format!("cannot listen on {address}; HOST and PORT choose another address"))?;
    let bound = server
        .addrs()
        .first()
        .copied()
        .ok_or_else(|| anyhow!("nothing is bound"))?;
    Ok((bound, Listener::spawn(server.run())))
}

/// Asks clients to come back on another connection once the server is about to stop.
///
/// Whoever is told so never sends a request on a connection that is just being closed.
async fn part_while_draining(
    request: ServiceRequest,
    next: Next<impl MessageBody>,
) -> Result<ServiceResponse<impl MessageBody>, actix_web::Error> {
    let mut response = next.call(request).await?;
    let draining = response
        .request()
        .app_data::<State>()
        .is_some_and(|state| state.services.draining.has_begun());
    if draining {
        response
            .response_mut()
            .head_mut()
            .set_connection_type(ConnectionType::Close);
    }
    Ok(response)
}

/// Serves metrics on an address of their own; in development they are done without when it is taken.
fn serve_metrics(settings: &Settings, state: &State) -> anyhow::Result<Option<(SocketAddr, Listener)>> {
    let Some(address) = settings.metrics else {
        return Ok(None);
    };
    let listener = match TcpListener::bind(address) {
        Ok(listener) => listener,
        Err(error) if !settings.is_production() => {
            tracing::warn!(%address, %error, "metrics are not served: METRICS_ADDR is taken");
            return Ok(None);
        }
        Err(error) => {
            let message = format!("cannot serve metrics on {address}; METRICS_ADDR chooses another address");
            return Err(error).context(message);
        }
    };
    let bound = listener.local_addr()?;
    let head_timeout = state.config.timeouts.head;
    let state = state.clone();
    let server = HttpServer::new(move || parlance_http::metrics_app(state.clone()))
        .workers(1)
        .client_request_timeout(head_timeout)
        .disable_signals()
        .listen(listener)?;
    Ok(Some((bound, Listener::spawn(server.run()))))
}
