//! Nothing is said to be written before it is committed.

use parlance_contract::stores::{Stores, at, session as new_session, user};
use parlance_domain::consequences::Consequences;
use parlance_domain::idempotency::Fingerprint;
use parlance_domain::spending::{Caps, Meter, ReserveError, Spending};
use parlance_testbed::TestDatabase;

use crate::support::{home, open, session, stores_of};

const FINGERPRINT: Fingerprint = [1; 32];

/// Stores with a learner, where whatever writes to one of these tables fails when it is committed: after its rows were sent.
async fn failing_at_the_commit() -> (TestDatabase, Stores) {
    let home = home().await;
    let stores = stores_of(&open(&home.url()).await);
    stores.learner(1).await;
    let fail = "CREATE FUNCTION fail() RETURNS trigger LANGUAGE plpgsql AS \
        $$ BEGIN RAISE EXCEPTION 'lost' USING ERRCODE = '57P01'; END $$";
    let looker = session(&home.url()).await;
    looker.batch_execute(fail).await.unwrap();
    for table in ["spending", "idempotency_keys", "sessions", "audit_entries"] {
        let trigger = format!(
            "CREATE CONSTRAINT TRIGGER fail AFTER INSERT OR UPDATE ON {table} DEFERRABLE INITIALLY DEFERRED \
             FOR EACH ROW EXECUTE FUNCTION fail()"
        );
        looker.batch_execute(&trigger).await.unwrap();
    }
    (home, stores)
}

#[tokio::test]
async fn a_reservation_whose_commit_fails_is_not_made() {
    let (_home, stores) = failing_at_the_commit().await;
    let spending = Spending {
        user: Some(user(1)),
        day: at(0).date_naive(),
        meter: Meter::Characters,
        amount: 5,
    };
    // A first look may put in the sum of all.
    let reserved = stores
        .spending
        .reserve(&spending, &Caps { user: 0, all: 0 })
        .await;
    assert!(matches!(reserved, Err(ReserveError::Port(_))), "{reserved:?}");
    let spent = stores.spending.spent(spending.user, spending.day, spending.meter);
    assert_eq!(spent.await.unwrap(), 0);
}

#[tokio::test]
async fn a_request_whose_commit_fails_is_not_begun() {
    let (_home, stores) = failing_at_the_commit().await;
    let key = "key".parse().unwrap();
    let begun = stores.idempotency.begin(user(1), &key, &FINGERPRINT, at(0)).await;
    assert!(begun.is_err(), "{begun:?}");
}

#[tokio::test]
async fn a_session_whose_commit_fails_is_not_there() {
    let (_home, stores) = failing_at_the_commit().await;
    let session = new_session(10, user(1), 5);
    assert!(stores.begin(&session).await.is_err());
    assert_eq!(stores.sessions.by_id(session.id).await.unwrap(), None);
    let first = new_session(1 << 64 | 0xFFFF, user(1), 0);
    assert!(stores.end(&first, at(9)).await.is_err());
    let nothing = Consequences::default();
    let all = stores.sessions.revoke_all(user(1), None, at(9), &nothing).await;
    assert!(all.is_err(), "{all:?}");
    assert_eq!(stores.sessions.live(user(1), at(9)).await.unwrap().len(), 1);
}
