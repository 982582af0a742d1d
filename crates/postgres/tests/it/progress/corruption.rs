//! Rows that break an invariant.

use parlance_contract::stores::word_id;
use parlance_domain::port::{PortError, PortErrorKind};
use uuid::Uuid;

use super::confidence;
use crate::support::unguarded;

fn assert_corrupt(error: PortError) {
    assert_eq!(error.kind, PortErrorKind::Corrupt);
    let cause = error.source.unwrap().to_string();
    let id = Uuid::from_u128(3 << 64 | 1).to_string();
    for part in ["progress", "study_count", &id] {
        assert!(cause.contains(part), "{cause}");
    }
}

#[tokio::test]
async fn a_row_that_breaks_an_invariant_is_corrupt_and_named() {
    let (stores, tamper) = unguarded().await;
    let user = stores.learner(1).await;
    let progress = &stores.progress;
    progress.append(user, &confidence(1, 1, 0.5)).await.unwrap();
    tamper("UPDATE progress SET study_count = NULL").await;
    assert_corrupt(progress.by_word(user, &word_id("w1")).await.unwrap_err());
    assert_corrupt(progress.list(user, None, None).await.unwrap_err());
    assert_corrupt(progress.changes(user, 0, 10).await.unwrap_err());
}
