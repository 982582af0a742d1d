//! Connections break, the server goes away and comes back.

use std::sync::Arc;
use std::time::{Duration, Instant};

use futures_util::future::join_all;
use parlance_contract::stores::{Stores, account, at, session as new_session, user};
use parlance_domain::accounts::{Account, Patch, ProfilePatch};
use parlance_domain::health::Probe;
use parlance_domain::port::PortErrorKind;
use parlance_postgres::{OpenError, PgConfig, PgDatabase};
use parlance_testbed::{Postgres, Signal, StopMode};
use tokio::net::TcpListener;
use tokio::task::spawn_blocking;
use tokio_postgres::Client;

use crate::proxy::{Harm, Proxy};
use crate::support::{
    Fresh, backend_waiting_for_a_lock, config, eventually, fresh, home, session, stores_of, told,
};

/// A server that nobody else uses, and its database.
async fn own_server(adjust: impl FnOnce(PgConfig) -> PgConfig) -> (Arc<Postgres>, PgDatabase) {
    let server = spawn_blocking(|| Postgres::start().unwrap()).await.unwrap();
    let url = server.url("postgres");
    let database = PgDatabase::open(adjust(config(&url))).await.unwrap();
    (Arc::new(server), database)
}

async fn with_server<T: Send + 'static>(
    server: &Arc<Postgres>,
    work: impl FnOnce(&Postgres) -> T + Send + 'static,
) -> T {
    let server = Arc::clone(server);
    spawn_blocking(move || work(&server)).await.unwrap()
}

pub(crate) async fn terminate(session: &Client, backend: i32) {
    let killed = session
        .query_one("SELECT pg_terminate_backend($1)", &[&backend])
        .await;
    assert!(killed.unwrap().get::<_, bool>(0));
}

pub(crate) async fn count(session: &Client, query: &str) -> i64 {
    session.query_one(query, &[]).await.unwrap().get(0)
}

fn renamed(account: &Account) -> Account {
    let patch = ProfilePatch {
        display_name: Patch::Set("Anna".parse().unwrap()),
        ..ProfilePatch::default()
    };
    account.patched(patch, at(60))
}

/// A database with a learner, whose statements can be held back and whose connections can be killed.
pub(crate) struct Scene {
    pub(crate) fresh: Fresh,
    pub(crate) stores: Arc<Stores>,
    pub(crate) blocker: Client,
    pub(crate) looker: Client,
}

pub(crate) async fn scene() -> Scene {
    let fresh = fresh().await;
    let url = fresh.home.url();
    let stores = Arc::new(stores_of(&fresh.database));
    stores.learner(1).await;
    Scene {
        stores,
        blocker: session(&url).await,
        looker: session(&url).await,
        fresh,
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn what_reads_is_sent_again_when_its_connection_is_killed() {
    let Scene {
        fresh,
        stores,
        mut blocker,
        looker,
    } = scene().await;
    let lock = blocker.transaction().await.unwrap();
    lock.batch_execute("LOCK TABLE accounts IN ACCESS EXCLUSIVE MODE")
        .await
        .unwrap();
    let id = user(1);
    let reading = tokio::spawn({
        let stores = Arc::clone(&stores);
        async move { stores.accounts.by_id(id).await }
    });
    let first = backend_waiting_for_a_lock(&looker).await;
    terminate(&looker, first).await;
    eventually("it was to be sent again", async || {
        let now = backend_waiting_for_a_lock(&looker).await;
        (now != first).then_some(())
    })
    .await;
    lock.rollback().await.unwrap();
    assert!(reading.await.unwrap().unwrap().is_some());
    assert_eq!(fresh.database.stats().busy, 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_change_whose_connection_breaks_before_its_end_is_made_once() {
    let Scene {
        fresh: _fresh,
        stores,
        mut blocker,
        looker,
    } = scene().await;
    let before = stores.accounts.by_id(user(1)).await.unwrap().unwrap();
    let lock = blocker.transaction().await.unwrap();
    lock.batch_execute("SELECT FROM accounts FOR UPDATE")
        .await
        .unwrap();
    let saving = tokio::spawn({
        let (stores, after) = (Arc::clone(&stores), renamed(&before));
        let expected = before.revision;
        async move { stores.save(&after, expected).await }
    });
    let killed = backend_waiting_for_a_lock(&looker).await;
    terminate(&looker, killed).await;
    eventually("it was to be begun again", async || {
        (backend_waiting_for_a_lock(&looker).await != killed).then_some(())
    })
    .await;
    lock.rollback().await.unwrap();
    saving.await.unwrap().unwrap();
    let after = stores.accounts.by_id(before.id).await.unwrap().unwrap();
    assert_eq!(after, renamed(&before));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn writes_that_are_sent_again_take_effect_once() {
    let Scene {
        fresh: _fresh,
        stores,
        mut blocker,
        looker,
    } = scene().await;
    let lock = blocker.transaction().await.unwrap();
    lock.batch_execute("LOCK TABLE sessions IN EXCLUSIVE MODE")
        .await
        .unwrap();
    let session = new_session(10, user(1), 5);
    let whole = account(2, "bob@example.com", Some("bob"));
    let first = new_session(20, whole.account.id, 0);
    let writing = tokio::spawn({
        let (stores, session, whole, first) =
            (Arc::clone(&stores), session.clone(), whole.clone(), first.clone());
        async move {
            stores.begin(&session).await.unwrap();
            stores.keep(&whole, &first).await.unwrap();
        }
    });
    let killed = backend_waiting_for_a_lock(&looker).await;
    terminate(&looker, killed).await;
    eventually("it was to be sent again", async || {
        (backend_waiting_for_a_lock(&looker).await != killed).then_some(())
    })
    .await;
    lock.rollback().await.unwrap();
    writing.await.unwrap();
    assert_eq!(count(&looker, "SELECT count(*) FROM accounts").await, 2);
    assert_eq!(count(&looker, "SELECT count(*) FROM sessions").await, 3);
    assert_eq!(count(&looker, "SELECT count(*) FROM progress_heads").await, 2);
}

#[tokio::test]
async fn a_database_whose_server_is_down_says_so() {
    let (server, database) = own_server(|config| config).await;
    drop(database);
    let url = server.url("postgres");
    with_server(&server, |server| server.stop(StopMode::Fast).unwrap()).await;
    let error = PgDatabase::open(config(&url)).await.err().unwrap();
    assert!(matches!(error, OpenError::Migrate(_)), "{error:?}");
    let told = told(&error);
    assert!(
        told.contains("cannot be reached") && told.contains("refused"),
        "{told}"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn threat_61_after_a_restart_the_first_statement_succeeds_even_one_that_is_sent_once() {
    let (server, database) = own_server(|config| config).await;
    let stores = stores_of(&database);
    let id = stores.learner(1).await;
    // All connections are there, and idle.
    join_all((0..64).map(|_| stores.accounts.by_id(id))).await;
    for mode in [StopMode::Fast, StopMode::Immediate] {
        with_server(&server, move |server| server.restart(mode).unwrap()).await;
        let before = stores.accounts.by_id(id).await.unwrap().unwrap();
        let mut after = renamed(&before);
        after.revision = before.revision + 1;
        stores.save(&after, before.revision).await.unwrap();
        assert_eq!(stores.accounts.by_id(id).await.unwrap(), Some(after));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn threat_61_while_the_server_is_down_statements_fail_soon_and_few_ask_for_it() {
    let (server, database) = own_server(|config| PgConfig {
        connections: 2,
        ..config
    })
    .await;
    let stores = stores_of(&database);
    let id = stores.learner(1).await;
    with_server(&server, |server| server.stop(StopMode::Immediate).unwrap()).await;
    let before = database.stats().connects;
    let begun = Instant::now();
    let mut asked = 0_u64;
    while begun.elapsed() < Duration::from_secs(2) {
        let answers = join_all((0..8).map(|_| stores.accounts.by_id(id))).await;
        for answer in answers {
            let error = answer.unwrap_err();
            assert_eq!(error.kind, PortErrorKind::Unavailable, "{}", told(&error));
            asked += 1;
        }
    }
    assert!(database.check().await.is_err());
    let dials = database.stats().connects - before;
    assert!(dials <= 2 * 8, "{dials} attempts for {asked} statements");
    with_server(&server, |server| server.start_again().unwrap()).await;
    eventually("the database was to be back", async || {
        stores.accounts.by_id(id).await.ok()
    })
    .await;
    database.check().await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn while_the_server_is_down_transactions_leave_it_alone_between_attempts() {
    let (server, database) = own_server(|config| PgConfig {
        transactions: 1,
        ..config
    })
    .await;
    let stores = stores_of(&database);
    let absent = new_session(10, user(1), 0);
    assert!(!stores.end(&absent, at(60)).await.unwrap());
    with_server(&server, |server| server.stop(StopMode::Immediate).unwrap()).await;
    let before = database.transaction_stats().connects;
    let begun = Instant::now();
    for _ in 0..200 {
        let error = stores.end(&absent, at(60)).await.unwrap_err();
        assert_eq!(error.kind, PortErrorKind::Unavailable, "{}", told(&error));
    }
    // Four in the first second, then one in each.
    let most = 5 + begun.elapsed().as_secs();
    let dials = database.transaction_stats().connects - before;
    assert!(dials <= most, "{dials} attempts, {most} at most are right");
    with_server(&server, |server| server.start_again().unwrap()).await;
    eventually("the database was to be back", async || {
        stores.end(&absent, at(60)).await.ok()
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_transaction_that_is_not_answered_in_time_is_counted_and_its_connection_given_up() {
    let home = home().await;
    let proxy = Proxy::start(&home.url()).await;
    let database = PgDatabase::open(PgConfig {
        statement_timeout: Duration::from_secs(1),
        ..config(&proxy.url(&home.url()))
    })
    .await
    .unwrap();
    let stores = stores_of(&database);
    let absent = new_session(10, user(1), 0);
    assert!(!stores.end(&absent, at(60)).await.unwrap());
    proxy.harm(Harm::LoseAnswers);
    let error = stores.end(&absent, at(60)).await.unwrap_err();
    assert_eq!(error.kind, PortErrorKind::Timeout, "{}", told(&error));
    let stats = database.transaction_stats();
    assert_eq!(
        (stats.timeouts, stats.busy, stats.connected),
        (1, 0, 0),
        "{stats:?}"
    );
    proxy.harm(Harm::None);
    assert!(!stores.end(&absent, at(60)).await.unwrap());
    assert_eq!(database.transaction_stats().connects, 2);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn fault_09_who_waits_for_a_server_that_does_not_answer_waits_together() {
    const PATIENCE: Duration = Duration::from_secs(1);
    let (server, database) = own_server(|config| PgConfig {
        connections: 2,
        depth: 64,
        connect_timeout: PATIENCE,
        ..config
    })
    .await;
    let stores = stores_of(&database);
    let id = stores.learner(1).await;
    let before = database.stats().connects;
    let looker = session(&server.url("postgres")).await;
    // Whoever connects gets as far as the kernel takes them, and no answer.
    with_server(&server, |server| server.signal(Signal::SIGSTOP).unwrap()).await;
    let others = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'parlance'";
    looker.query(others, &[]).await.unwrap();
    eventually("the connections were to break", async || {
        (database.stats().connected == 0).then_some(())
    })
    .await;
    let begun = Instant::now();
    let answers = join_all((0..100).map(|_| stores.accounts.by_id(id))).await;
    let took = begun.elapsed();
    assert!(answers.iter().all(Result::is_err));
    assert!(took < PATIENCE * 3, "they queued up behind each other: {took:?}");
    let dials = database.stats().connects - before;
    assert!(dials <= 2, "{dials} attempts");
    with_server(&server, |server| server.signal(Signal::SIGCONT).unwrap()).await;
    eventually("the database was to be back", async || {
        stores.accounts.by_id(id).await.ok()
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_host_that_does_not_answer_is_passed_over() {
    let home = home().await;
    let silent = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let refusing = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let of = |listener: &TcpListener| listener.local_addr().unwrap().to_string();
    let (silent_host, refusing_host) = (of(&silent), of(&refusing));
    drop(refusing);
    let url = home.url();
    let (credentials, rest) = url.split_once('@').unwrap();
    let hosts = format!("{credentials}@{refusing_host},{silent_host},{rest}");
    let database = PgDatabase::open(PgConfig {
        connect_timeout: Duration::from_millis(500),
        ..config(&hosts)
    })
    .await
    .unwrap();
    database.check().await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn fault_12_who_gets_no_connection_of_their_own_uses_that_of_others() {
    let (server, admin) = own_server(|config| config).await;
    admin.close().await;
    let admin = session(&server.url("postgres")).await;
    let limited =
        "CREATE ROLE anna LOGIN CONNECTION LIMIT 2; GRANT ALL ON ALL TABLES IN SCHEMA public TO anna";
    admin.batch_execute(limited).await.unwrap();
    let url = format!("postgres://anna@127.0.0.1:{}/postgres", server.port());
    let database = PgDatabase::open(config(&url)).await.unwrap();
    let stores = stores_of(&database);
    eventually("a connection was to be free", async || {
        database.check().await.ok()
    })
    .await;
    let asked = (0..200).map(|_| stores.accounts.by_id(user(1)));
    let answers = join_all(asked).await;
    assert!(
        answers.iter().all(Result::is_ok),
        "{:?}",
        answers.into_iter().find_map(Result::err)
    );
    let stats = database.stats();
    assert!(stats.connected <= 2 && stats.places == 32, "{stats:?}");
}
