//! What goes with an account and what remains.

use chrono::Days;
use diesel::connection::SimpleConnection;
use diesel::{Connection, SqliteConnection};
use parlance_contract::stores::{Stores, at, user};
use parlance_domain::idempotency::Beginning;
use parlance_domain::port::PortErrorKind;
use parlance_domain::spending::{Caps, Meter, Spending};

use crate::support::{Fresh, fresh, stores_of};

/// Two learners who have spent, and sent a request with a key each.
async fn two_learners() -> (Fresh, Stores) {
    let fresh = fresh();
    let stores = stores_of(&fresh.database);
    for number in [1, 2] {
        let id = stores.learner(number).await;
        for days in [0, 1] {
            stores
                .spending
                .reserve(&spending(number, days), &Caps::default())
                .await
                .unwrap();
        }
        let begun = begin(&stores, number).await;
        assert_eq!(begun.unwrap(), Beginning::New, "{id}");
    }
    (fresh, stores)
}

fn spending(number: u128, days: u64) -> Spending {
    Spending {
        user: Some(user(number)),
        day: at(0).date_naive() + Days::new(days),
        meter: Meter::Tokens,
        amount: 5,
    }
}

async fn begin(stores: &Stores, number: u128) -> Result<Beginning, PortErrorKind> {
    let key = "key".parse().unwrap();
    let begun = stores
        .idempotency
        .begin(user(number), &key, &[1; 32], at(0))
        .await;
    begun.map_err(|error| error.kind)
}

fn execute(fresh: &Fresh, sql: &str) {
    let path = fresh.database.path().to_str().unwrap();
    let mut connection = SqliteConnection::establish(path).unwrap();
    connection
        .batch_execute(&format!("PRAGMA foreign_keys = ON; {sql}"))
        .unwrap();
}

#[tokio::test]
async fn the_sums_and_requests_of_a_user_go_with_the_account_and_the_sum_of_all_remains() {
    let (fresh, stores) = two_learners().await;
    execute(
        &fresh,
        "DELETE FROM accounts WHERE email = 'learner1@example.com'",
    );
    let spent = async |number: Option<u128>, days| {
        let day = spending(1, days).day;
        let sum = stores.spending.spent(number.map(user), day, Meter::Tokens);
        sum.await.unwrap()
    };
    for days in [0, 1] {
        assert_eq!(spent(Some(1), days).await, 0);
        assert_eq!(spent(Some(2), days).await, 5);
        assert_eq!(spent(None, days).await, 10);
    }
    assert_eq!(begin(&stores, 1).await, Err(PortErrorKind::OwnerGone));
    assert_eq!(begin(&stores, 2).await, Ok(Beginning::InProgress));
    stores.spending.give_back(&spending(1, 0)).await.unwrap();
    assert_eq!((spent(Some(2), 0).await, spent(None, 0).await), (5, 5));
}

#[tokio::test]
async fn rows_that_break_an_invariant_are_corrupt_and_named() {
    let (fresh, stores) = two_learners().await;
    let tamper = "PRAGMA ignore_check_constraints = ON; UPDATE spending SET amount = -1; \
        UPDATE idempotency_keys SET status = 70000, content_type = 'canary', body = x'00'";
    execute(&fresh, tamper);
    let day = spending(1, 0).day;
    let error = stores
        .spending
        .spent(Some(user(1)), day, Meter::Tokens)
        .await
        .unwrap_err();
    assert_eq!(error.kind, PortErrorKind::Corrupt);
    let cause = error.source.unwrap().to_string();
    assert!(cause.contains("amount") && cause.contains("spending"), "{cause}");
    let key = "key".parse().unwrap();
    let begun = stores.idempotency.begin(user(1), &key, &[1; 32], at(0)).await;
    let error = begun.unwrap_err();
    assert_eq!(error.kind, PortErrorKind::Corrupt);
    let cause = error.source.unwrap().to_string();
    assert!(
        cause.contains("status") && cause.contains(&user(1).to_string()),
        "{cause}"
    );
    assert!(!cause.contains("canary"), "{cause}");
}
