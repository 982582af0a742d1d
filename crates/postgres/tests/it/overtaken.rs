//! Others write to the sums and the keys that a statement is about, behind its snapshot.

use std::sync::Arc;

use futures_util::future::join_all;
use parlance_contract::stores::{Stores, at, user};
use parlance_domain::idempotency::{Beginning, GivenAnswer};
use parlance_domain::spending::{Caps, Meter, ReserveError, Spending};
use parlance_testbed::TestDatabase;
use tokio::task::JoinHandle;
use tokio_postgres::Client;

use crate::support::{backend_waiting_for_a_lock, home, open, session, stores_of};

const CAPS: Caps = Caps { user: 10, all: 100 };

/// What a learner who has spent 3 of 10 wants to spend.
fn five() -> Spending {
    Spending {
        user: Some(user(1)),
        day: at(0).date_naive(),
        meter: Meter::Tokens,
        amount: 5,
    }
}

/// A learner, the stores, somebody who gets in the way, and somebody who looks.
struct Scene {
    stores: Arc<Stores>,
    other: Client,
    looker: Client,
    _home: TestDatabase,
}

async fn scene() -> Scene {
    let home = home().await;
    let stores = stores_of(&open(&home.url()).await);
    stores.learner(1).await;
    Scene {
        stores: Arc::new(stores),
        other: session(&home.url()).await,
        looker: session(&home.url()).await,
        _home: home,
    }
}

/// The learner has spent 3.
async fn scene_with_sums() -> Scene {
    let scene = scene().await;
    let three = Spending { amount: 3, ..five() };
    scene.stores.spending.reserve(&three, &CAPS).await.unwrap();
    scene
}

/// Somebody who waits.
type Waiting = JoinHandle<Result<(), ReserveError>>;

fn reserve(scene: &Scene) -> Waiting {
    let stores = Arc::clone(&scene.stores);
    tokio::spawn(async move { stores.spending.reserve(&five(), &CAPS).await })
}

async fn sums(scene: &Scene) -> (u64, u64) {
    let spent = async |user| {
        let Spending { day, meter, .. } = five();
        scene.stores.spending.spent(user, day, meter).await.unwrap()
    };
    (spent(five().user).await, spent(None).await)
}

fn begin(scene: &Scene) -> JoinHandle<Beginning> {
    let stores = Arc::clone(&scene.stores);
    tokio::spawn(async move {
        let key = "key".parse().unwrap();
        let begun = stores.idempotency.begin(user(1), &key, &[1; 32], at(0)).await;
        begun.unwrap()
    })
}

/// What somebody does within a transaction while another waits for it.
async fn meanwhile<T>(scene: &Scene, sql: &str, start: impl FnOnce(&Scene) -> JoinHandle<T>) -> T {
    let begin = format!("BEGIN; {sql}");
    scene.other.batch_execute(&begin).await.unwrap();
    let waiting = start(scene);
    backend_waiting_for_a_lock(&scene.looker).await;
    scene.other.batch_execute("COMMIT").await.unwrap();
    waiting.await.unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn threat_48_who_waited_for_the_sum_of_all_sees_what_was_added() {
    let scene = scene_with_sums().await;
    let full = "UPDATE spending_total SET amount = 96";
    let refused = meanwhile(&scene, full, reserve).await;
    assert!(matches!(refused, Err(ReserveError::AllSpent)), "{refused:?}");
    assert_eq!(sums(&scene).await, (3, 96));
    let room = "UPDATE spending_total SET amount = 95";
    meanwhile(&scene, room, reserve).await.unwrap();
    assert_eq!(sums(&scene).await, (8, 100));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn threat_48_who_waited_for_the_sum_of_the_user_sees_what_was_added() {
    let scene = scene_with_sums().await;
    let full = "UPDATE spending SET amount = 6";
    let refused = meanwhile(&scene, full, reserve).await;
    assert!(matches!(refused, Err(ReserveError::UserSpent)), "{refused:?}");
    assert_eq!(sums(&scene).await, (6, 3));
    let room = "UPDATE spending SET amount = 5";
    meanwhile(&scene, room, reserve).await.unwrap();
    assert_eq!(sums(&scene).await, (10, 8));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn threat_48_of_two_first_reservations_the_second_sees_the_first() {
    let scene = scene().await;
    let Spending { day, .. } = five();
    let first = format!("INSERT INTO spending_total VALUES ('{day}', 'tokens', 96)");
    let refused = meanwhile(&scene, &first, reserve).await;
    assert!(matches!(refused, Err(ReserveError::AllSpent)), "{refused:?}");
    assert_eq!(sums(&scene).await, (0, 96));
    scene
        .other
        .batch_execute("UPDATE spending_total SET amount = 0")
        .await
        .unwrap();
    let first = format!(
        "INSERT INTO spending VALUES ('{}', '{day}', 'tokens', 6)",
        user(1)
    );
    let refused = meanwhile(&scene, &first, reserve).await;
    assert!(matches!(refused, Err(ReserveError::UserSpent)), "{refused:?}");
    assert_eq!(sums(&scene).await, (6, 0));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn threat_59_whoever_waits_for_the_sum_of_all_holds_no_other() {
    let scene = scene_with_sums().await;
    let lock = "BEGIN; SELECT FROM spending_total FOR UPDATE";
    let give_back = |scene: &Scene| {
        let stores = Arc::clone(&scene.stores);
        tokio::spawn(async move {
            let given = stores.spending.give_back(&five()).await;
            given.map_err(ReserveError::from)
        })
    };
    let starts: [fn(&Scene) -> Waiting; 2] = [reserve, give_back];
    for start in starts {
        scene.other.batch_execute(lock).await.unwrap();
        let waiting = start(&scene);
        backend_waiting_for_a_lock(&scene.looker).await;
        let free = "SELECT FROM spending FOR UPDATE NOWAIT";
        assert_eq!(scene.looker.query(free, &[]).await.unwrap().len(), 1);
        scene.other.batch_execute("COMMIT").await.unwrap();
        waiting.await.unwrap().unwrap();
    }
    assert_eq!(sums(&scene).await, (3, 3));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn threat_48_sixteen_copies_exceed_no_cap() {
    let home = home().await;
    let url = home.url();
    let copies = join_all((0..16).map(|_| open(&url))).await;
    let stores: Vec<Stores> = copies.iter().map(stores_of).collect();
    for number in 1..=16 {
        stores[0].learner(number).await;
    }
    let caps = Caps { user: 9, all: 50 };
    for days in 0..8 {
        let day = at(86_400 * days).date_naive();
        let wants = stores.iter().zip(1..).flat_map(|(store, number)| {
            // Half of the calls of a copy are for a user of its own, the others for one of all copies.
            [number, 1, number, 1].map(|number| (Arc::clone(&store.spending), number))
        });
        let calls = wants.map(|(store, number)| {
            let want = Spending {
                user: Some(user(number)),
                day,
                amount: 4,
                ..five()
            };
            tokio::spawn(async move { store.reserve(&want, &caps).await.is_ok() })
        });
        let calls: Vec<_> = calls.collect();
        let granted = join_all(calls)
            .await
            .into_iter()
            .filter(|call| *call.as_ref().unwrap());
        assert_eq!(granted.count(), 12);
        let mut of_users = 0;
        for number in 1..=16 {
            let sum = stores[0].spending.spent(Some(user(number)), day, Meter::Tokens);
            let sum = sum.await.unwrap();
            assert!(sum <= 8, "{number}: {sum}");
            of_users += sum;
        }
        let of_all = stores[0].spending.spent(None, day, Meter::Tokens);
        assert_eq!((of_users, of_all.await.unwrap()), (48, 48));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn threat_48_who_waited_for_a_request_sees_what_came_of_it() {
    let scene = scene().await;
    let insert = |fingerprint: &str, answer: &str| {
        format!(
            "INSERT INTO idempotency_keys VALUES ('{}', 'key', '{fingerprint}', '{}', {answer}) \
             ON CONFLICT (user_id, key) DO UPDATE SET fingerprint = excluded.fingerprint, \
               begun_at = excluded.begun_at, status = excluded.status, content_type = excluded.content_type, \
               body = excluded.body",
            user(1),
            at(0)
        )
    };
    let (same, other) = (
        format!("\\x{}", "01".repeat(32)),
        format!("\\x{}", "02".repeat(32)),
    );
    let answered = "200, 'text/plain', 'new'";
    let done = Beginning::Done(GivenAnswer {
        status: 200,
        content_type: "text/plain".to_owned(),
        body: "new".into(),
    });
    for (sql, expected) in [
        (insert(&same, "NULL, NULL, NULL"), Beginning::InProgress),
        (insert(&other, "NULL, NULL, NULL"), Beginning::Reused),
        (insert(&same, answered), done),
    ] {
        // Whether nothing was there before, or something that is over.
        for before in ["0 seconds", "2 days"] {
            assert_eq!(meanwhile(&scene, &sql, begin).await, expected, "{before}");
            let age = if before == "0 seconds" {
                "UPDATE idempotency_keys SET begun_at = begun_at - INTERVAL '2 days', status = 200, \
                   content_type = 'text/plain', body = 'old'"
            } else {
                "DELETE FROM idempotency_keys"
            };
            scene.other.batch_execute(age).await.unwrap();
        }
    }
    let there = insert(&same, "NULL, NULL, NULL");
    scene.other.batch_execute(&there).await.unwrap();
    let abandoned = "DELETE FROM idempotency_keys";
    // Whoever begins waits for one who forgets it only if it is over.
    scene
        .other
        .batch_execute("UPDATE idempotency_keys SET begun_at = begun_at - INTERVAL '1 minute'")
        .await
        .unwrap();
    assert_eq!(meanwhile(&scene, abandoned, begin).await, Beginning::New);
}
