//! More is asked than the database can do at once, or faster than it can.

use std::sync::Arc;
use std::task::Poll;
use std::thread;
use std::time::{Duration, Instant};

use futures_util::future::join_all;
use parlance_contract::stores::{account, at, session as new_session, terms};
use parlance_domain::accounts::{AccountStore, Rotation, SessionStore};
use parlance_domain::health::Probe;
use parlance_domain::ids::UserId;
use parlance_domain::port::{PortError, PortErrorKind};
use parlance_domain::words::WordStore;
use parlance_postgres::{PgAccounts, PgConfig, PgDatabase, PgSessions, PgWords};
use tokio::runtime::Builder;
use tokio::sync::oneshot;
use tokio::task::{JoinHandle, JoinSet};
use tokio_postgres::{Client, Transaction};
use uuid::Uuid;

use crate::support::{backend_waiting_for_a_lock, config, eventually, home, session, stores_of, told};

const WAIT: Duration = Duration::from_secs(2);

async fn open(config: PgConfig) -> PgDatabase {
    PgDatabase::open(config).await.unwrap()
}

/// Holds back whoever reads the lists of words.
async fn lock_lists(session: &mut Client) -> Transaction<'_> {
    let transaction = session.transaction().await.unwrap();
    let lock = "LOCK TABLE word_lists IN ACCESS EXCLUSIVE MODE";
    transaction.batch_execute(lock).await.unwrap();
    transaction
}

fn read_lists(words: &Arc<PgWords>) -> JoinHandle<Result<usize, PortError>> {
    let words = Arc::clone(words);
    tokio::spawn(async move { Ok(words.lists().await?.len()) })
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn threat_60_when_all_places_are_taken_the_next_are_refused_in_time_and_the_health_is_told() {
    let home = home().await;
    let database = open(PgConfig {
        connections: 2,
        depth: 2,
        wait: WAIT,
        ..config(&home.url())
    })
    .await;
    let words = Arc::new(PgWords::new(database.clone()));
    let (mut blocker, looker) = (session(&home.url()).await, session(&home.url()).await);
    let lock = lock_lists(&mut blocker).await;
    let held: Vec<_> = (0..4).map(|_| read_lists(&words)).collect();
    eventually("all places were to be taken", async || {
        (database.stats().busy == 4).then_some(())
    })
    .await;
    backend_waiting_for_a_lock(&looker).await;
    let begun = Instant::now();
    let refused: Vec<_> = (0..20).map(|_| read_lists(&words)).collect();
    eventually("the others were to wait", async || {
        (database.stats().waiting == 20).then_some(())
    })
    .await;
    for refused in join_all(refused).await {
        let error = refused.unwrap().unwrap_err();
        assert_eq!(error.kind, PortErrorKind::Unavailable);
        assert!(told(&error).contains("too much work"), "{}", told(&error));
    }
    assert!(begun.elapsed() < WAIT * 10, "{:?}", begun.elapsed());
    let stats = database.stats();
    assert_eq!(
        (stats.refused, stats.waiting, stats.busy, stats.places),
        (20, 0, 4, 4)
    );
    lock.rollback().await.unwrap();
    for held in join_all(held).await {
        held.unwrap().unwrap();
    }
    database.check().await.unwrap();
    read_lists(&words).await.unwrap().unwrap();
    let stats = database.stats();
    assert_eq!(
        (stats.busy, stats.connected, stats.timeouts),
        (0, 2, 0),
        "{stats:?}"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn when_all_transactions_are_under_way_the_next_are_refused_in_time() {
    let home = home().await;
    let database = open(PgConfig {
        transactions: 1,
        wait: WAIT,
        ..config(&home.url())
    })
    .await;
    let stores = Arc::new(stores_of(&database));
    let ann = stores.learner(1).await;
    let (mut blocker, looker) = (session(&home.url()).await, session(&home.url()).await);
    let lock = blocker.transaction().await.unwrap();
    lock.batch_execute("LOCK TABLE sessions IN EXCLUSIVE MODE")
        .await
        .unwrap();
    let end = |number: u128| {
        let stores = Arc::clone(&stores);
        tokio::spawn(async move { stores.end(&new_session(number, ann, 0), at(9)).await })
    };
    let held = end(10);
    backend_waiting_for_a_lock(&looker).await;
    let begun = Instant::now();
    let refused: Vec<_> = (11..14).map(end).collect();
    for refused in join_all(refused).await {
        let error = refused.unwrap().unwrap_err();
        assert_eq!(error.kind, PortErrorKind::Unavailable);
        assert!(told(&error).contains("too much work"), "{}", told(&error));
    }
    assert!(begun.elapsed() < WAIT * 10, "{:?}", begun.elapsed());
    let stats = database.transaction_stats();
    assert_eq!(
        (stats.refused, stats.waiting, stats.busy, stats.places),
        (3, 0, 1, 1)
    );
    lock.rollback().await.unwrap();
    held.await.unwrap().unwrap();
    let stats = database.transaction_stats();
    assert_eq!(
        (stats.busy, stats.connected, stats.connects, stats.timeouts),
        (0, 1, 1, 0),
        "{stats:?}"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn callers_who_go_away_give_their_places_back_once_the_server_is_done_with_their_statements() {
    let home = home().await;
    let database = open(PgConfig {
        connections: 1,
        depth: 2,
        ..config(&home.url())
    })
    .await;
    let words = Arc::new(PgWords::new(database.clone()));
    let (mut blocker, looker) = (session(&home.url()).await, session(&home.url()).await);
    let lock = lock_lists(&mut blocker).await;
    let held: Vec<_> = (0..5).map(|_| read_lists(&words)).collect();
    eventually("some were to wait", async || {
        let stats = database.stats();
        (stats.busy == 2 && stats.waiting == 3).then_some(())
    })
    .await;
    backend_waiting_for_a_lock(&looker).await;
    for held in held {
        held.abort();
        assert!(held.await.unwrap_err().is_cancelled());
    }
    let stats = database.stats();
    assert!(stats.busy > 0, "what the server works on is under way still");
    assert_eq!(stats.waiting, 0);
    lock.rollback().await.unwrap();
    eventually("the places were to be given back", async || {
        (database.stats().busy == 0).then_some(())
    })
    .await;
    read_lists(&words).await.unwrap().unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn what_must_not_wait_is_asked_while_all_places_are_taken() {
    let home = home().await;
    let database = open(PgConfig {
        connections: 1,
        depth: 1,
        ..config(&home.url())
    })
    .await;
    let words = Arc::new(PgWords::new(database.clone()));
    let mut blocker = session(&home.url()).await;
    let lock = lock_lists(&mut blocker).await;
    let held = read_lists(&words);
    eventually("the place was to be taken", async || {
        (database.stats().busy == 1).then_some(())
    })
    .await;
    let sessions = PgSessions::new(database.clone());
    assert_eq!(sessions.revoked_since(at(0)).await.unwrap(), []);
    database.check().await.unwrap();
    lock.rollback().await.unwrap();
    held.await.unwrap().unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn connections_that_were_taken_over_outlive_the_threads_that_made_them() {
    let home = home().await;
    let database = open(PgConfig {
        connections: 1,
        ..config(&home.url())
    })
    .await;
    let accounts = Arc::new(PgAccounts::new(database.clone()));
    let absent = UserId(Uuid::nil());
    let (asked, has_asked) = oneshot::channel();
    let (end, ended) = oneshot::channel::<()>();
    let elsewhere = Arc::clone(&accounts);
    let worker = thread::spawn(move || {
        let runtime = Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            asked.send(elsewhere.by_id(absent).await).unwrap();
            ended.await.unwrap();
        });
    });
    assert!(has_asked.await.unwrap().unwrap().is_none());
    assert_eq!(database.stats().connects, 1);
    // What the thread drives goes with it, so it ends only afterwards.
    database.take_over().await;
    end.send(()).unwrap();
    worker.join().unwrap();
    assert!(accounts.by_id(absent).await.unwrap().is_none());
    let stats = database.stats();
    assert_eq!(
        (stats.connects, stats.connected),
        (2, 1),
        "it was made anew, once"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_works_beside_the_threads_makes_none_of_their_connections() {
    let home = home().await;
    let database = open(PgConfig {
        connections: 1,
        ..config(&home.url())
    })
    .await;
    database.hand_out().await;
    let accounts = Arc::new(PgAccounts::new(database.clone()));
    let absent = UserId(Uuid::nil());
    assert!(accounts.by_id(absent).await.unwrap().is_none());
    let stats = database.stats();
    assert_eq!((stats.connects, stats.connected, stats.busy), (1, 0, 0));
    let elsewhere = Arc::clone(&accounts);
    let worker = thread::spawn(move || {
        let runtime = Builder::new_current_thread().enable_all().build().unwrap();
        let found = runtime.block_on(elsewhere.by_id(absent)).unwrap();
        (found.is_none(), database.stats())
    });
    let (is_absent, stats) = worker.join().unwrap();
    assert!(is_absent);
    assert_eq!((stats.connects, stats.connected, stats.busy), (2, 1, 0));
}

#[tokio::test]
async fn threat_59_a_statement_that_takes_too_long_is_given_up_by_the_server() {
    let home = home().await;
    let database = open(PgConfig {
        statement_timeout: Duration::from_millis(200),
        ..config(&home.url())
    })
    .await;
    let words = Arc::new(PgWords::new(database.clone()));
    let mut blocker = session(&home.url()).await;
    let lock = lock_lists(&mut blocker).await;
    let error = read_lists(&words).await.unwrap().unwrap_err();
    assert_eq!(error.kind, PortErrorKind::Unavailable);
    assert!(told(&error).contains("statement timeout"), "{}", told(&error));
    lock.rollback().await.unwrap();
    read_lists(&words).await.unwrap().unwrap();
    let stats = database.stats();
    assert_eq!(
        (stats.connects, stats.timeouts),
        (1, 0),
        "the connection is as good as before"
    );
}

#[tokio::test]
async fn threat_59_a_statement_does_not_wait_long_for_a_lock() {
    let home = home().await;
    let database = open(PgConfig {
        lock_timeout: Duration::from_millis(200),
        ..config(&home.url())
    })
    .await;
    let words = Arc::new(PgWords::new(database.clone()));
    let mut blocker = session(&home.url()).await;
    let _lock = lock_lists(&mut blocker).await;
    let error = read_lists(&words).await.unwrap().unwrap_err();
    assert_eq!(error.kind, PortErrorKind::Unavailable);
    assert!(told(&error).contains("lock timeout"), "{}", told(&error));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_closed_database_finishes_what_is_under_way_and_refuses_the_rest() {
    let home = home().await;
    let database = open(config(&home.url())).await;
    let words = Arc::new(PgWords::new(database.clone()));
    let (mut blocker, looker) = (session(&home.url()).await, session(&home.url()).await);
    let lock = lock_lists(&mut blocker).await;
    let held = read_lists(&words);
    backend_waiting_for_a_lock(&looker).await;
    let closing = tokio::spawn({
        let database = database.clone();
        async move { database.close().await }
    });
    lock.rollback().await.unwrap();
    closing.await.unwrap();
    held.await.unwrap().unwrap();
    for error in [
        read_lists(&words).await.unwrap().unwrap_err(),
        database.check().await.unwrap_err(),
    ] {
        assert_eq!(error.kind, PortErrorKind::Unavailable);
        assert!(told(&error).contains("closed"), "{}", told(&error));
    }
    eventually("the connections were to be gone", async || {
        let query = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() \
            AND application_name = 'parlance'";
        let left: i64 = looker.query_one(query, &[]).await.unwrap().get(0);
        (left == 0).then_some(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn threat_01_of_32_rotations_at_once_in_two_copies_one_gives_the_successor() {
    let home = home().await;
    let copies = [open(config(&home.url())).await, open(config(&home.url())).await];
    let stores = copies.each_ref().map(stores_of);
    let ann = stores[0].learner(1).await;
    for round in 0..20_u128 {
        let begun = new_session(100 + round, ann, 0);
        stores[0].begin(&begun).await.unwrap();
        let rotations = (0..32).map(|number| stores[number % 2].sessions.rotate(begun.id, 0, terms(60)));
        let mut heads = 0;
        for rotation in join_all(rotations).await {
            match rotation.unwrap().unwrap() {
                Rotation::Rotated(next) => {
                    heads += 1;
                    assert_eq!(next.counter, 1);
                }
                Rotation::SameSuccessor { counter, .. } => assert_eq!(counter, 1),
                other => panic!("{other:?}"),
            }
        }
        assert_eq!(heads, 1);
    }
}

/// A future that is dropped after it was polled this often, unless it was done before.
async fn polled<T>(times: usize, future: impl Future<Output = T>) -> Option<T> {
    let mut left = times;
    let mut future = std::pin::pin!(future);
    std::future::poll_fn(|context| {
        if let Poll::Ready(done) = future.as_mut().poll(context) {
            return Poll::Ready(Some(done));
        }
        if left == 0 {
            return Poll::Ready(None);
        }
        left -= 1;
        Poll::Pending
    })
    .await
}

/// Half of them stay; the others go at a different moment each.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn threat_52_callers_that_go_away_leave_nothing_half_done() {
    const CALLERS: u128 = 2_000;
    let home = home().await;
    let database = open(config(&home.url())).await;
    let stores = Arc::new(stores_of(&database));
    let mut callers = JoinSet::new();
    for number in 1..=CALLERS {
        let stores = Arc::clone(&stores);
        callers.spawn(async move {
            let account = account(number, &format!("ann{number}@example.com"), None);
            let first = new_session(number, account.account.id, 0);
            let second = new_session(CALLERS + number, account.account.id, 5);
            let call = async {
                stores.keep(&account, &first).await.unwrap();
                stores.begin(&second).await.unwrap();
                stores.sessions.rotate(second.id, 0, terms(60)).await.unwrap();
                stores.end(&first, at(61)).await.unwrap();
            };
            let polls = if number.is_multiple_of(2) {
                usize::MAX
            } else {
                usize::try_from(number * 7_919 % 13).unwrap()
            };
            polled(polls, call).await.is_some()
        });
        if callers.len() == 200 {
            callers.join_next().await;
        }
    }
    callers.join_all().await;
    assert_eq!(database.stats().busy, 0);
    database.close().await;
    let looker = session(&home.url()).await;
    let number = async |query: &str| looker.query_one(query, &[]).await.unwrap().get::<_, i64>(0);
    let open = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() \
        AND backend_type = 'client backend' AND pid <> pg_backend_pid()";
    // A process of PostgreSQL lives for a moment longer than the connection that it served.
    let gone = async {
        while number(open).await > 0 {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    let gone = tokio::time::timeout(Duration::from_secs(30), gone).await;
    assert!(gone.is_ok(), "somebody is still connected");
    let half = "SELECT count(*) FROM accounts a WHERE NOT EXISTS (SELECT FROM progress_heads h WHERE h.user_id = a.id) \
        OR NOT EXISTS (SELECT FROM sessions s WHERE s.user_id = a.id)";
    assert_eq!(number(half).await, 0, "half of an account");
    let kept = number("SELECT count(*) FROM accounts").await;
    assert!((1_000..=2_000).contains(&kept), "{kept}");
    let done = number("SELECT count(*) FROM sessions WHERE counter = 1").await;
    assert!((1_000..=kept).contains(&done), "{done}");
}
