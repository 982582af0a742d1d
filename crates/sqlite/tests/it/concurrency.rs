//! Many at once: devices that send the same, callers that go away in the middle.

use std::collections::BTreeSet;
use std::sync::Arc;

use diesel::connection::SimpleConnection;
use diesel::{Connection, SqliteConnection};
use futures_util::future::join_all;
use parlance_contract::stores::{Stores, at, word_id};
use parlance_domain::ids::{EventId, ProgressId, UserId};
use parlance_domain::progress::{
    Appended, Change, Changes, DEFAULT_RETENTION, NewReview, ProgressRow, Rating, Submission,
};
use parlance_sqlite::SqliteDatabase;
use tokio::task::JoinSet;
use uuid::Uuid;

use crate::support::{fresh, stores_of};

/// The review of this number; the row that it may begin has an id of the sender's own.
fn review(number: u128, word: usize, sender: u128) -> Change<NewReview> {
    Change {
        word_id: word_id(&format!("w{word}")),
        event_id: EventId(Uuid::from_u128(number)),
        progress_id: ProgressId(Uuid::from_u128(sender << 64 | number)),
        what: NewReview {
            rating: if number.is_multiple_of(3) {
                Rating::Again
            } else {
                Rating::Good
            },
            at: at(i64::try_from(number).unwrap() * 7_919 % 100_000),
            clamped: false,
            duration_ms: None,
            device_id: Some(format!("device {sender}")),
            retention: DEFAULT_RETENTION,
        },
    }
}

async fn append(stores: &Stores, user: UserId, reviews: Vec<Change<NewReview>>) -> Appended {
    let submission = Submission {
        changes: Changes::Reviews(reviews),
        now: at(200_000),
        dry_run: false,
    };
    stores.progress.append(user, &submission).await.unwrap()
}

async fn rows(stores: &Stores, user: UserId) -> Vec<ProgressRow> {
    stores.progress.changes(user, 0, 100_000).await.unwrap()
}

fn studied(rows: &[ProgressRow]) -> u64 {
    let counts = rows.iter().filter_map(|row| row.state.as_ref());
    counts.map(|state| u64::from(state.study_count)).sum()
}

/// Nobody holds the right to write.
fn assert_no_transaction_is_open(database: &SqliteDatabase) {
    let mut other = SqliteConnection::establish(database.path().to_str().unwrap()).unwrap();
    other
        .batch_execute("PRAGMA busy_timeout = 0; BEGIN IMMEDIATE; ROLLBACK")
        .unwrap();
}

/// 50 users with two devices each; both devices know the reviews 20 to 39 of 60 and send in their own order.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn threat_49_two_devices_each_of_50_users_at_once_count_every_review_once() {
    const WORDS: usize = 6;
    let fresh = fresh();
    let stores = Arc::new(stores_of(&fresh.database));
    let mut devices = JoinSet::new();
    for number in 0..50 {
        let user = stores.learner(number).await;
        for device in 0..2_u128 {
            let stores = Arc::clone(&stores);
            devices.spawn(async move {
                let mut numbers: Vec<u128> = if device == 0 {
                    (0..40).collect()
                } else {
                    (20..60).rev().collect()
                };
                numbers.rotate_left(usize::try_from(number).unwrap() % 40);
                let mut answers = Vec::new();
                for some in numbers.chunks(7) {
                    let word = |number: &u128| usize::try_from(*number).unwrap() % WORDS;
                    let reviews = some
                        .iter()
                        .map(|number| review(*number, word(number), device + 1));
                    answers.push(append(&stores, user, reviews.collect()).await);
                }
                (user, answers)
            });
        }
    }
    let mut accepted = std::collections::HashMap::<UserId, u32>::new();
    let mut revisions = std::collections::HashMap::<UserId, Vec<u64>>::new();
    for (user, answers) in devices.join_all().await {
        *accepted.entry(user).or_default() += answers.iter().map(|answer| answer.accepted).sum::<u32>();
        let told = answers.iter().map(|answer| answer.revision);
        revisions.entry(user).or_default().extend(told);
    }
    assert_eq!(accepted.len(), 50);
    let mut states = BTreeSet::new();
    for (user, accepted) in accepted {
        assert_eq!(accepted, 60);
        let rows = rows(&stores, user).await;
        assert_eq!((rows.len(), studied(&rows)), (WORDS, 60));
        let logged = stores.progress.reviews(user, None, 0, 1_000).await.unwrap();
        let ids: BTreeSet<u128> = logged.iter().map(|review| review.id.0.as_u128()).collect();
        assert_eq!((logged.len(), ids), (60, (0..60).collect()));
        let places: Vec<u64> = logged.iter().map(|review| review.position).collect();
        assert_eq!(places, (1..=60).collect::<Vec<_>>());
        let kept: BTreeSet<u64> = rows.iter().map(|row| row.revision).collect();
        assert_eq!(kept.len(), WORDS, "no revision twice");
        assert_eq!(kept.last(), revisions[&user].iter().max());
        let mut of_user: Vec<_> = rows
            .iter()
            .map(|row| format!("{} {:?} {:?}", row.word_id, row.state, row.last))
            .collect();
        of_user.sort();
        states.insert(of_user);
    }
    assert_eq!(states.len(), 1, "the same reviews, the same states");
    assert_no_transaction_is_open(&fresh.database);
}

/// A future that is dropped after it was polled this often, unless it was done before.
async fn polled<T>(times: usize, future: impl Future<Output = T>) -> Option<T> {
    let mut left = times;
    let mut future = std::pin::pin!(future);
    std::future::poll_fn(|context| {
        use std::task::Poll;
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
    const USERS: u128 = 20;
    let fresh = fresh();
    let stores = Arc::new(stores_of(&fresh.database));
    let mut users = Vec::new();
    for number in 0..USERS {
        users.push(stores.learner(number).await);
    }
    let mut callers = JoinSet::new();
    let mut acknowledged: BTreeSet<(UserId, u128)> = BTreeSet::new();
    for number in 0..10_000_u128 {
        let (stores, user) = (
            Arc::clone(&stores),
            users[usize::try_from(number % USERS).unwrap()],
        );
        // Few reviews of each word, so that folding late ones again costs little.
        let word = 2 * usize::try_from(number % 64).unwrap();
        callers.spawn(async move {
            let reviews = vec![review(2 * number, word, 1), review(2 * number + 1, word + 1, 1)];
            // A quarter stay; the others go at a different moment each, from before it is sent on.
            let stays = number.is_multiple_of(4);
            let polls = usize::try_from(number * 7_919 % 97).unwrap();
            let submission = Submission {
                changes: Changes::Reviews(reviews),
                now: at(200_000),
                dry_run: false,
            };
            let appending = stores.progress.append(user, &submission);
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
    let marks = join_all(
        users
            .iter()
            .map(|user| append(&stores, *user, vec![review(50_000, 999, 1)])),
    )
    .await;
    assert_eq!(marks.len(), users.len());
    for user in &users {
        let rows = rows(&stores, *user).await;
        let logged = stores.progress.reviews(*user, None, 0, 10_000).await.unwrap();
        let ids: BTreeSet<u128> = logged.iter().map(|review| review.id.0.as_u128()).collect();
        assert_eq!(ids.len(), logged.len());
        assert_eq!(studied(&rows), logged.len() as u64, "the sums are exact");
        for id in ids.iter().filter(|id| **id < 50_000) {
            assert!(ids.contains(&(id ^ 1)), "half of a submission");
        }
        for (_, number) in acknowledged.iter().filter(|(of, _)| of == user) {
            assert!(ids.contains(&(2 * number)), "an acknowledged write is lost");
        }
    }
    let stats = fresh.database.stats();
    assert!(
        stats.abandoned > 0,
        "some went away before theirs was begun: {stats:?}"
    );
    assert_no_transaction_is_open(&fresh.database);
}
