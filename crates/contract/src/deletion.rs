//! What goes with an account and what remains, and what is said of rows that somebody changed by hand.
//!
//! No port removes an account or breaks a row, so these rules also take what executes SQL behind the stores.

use std::error::Error;

use chrono::Days;
use parlance_domain::idempotency::{Beginning, Fingerprint, GivenAnswer};
use parlance_domain::port::{PortError, PortErrorKind};
use parlance_domain::spending::{Caps, Meter, Spending};

use crate::stores::{Stores, at, user};

/// Makes a test of each rule; the expression makes [`Stores`], and an asynchronous function that executes SQL in their
/// database whatever the checks of its columns say.
#[macro_export]
macro_rules! deletion_contract {
    ($make:expr) => {
        $crate::tests_of_rules!(
            deletion,
            $make,
            [
                the_sums_and_requests_of_a_user_go_with_the_account_and_the_sum_of_all_remains,
                rows_that_break_an_invariant_are_corrupt_and_named,
            ]
        );
    };
}

const ONE: Fingerprint = [1; 32];

fn spending(number: u128, days: u64) -> Spending {
    Spending {
        user: Some(user(number)),
        day: at(0).date_naive() + Days::new(days),
        meter: Meter::Tokens,
        amount: 5,
    }
}

async fn spent(stores: &Stores, number: Option<u128>, days: u64) -> u64 {
    let day = spending(1, days).day;
    let sum = stores.spending.spent(number.map(user), day, Meter::Tokens);
    sum.await.unwrap()
}

async fn begin(stores: &Stores, number: u128) -> Result<Beginning, PortError> {
    let key = "key".parse().unwrap();
    stores.idempotency.begin(user(number), &key, &ONE, at(0)).await
}

/// Two learners who have spent, and sent a request with a key each.
async fn two_learners(stores: &Stores) {
    for number in [1, 2] {
        stores.learner(number).await;
        for days in [0, 1] {
            let spending = spending(number, days);
            stores
                .spending
                .reserve(&spending, &Caps::default())
                .await
                .unwrap();
        }
        assert_eq!(begin(stores, number).await.unwrap(), Beginning::New);
    }
}

/// What is said of a row that is corrupt, with all causes.
fn complaint(error: &PortError) -> String {
    fn told(error: &dyn Error) -> String {
        let cause = error.source().map(told);
        cause.map_or_else(|| error.to_string(), |cause| format!("{error}: {cause}"))
    }
    assert_eq!(error.kind, PortErrorKind::Corrupt);
    told(error)
}

/// And what is given back afterwards is given back to the others.
pub async fn the_sums_and_requests_of_a_user_go_with_the_account_and_the_sum_of_all_remains(
    (stores, execute): &(Stores, impl AsyncFn(&str)),
) {
    two_learners(stores).await;
    execute("DELETE FROM accounts WHERE email = 'learner1@example.com'").await;
    for days in [0, 1] {
        assert_eq!(spent(stores, Some(1), days).await, 0);
        assert_eq!(spent(stores, Some(2), days).await, 5);
        assert_eq!(spent(stores, None, days).await, 10);
    }
    let gone = begin(stores, 1).await.unwrap_err();
    assert_eq!(gone.kind, PortErrorKind::OwnerGone);
    assert_eq!(begin(stores, 2).await.unwrap(), Beginning::InProgress);
    stores.spending.give_back(&spending(1, 0)).await.unwrap();
    assert_eq!(spent(stores, Some(2), 0).await, 5);
    assert_eq!(spent(stores, None, 0).await, 5);
}

/// By table and column, or by whose it is; what is in it is not told.
pub async fn rows_that_break_an_invariant_are_corrupt_and_named(
    (stores, execute): &(Stores, impl AsyncFn(&str)),
) {
    two_learners(stores).await;
    let answer = GivenAnswer {
        status: 200,
        content_type: "canary".to_owned(),
        body: "canary".into(),
    };
    let key = "key".parse().unwrap();
    let finished = stores.idempotency.finish(user(1), &key, &ONE, &answer).await;
    finished.unwrap();
    execute("UPDATE spending SET amount = -1; UPDATE idempotency_keys SET status = 70000").await;

    let day = spending(1, 0).day;
    let sum = stores.spending.spent(Some(user(1)), day, Meter::Tokens).await;
    let said = complaint(&sum.unwrap_err());
    assert!(said.contains("amount") && said.contains("spending"), "{said}");
    let said = complaint(&begin(stores, 1).await.unwrap_err());
    assert!(said.contains("status"), "{said}");
    assert!(said.contains(&user(1).to_string()), "{said}");
    assert!(!said.contains("canary"), "{said}");
}
