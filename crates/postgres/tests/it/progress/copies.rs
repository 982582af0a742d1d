//! Several copies of the program write for the same learners.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use parlance_domain::progress::{ProgressRow, ProgressStore};
use tokio::task::JoinSet;

use super::{Copy, Kept, Scene, assert_all_is_quiet, kept, review, reviews, scene};

/// 50 users with two devices each, each device at another copy; both know the reviews 20 to 39 of 60 and send in their
/// own order.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn threat_49_devices_at_different_copies_count_every_review_once() {
    const WORDS: usize = 6;
    let scene = scene(2, 50, |config| config).await;
    let mut devices = JoinSet::new();
    for (number, user) in scene.users.iter().copied().enumerate() {
        for (device, copy) in scene.copies.iter().cloned().enumerate() {
            devices.spawn(async move {
                let mut numbers: Vec<u128> = if device == 0 {
                    (0..40).collect()
                } else {
                    (20..60).rev().collect()
                };
                numbers.rotate_left(number % 40);
                let (mut accepted, mut revisions) = (0, Vec::new());
                for some in numbers.chunks(7) {
                    let word = |number: &u128| usize::try_from(*number).unwrap() % WORDS;
                    let some = some.iter().map(|number| review(*number, word(number)));
                    let appended = copy.progress.append(user, &reviews(some.collect())).await;
                    let appended = appended.unwrap();
                    accepted += appended.accepted;
                    revisions.push(appended.revision);
                }
                (user, accepted, revisions)
            });
        }
    }
    let mut accepted = BTreeMap::<_, u32>::new();
    let mut told = BTreeMap::<_, u64>::new();
    for (user, some, revisions) in devices.join_all().await {
        *accepted.entry(user).or_default() += some;
        let last = told.entry(user).or_default();
        *last = revisions.into_iter().fold(*last, u64::max);
    }
    let mut states = BTreeSet::new();
    for user in &scene.users {
        assert_eq!(accepted[user], 60);
        let Kept {
            rows,
            reviews,
            revision,
        } = kept(&scene.copies[0].progress, *user).await;
        assert_eq!(reviews, (0..60).collect());
        assert_eq!((rows.len(), revision), (WORDS, told[user]));
        let mut of_user: Vec<_> = rows
            .iter()
            .map(|row| format!("{} {:?} {:?}", row.word_id, row.state, row.last))
            .collect();
        of_user.sort();
        states.insert(of_user);
    }
    assert_eq!(states.len(), 1, "the same reviews, the same states");
    assert_all_is_quiet(&scene).await;
}

/// What somebody who follows the change feed knows.
#[derive(Default)]
struct Follower {
    cursor: u64,
    rows: BTreeMap<String, ProgressRow>,
}

impl Follower {
    /// Asks for what is new; whether there was anything.
    async fn poll(&mut self, copy: &Copy, user: parlance_domain::ids::UserId) -> bool {
        let page = copy.progress.changes(user, self.cursor, 3).await.unwrap();
        for row in &page {
            assert!(row.revision > self.cursor, "not in order of revision");
            self.cursor = row.revision;
            self.rows.insert(row.word_id.to_string(), row.clone());
        }
        !page.is_empty()
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn who_follows_the_change_feed_while_two_copies_write_misses_nothing() {
    const USERS: u128 = 4;
    let scene = Arc::new(scene(2, USERS, |config| config).await);
    let is_done = Arc::new(AtomicBool::new(false));
    let mut followers = JoinSet::new();
    for (index, user) in scene.users.iter().copied().enumerate() {
        let (scene, is_done) = (Arc::clone(&scene), Arc::clone(&is_done));
        followers.spawn(async move {
            let mut follower = Follower::default();
            let copy = &scene.copies[index % 2];
            loop {
                let was_done = is_done.load(Ordering::SeqCst);
                let mut is_news = false;
                while follower.poll(copy, user).await {
                    is_news = true;
                }
                if was_done && !is_news {
                    return (user, follower);
                }
                tokio::task::yield_now().await;
            }
        });
    }
    let mut writers = JoinSet::new();
    for writer in 0..16_u128 {
        let scene = Arc::clone(&scene);
        writers.spawn(async move {
            let copy = &scene.copies[usize::try_from(writer).unwrap() / 8];
            for round in 0..12_u128 {
                let user = scene.users[usize::try_from((writer + round) % USERS).unwrap()];
                let number = writer * 100 + round * 2;
                let word = usize::try_from(number % 10).unwrap();
                let sent = vec![review(number, word), review(number + 1, word + 1)];
                copy.progress.append(user, &reviews(sent)).await.unwrap();
            }
        });
    }
    writers.join_all().await;
    is_done.store(true, Ordering::SeqCst);
    for (user, follower) in followers.join_all().await {
        let rows = kept(&scene.copies[1].progress, user).await.rows;
        let rows: BTreeMap<String, ProgressRow> = rows
            .into_iter()
            .map(|row| (row.word_id.to_string(), row))
            .collect();
        assert_eq!(follower.rows, rows);
    }
    assert_all_is_quiet(&scene).await;
}

/// 50 writers at two copies, each for two learners in turn, half of them in the other order.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn fault_13_fifty_writers_that_cross_on_two_learners_all_get_through() {
    const ROUNDS: u128 = 6;
    let scene = Arc::new(scene(2, 2, |config| config).await);
    let mut writers = JoinSet::new();
    for writer in 0..50_u128 {
        let scene = Arc::clone(&scene);
        writers.spawn(async move {
            let copy = &scene.copies[usize::try_from(writer).unwrap() % 2];
            let mut longest = Duration::ZERO;
            for round in 0..ROUNDS {
                let user = scene.users[usize::try_from((writer / 2 + round) % 2).unwrap()];
                let number = writer * 100 + round;
                let sent = vec![review(number, usize::try_from(writer % 25).unwrap())];
                let begun = Instant::now();
                let appended = copy.progress.append(user, &reviews(sent)).await.unwrap();
                assert_eq!(appended.accepted, 1);
                longest = longest.max(begun.elapsed());
            }
            longest
        });
    }
    let longest = writers.join_all().await.into_iter().max().unwrap_or_default();
    // Far above what it takes, far below what a writer takes who never gets a turn.
    assert!(
        longest < Duration::from_secs(10),
        "somebody waited for {longest:?}"
    );
    let mut all = 0;
    for user in &scene.users {
        all += kept(&scene.copies[0].progress, *user).await.reviews.len();
    }
    assert_eq!(all as u128, 50 * ROUNDS);
    assert_all_is_quiet(&scene).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn what_waits_while_others_are_written_goes_together() {
    let Scene { home, copies, users } = scene(1, 200, |config| config).await;
    let mut writers = JoinSet::new();
    for (number, user) in (0..).zip(users) {
        let copy = copies[0].clone();
        writers.spawn(async move {
            copy.progress
                .append(user, &reviews(vec![review(number, 1)]))
                .await
        });
    }
    assert!(writers.join_all().await.iter().all(Result::is_ok));
    let stats = copies[0].progress.stats();
    assert_eq!(stats.members_committed, 200);
    assert!(stats.groups_committed < 100, "{stats:?}");
    assert_eq!((stats.conflicts, stats.groups_retried, stats.waiting), (0, 0, 0));
    drop(home);
}
