//! The server under test.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use parlance_contract::fakes::TestClock;
use parlance_domain::time::Clock;
use parlance_http::state::Timeouts;
use parlance_memory::Elapsed;
use parlance_server::server::{Options, Server};
use parlance_server::settings::{MailDelivery, Settings, Values};
use parlance_server::wiring::Overrides;
use reqwest::{Client, Method, RequestBuilder};
use serde_json::{Value, json};

use super::{Answer, PASSWORD, Place, RawConnection, TestUser};

/// A running server; dropped, it and its directory are gone.
pub(crate) struct TestApp {
    server: Server,
    client: Client,
    builder: Builder,
    place: Arc<Place>,
}

/// A server that is to be started.
#[derive(Clone)]
pub(crate) struct Builder {
    settings: Box<Settings>,
    overrides: Overrides,
    vocabulary: bool,
    shared: bool,
    workers: usize,
}

impl Builder {
    fn new() -> Self {
        let settings = Settings::from_values(&Values::from([
            ("PORT", "0"),
            ("BCRYPT_COST", "4"),
            ("METRICS_ADDR", "off"),
            ("RATE_LIMIT_PER_MINUTE", "0"),
            ("LOGIN_LIMIT_PER_MINUTE", "0"),
        ]));
        Self {
            settings: Box::new(settings.unwrap()),
            overrides: Overrides::default(),
            vocabulary: false,
            shared: false,
            workers: 2,
        }
    }

    /// Changes settings.
    pub(crate) fn with(mut self, change: impl FnOnce(&mut Settings)) -> Self {
        change(&mut self.settings);
        self
    }

    /// Takes the time from a clock that the test moves.
    pub(crate) fn clock(mut self, clock: &Arc<TestClock>) -> Self {
        self.overrides.clock = Some(Arc::clone(clock) as Arc<dyn Clock>);
        self
    }

    /// Takes the time that limits go by from the test.
    pub(crate) fn elapsed(mut self, elapsed: Elapsed) -> Self {
        self.overrides.elapsed = Some(elapsed);
        self
    }

    /// Gives requests another time to arrive and to be answered.
    pub(crate) fn timeouts(mut self, timeouts: Timeouts) -> Self {
        self.overrides.timeouts = Some(timeouts);
        self
    }

    /// Begins with the shipped vocabulary: 10,969 words on 7 lists.
    pub(crate) fn with_vocabulary(mut self) -> Self {
        self.vocabulary = true;
        self
    }

    /// Keeps data where other copies find it: on PostgreSQL, whichever store the suite runs over.
    pub(crate) fn shared(mut self) -> Self {
        self.shared = true;
        self
    }

    /// Starts the server.
    pub(crate) async fn start(mut self) -> TestApp {
        let place = if self.shared {
            Place::shared(self.vocabulary).await
        } else {
            Place::new(self.vocabulary).await
        };
        self.settings.data_dir = place.dir().to_owned();
        self.settings.database = place.database();
        if self.settings.objects.in_directory() {
            self.settings.objects.url = place.objects().to_str().unwrap().to_owned();
        }
        if let MailDelivery::Folder(folder) = &mut self.settings.mail.delivery {
            *folder = place.dir().join("mail");
        }
        TestApp::launch(self, Arc::new(place)).await
    }
}

impl TestApp {
    /// Starts a server as most tests want it.
    pub(crate) async fn start() -> Self {
        Self::builder().start().await
    }

    /// A server that differs.
    pub(crate) fn builder() -> Builder {
        Builder::new()
    }

    async fn launch(builder: Builder, place: Arc<Place>) -> Self {
        let options = Options {
            overrides: builder.overrides.clone(),
            load_vocabulary: false,
            workers: builder.workers,
            ..Options::default()
        };
        let server = Server::start(&builder.settings, options).await.unwrap();
        let client = Client::builder()
            .redirect(reqwest::redirect::Policy::none())
            .timeout(Duration::from_mins(1))
            .no_proxy()
            .build()
            .unwrap();
        Self {
            server,
            client,
            builder,
            place,
        }
    }

    /// Stops the server in good order and starts another one on the same data.
    pub(crate) async fn restart(self) -> Self {
        self.server.stop(Duration::ZERO).await;
        Self::launch(self.builder, self.place).await
    }

    /// Stops the server in good order and starts another one on the same data with other settings.
    pub(crate) async fn restart_with(mut self, change: impl FnOnce(&mut Settings)) -> Self {
        change(&mut self.builder.settings);
        Box::pin(self.restart()).await
    }

    /// Starts another server on the same data, which must be on PostgreSQL.
    pub(crate) async fn copy(&self) -> Self {
        Self::launch(self.builder.clone(), Arc::clone(&self.place)).await
    }

    /// Where it listens.
    pub(crate) fn address(&self) -> SocketAddr {
        self.server.address()
    }

    /// Where it serves metrics.
    pub(crate) fn metrics_address(&self) -> SocketAddr {
        self.server.metrics_address().unwrap()
    }

    /// The running server, for whoever looks behind the API.
    pub(crate) fn server(&self) -> &Server {
        &self.server
    }

    /// The directory of its data.
    pub(crate) fn data_dir(&self) -> &Path {
        self.place.dir()
    }

    /// The database, for whoever looks behind the API.
    pub(crate) fn place(&self) -> &Place {
        &self.place
    }

    /// The whole URL of a path.
    pub(crate) fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address())
    }

    /// A request to be completed; see [`TestApp::send`].
    pub(crate) fn request(&self, method: Method, path: &str) -> RequestBuilder {
        self.client.request(method, self.url(path))
    }

    /// Sends a request and reads its answer.
    pub(crate) async fn send(&self, request: RequestBuilder) -> Answer {
        Answer::read(request.send().await.unwrap()).await
    }

    /// Reads.
    pub(crate) async fn get(&self, path: &str) -> Answer {
        self.send(self.request(Method::GET, path)).await
    }

    /// Posts JSON.
    pub(crate) async fn post(&self, path: &str, body: &Value) -> Answer {
        self.send(self.request(Method::POST, path).json(body)).await
    }

    /// Posts bytes as if they were JSON.
    pub(crate) async fn post_bytes(&self, path: &str, body: impl Into<Vec<u8>>) -> Answer {
        let request = self.request(Method::POST, path);
        self.send(
            request
                .header("content-type", "application/json")
                .body(body.into()),
        )
        .await
    }

    /// Posts nothing, with a refresh cookie.
    pub(crate) async fn post_cookie(&self, path: &str, cookie: &str) -> Answer {
        let request = self.request(Method::POST, path);
        self.send(request.header("cookie", format!("refreshToken={cookie}")))
            .await
    }

    /// A connection for bytes that no client would send.
    pub(crate) async fn connect(&self) -> RawConnection {
        RawConnection::open(self.address()).await
    }

    /// Makes an account that administers, and signs it in.
    pub(crate) async fn register_admin(&self) -> TestUser {
        let user = self.register().await;
        self.place.make_admin(&user.email);
        self.login(&user.email).await
    }

    /// Makes an account with a new address and [`PASSWORD`], and signs it in.
    pub(crate) async fn register(&self) -> TestUser {
        static COUNT: AtomicU32 = AtomicU32::new(1);
        let number = COUNT.fetch_add(1, Ordering::Relaxed);
        self.register_as(&format!("learner{number}@example.com")).await
    }

    /// Makes an account with this address and [`PASSWORD`], and signs it in.
    pub(crate) async fn register_as(&self, email: &str) -> TestUser {
        let body = json!({ "email": email, "password": PASSWORD });
        let answer = self.post("/api/v1/auth/register", &body).await.expect(201);
        self.user_of(email, &answer)
    }

    /// Signs an account of [`PASSWORD`] in once more, as on another device.
    pub(crate) async fn login(&self, email: &str) -> TestUser {
        let body = json!({ "email": email, "password": PASSWORD });
        let answer = self.post("/api/v1/auth/login", &body).await.expect(200);
        self.user_of(email, &answer)
    }

    /// The learner that a registration or a sign-in answered.
    pub(crate) fn user_of(&self, email: &str, answer: &Answer) -> TestUser {
        let base = format!("http://{}", self.address());
        TestUser::new(self.client.clone(), base, email, answer)
    }
}
