//! The database refuses what is written, now and then or for good.

use std::time::{Duration, Instant};

use futures_util::future::join_all;
use parlance_domain::port::PortErrorKind;
use parlance_domain::progress::ProgressStore;
use parlance_postgres::PgConfig;
use tokio_postgres::Client;

use super::{appending, assert_all_is_quiet, hold_events, kept, kind, review, reviews, scene};
use crate::support::{backend_waiting_for_a_lock, eventually, session};

/// Lets the database refuse the first so many moves of heads.
async fn refuse_heads(session: &Client, sqlstate: &str, times: u32) {
    let set_up = format!(
        "CREATE SEQUENCE tries; \
         CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN \
           IF nextval('tries') <= {times} THEN RAISE 'could not' USING ERRCODE = '{sqlstate}'; END IF; \
           RETURN new; END $$; \
         CREATE TRIGGER refuse BEFORE UPDATE ON progress_heads FOR EACH ROW EXECUTE FUNCTION refuse()"
    );
    session.batch_execute(&set_up).await.unwrap();
}

async fn tries(session: &Client) -> i64 {
    let query = "SELECT last_value FROM tries";
    session.query_one(query, &[]).await.unwrap().get(0)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn threat_59_a_write_that_loses_against_others_is_tried_three_times() {
    for (sqlstate, times) in [("40001", 2), ("40P01", 2), ("40001", 1_000), ("40P01", 1_000)] {
        let scene = scene(1, 1, |config| PgConfig { writers: 1, ..config }).await;
        let (copy, user) = (&scene.copies[0], scene.users[0]);
        let looker = session(&scene.home.url()).await;
        refuse_heads(&looker, sqlstate, times).await;
        let sent = reviews(vec![review(1, 1), review(2, 2)]);
        let answer = copy.progress.append(user, &sent).await;
        assert_eq!(tries(&looker).await, 3);
        let kept = kept(&copy.progress, user).await;
        if times == 2 {
            assert_eq!(answer.unwrap().accepted, 2);
            assert_eq!(kept.reviews.len(), 2);
        } else {
            assert_eq!(kind(answer), PortErrorKind::Unavailable);
            assert!(kept.reviews.is_empty());
        }
        assert_eq!(
            copy.progress.stats().connects,
            1,
            "the connection is as good as before"
        );
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_write_that_the_database_refuses_takes_no_other_one_of_its_group_along() {
    let config = |config| PgConfig { writers: 1, ..config };
    let scene = scene(1, 9, config).await;
    let copy = &scene.copies[0];
    let (mut blocker, looker) = (session(&scene.home.url()).await, session(&scene.home.url()).await);
    looker
        .batch_execute("ALTER TABLE progress ADD CHECK (word_id <> 'w13')")
        .await
        .unwrap();
    let lock = hold_events(&mut blocker).await;
    let sent = |number: usize, word| {
        let reviews = reviews(vec![review(1, 1), review(2, word)]);
        appending(copy, scene.users[number], reviews)
    };
    let mut held = vec![sent(0, 2)];
    backend_waiting_for_a_lock(&looker).await;
    held.extend((1..8).map(|number| sent(number, if number == 5 { 13 } else { 2 })));
    eventually("they were to wait together", async || {
        (copy.progress.stats().waiting == 7).then_some(())
    })
    .await;
    lock.rollback().await.unwrap();
    for (number, answer) in join_all(held).await.into_iter().enumerate() {
        let answer = answer.unwrap();
        let reviews = kept(&copy.progress, scene.users[number]).await.reviews;
        if number == 5 {
            assert_eq!(kind(answer), PortErrorKind::Unexpected);
            assert!(reviews.is_empty(), "half of it was kept");
        } else {
            assert_eq!(answer.unwrap().accepted, 2);
            assert_eq!(reviews, [1, 2].into());
        }
    }
    let stats = copy.progress.stats();
    assert_eq!(
        (stats.groups_retried, stats.members_committed),
        (1, 7),
        "{stats:?}"
    );
    // The learner can go on.
    let other = copy
        .progress
        .append(scene.users[5], &reviews(vec![review(1, 1)]))
        .await;
    assert_eq!(other.unwrap().revision, 1);
    assert_all_is_quiet(&scene).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_learner_whose_head_is_held_waits_in_vain_and_nobody_else_waits() {
    let config = |config| PgConfig {
        writers: 1,
        statement_timeout: Duration::from_secs(2),
        ..config
    };
    let scene = scene(1, 2, config).await;
    let (copy, held, free) = (&scene.copies[0], scene.users[0], scene.users[1]);
    let mut blocker = session(&scene.home.url()).await;
    let lock = blocker.transaction().await.unwrap();
    let statement = format!("SELECT FROM progress_heads WHERE user_id = '{held}' FOR UPDATE");
    lock.batch_execute(&statement).await.unwrap();
    let begun = Instant::now();
    let waiting = appending(copy, held, reviews(vec![review(1, 1)]));
    let mut written = 0;
    while !waiting.is_finished() {
        written += 1;
        let sent = reviews(vec![review(written, 1)]);
        copy.progress.append(free, &sent).await.unwrap();
    }
    assert!(written > 3, "the other learner waited as well");
    assert_eq!(kind(waiting.await.unwrap()), PortErrorKind::Unavailable);
    assert!(begun.elapsed() < Duration::from_secs(20), "{:?}", begun.elapsed());
    let stats = copy.progress.stats();
    assert!(stats.conflicts > 3 && stats.expired == 1, "{stats:?}");
    lock.rollback().await.unwrap();
    let again = copy.progress.append(held, &reviews(vec![review(1, 1)])).await;
    assert_eq!(again.unwrap().accepted, 1);
    assert_all_is_quiet(&scene).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_table_that_is_held_lets_writes_fail_in_time_and_recover() {
    let config = |config| PgConfig {
        statement_timeout: Duration::from_secs(2),
        lock_timeout: Duration::from_millis(300),
        ..config
    };
    let scene = scene(1, 20, config).await;
    let copy = &scene.copies[0];
    for table in ["progress_heads", "progress_events", "progress"] {
        let mut blocker = session(&scene.home.url()).await;
        let lock = blocker.transaction().await.unwrap();
        let statement = format!("LOCK TABLE {table} IN ACCESS EXCLUSIVE MODE");
        lock.batch_execute(&statement).await.unwrap();
        let begun = Instant::now();
        let sent = scene.users.iter();
        let sent: Vec<_> = sent
            .map(|user| appending(copy, *user, reviews(vec![review(1, 1)])))
            .collect();
        for answer in join_all(sent).await {
            assert_eq!(kind(answer.unwrap()), PortErrorKind::Unavailable, "{table}");
        }
        assert!(begun.elapsed() < Duration::from_secs(20), "{:?}", begun.elapsed());
        lock.rollback().await.unwrap();
    }
    for user in &scene.users {
        let again = copy.progress.append(*user, &reviews(vec![review(1, 1)])).await;
        assert_eq!(again.unwrap().accepted, 1, "what failed left nothing");
    }
    assert_all_is_quiet(&scene).await;
}
