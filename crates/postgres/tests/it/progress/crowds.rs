//! Many callers at one copy: some go away, some are too many.

use std::collections::BTreeSet;
use std::future::poll_fn;
use std::pin::pin;
use std::sync::Arc;
use std::task::Poll;

use futures_util::future::join_all;
use parlance_domain::ids::UserId;
use parlance_domain::port::PortErrorKind;
use parlance_domain::progress::ProgressStore;
use parlance_postgres::PgConfig;
use tokio::task::JoinSet;

use super::{appending, assert_all_is_quiet, confidence, hold_events, kept, kind, review, reviews, scene};
use crate::support::{backend_waiting_for_a_lock, eventually, session};

/// A future that is dropped after it was polled this often, unless it was done before.
async fn polled<T>(times: usize, future: impl Future<Output = T>) -> Option<T> {
    let mut left = times;
    let mut future = pin!(future);
    poll_fn(|context| {
        if let Poll::Ready(done) = future.as_mut().poll(context) {
            return Poll::Ready(Some(done));
        }
        if left == 0 {
            return Poll::Ready(None);
        }
        left -= 1;
        context.waker().wake_by_ref();
        Poll::Pending
    })
    .await
}

/// Each sends two reviews of two words, so that half of one would show.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn threat_52_ten_thousand_callers_that_go_away_leave_nothing_half_done() {
    const USERS: u128 = 40;
    let config = |config| PgConfig {
        queue: 20_000,
        ..config
    };
    let scene = Arc::new(scene(1, USERS, config).await);
    let mut callers = JoinSet::new();
    let mut acknowledged: BTreeSet<(UserId, u128)> = BTreeSet::new();
    for number in 0..10_000_u128 {
        let (copy, user) = (
            scene.copies[0].clone(),
            scene.users[usize::try_from(number % USERS).unwrap()],
        );
        // Few reviews of each word, so that folding late ones again costs little.
        let word = 2 * usize::try_from(number / USERS % 64).unwrap();
        callers.spawn(async move {
            let sent = reviews(vec![review(2 * number, word), review(2 * number + 1, word + 1)]);
            // An eighth stay; the others go at a different moment each, from before it is sent on.
            let stays = number.is_multiple_of(8);
            let polls = usize::try_from(number * 7_919 % 97).unwrap();
            let appending = copy.progress.append(user, &sent);
            let done = if stays {
                Some(appending.await)
            } else {
                polled(polls, appending).await
            };
            done.is_some_and(|appended| appended.is_ok())
                .then_some((user, number))
        });
        if callers.len() == 500 {
            let done = callers.join_next().await;
            acknowledged.extend(done.and_then(Result::unwrap));
        }
    }
    acknowledged.extend(callers.join_all().await.into_iter().flatten());
    // A write that comes behind all others is done when they are.
    let marks = scene.users.iter().map(|user| {
        let copy = &scene.copies[0];
        async move {
            copy.progress
                .append(*user, &reviews(vec![review(50_000, 999)]))
                .await
        }
    });
    assert!(join_all(marks).await.iter().all(Result::is_ok));
    for user in &scene.users {
        let ids = kept(&scene.copies[0].progress, *user).await.reviews;
        for id in ids.iter().filter(|id| **id < 50_000) {
            assert!(ids.contains(&(id ^ 1)), "half of a submission");
        }
        for (_, number) in acknowledged.iter().filter(|(of, _)| of == user) {
            assert!(ids.contains(&(2 * number)), "an acknowledged write is lost");
        }
    }
    let stats = scene.copies[0].progress.stats();
    assert!(
        stats.abandoned > 0,
        "some went away before theirs was begun: {stats:?}"
    );
    assert_eq!((stats.connects, stats.groups_retried), (2, 0), "{stats:?}");
    assert_all_is_quiet(&scene).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn threat_60_more_than_may_wait_are_refused_at_once_and_the_others_get_through() {
    let config = |config| PgConfig {
        writers: 1,
        queue: 3,
        ..config
    };
    let scene = scene(1, 5, config).await;
    let copy = &scene.copies[0];
    let (mut blocker, looker) = (session(&scene.home.url()).await, session(&scene.home.url()).await);
    let lock = hold_events(&mut blocker).await;
    let begun = appending(copy, scene.users[0], reviews(vec![review(1, 1)]));
    backend_waiting_for_a_lock(&looker).await;
    let waiting: Vec<_> = (2..5)
        .map(|number| {
            let user = scene.users[usize::try_from(number).unwrap() - 1];
            appending(copy, user, reviews(vec![review(number, 1)]))
        })
        .collect();
    eventually("three were to wait", async || {
        (copy.progress.stats().waiting == 3).then_some(())
    })
    .await;
    let late = reviews(vec![review(9, 1)]);
    let refused = copy.progress.append(scene.users[4], &late).await;
    assert_eq!(kind(refused), PortErrorKind::Unavailable);
    assert_eq!(copy.progress.stats().refused, 1);
    lock.rollback().await.unwrap();
    for appended in join_all(waiting.into_iter().chain([begun])).await {
        assert_eq!(appended.unwrap().unwrap().accepted, 1);
    }
    let appended = copy.progress.append(scene.users[4], &late).await;
    assert_eq!(appended.unwrap().accepted, 1);
    let stats = copy.progress.stats();
    assert_eq!(
        (stats.groups_committed, stats.members_committed),
        (3, 5),
        "what waited went together: {stats:?}"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn who_goes_away_before_the_write_is_begun_writes_nothing() {
    let config = |config| PgConfig { writers: 1, ..config };
    let scene = scene(1, 2, config).await;
    let copy = &scene.copies[0];
    let (mut blocker, looker) = (session(&scene.home.url()).await, session(&scene.home.url()).await);
    let lock = hold_events(&mut blocker).await;
    let begun = appending(copy, scene.users[0], reviews(vec![review(1, 1)]));
    backend_waiting_for_a_lock(&looker).await;
    let gone: Vec<_> = (0..2)
        .map(|index| appending(copy, scene.users[index], reviews(vec![review(5, 5)])))
        .collect();
    eventually("both were to wait", async || {
        (copy.progress.stats().waiting == 2).then_some(())
    })
    .await;
    for gone in gone.into_iter().chain([begun]) {
        gone.abort();
        assert!(gone.await.unwrap_err().is_cancelled());
    }
    lock.rollback().await.unwrap();
    for (user, sent) in [(scene.users[0], vec![1, 7]), (scene.users[1], vec![7])] {
        // In the learner's order, so that what was under way is done when this one is.
        let appended = copy.progress.append(user, &reviews(vec![review(7, 7)])).await;
        assert_eq!(appended.unwrap().accepted, 1);
        let kept = kept(&copy.progress, user).await;
        assert_eq!(kept.reviews, sent.into_iter().collect());
    }
    assert_eq!(copy.progress.stats().abandoned, 2);
    assert_all_is_quiet(&scene).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn what_a_learner_sends_is_written_in_the_order_in_which_it_was_sent() {
    let scene = scene(1, 2, |config| config).await;
    let copy = &scene.copies[0];
    let sent = |user: UserId| async move {
        let sets = (1..=40_u32).map(|number| async move {
            let set = confidence(u128::from(number), 1, f64::from(number) / 100.0);
            copy.progress.append(user, &set).await.unwrap().revision
        });
        join_all(sets).await
    };
    for revisions in join_all(scene.users.iter().map(|user| sent(*user))).await {
        assert_eq!(revisions, (1..=40).collect::<Vec<_>>());
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_closed_database_finishes_what_waits_and_refuses_the_rest() {
    let scene = scene(1, 3, |config| config).await;
    let copy = scene.copies[0].clone();
    let (mut blocker, looker) = (session(&scene.home.url()).await, session(&scene.home.url()).await);
    let lock = hold_events(&mut blocker).await;
    let held: Vec<_> = (0..6)
        .map(|number| {
            let user = scene.users[usize::try_from(number % 3).unwrap()];
            appending(&copy, user, reviews(vec![review(number, 1)]))
        })
        .collect();
    backend_waiting_for_a_lock(&looker).await;
    let closing = tokio::spawn({
        let database = copy.database.clone();
        async move { database.close().await }
    });
    eventually("it was to be closed", async || {
        let last = reviews(vec![review(9, 9)]);
        let refused = copy.progress.append(scene.users[0], &last);
        // One that comes before is done with the others.
        let refused = polled(1, refused).await?.err()?;
        format!("{refused:?}").contains("Closed").then_some(())
    })
    .await;
    lock.rollback().await.unwrap();
    for appended in join_all(held).await {
        assert_eq!(appended.unwrap().unwrap().accepted, 1);
    }
    closing.await.unwrap();
    let query = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() \
        AND application_name = 'parlance'";
    eventually("the connections were to be gone", async || {
        let left: i64 = looker.query_one(query, &[]).await.unwrap().get(0);
        (left == 0).then_some(())
    })
    .await;
}
