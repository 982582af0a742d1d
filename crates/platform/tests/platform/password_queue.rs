//! How many passwords are hashed and how many wait, when more come than the machine can hash.

use std::future::Future;
use std::pin::Pin;
use std::sync::mpsc;

use futures_util::future::join_all;
use futures_util::poll;
use parlance_domain::accounts::{Password, PasswordHash, PasswordHasher, PasswordHasherError, Verification};
use tokio::runtime::{Builder, Runtime};

use crate::support::hasher;

type Hashing<'a> = Pin<Box<dyn Future<Output = Result<PasswordHash, PasswordHasherError>> + Send + 'a>>;

/// A runtime whose only thread for blocking work is busy until the sender is dropped: nothing is hashed before.
fn held_up() -> (Runtime, mpsc::Sender<()>) {
    let runtime = Builder::new_current_thread()
        .max_blocking_threads(1)
        .build()
        .unwrap();
    let (release, wait) = mpsc::channel::<()>();
    runtime.spawn_blocking(move || wait.recv());
    (runtime, release)
}

fn password() -> Password {
    Password::parse("Abcdefg1").unwrap()
}

#[test]
fn threat_19_beyond_a_bounded_queue_the_answer_is_busy_at_once() {
    let (runtime, release) = held_up();
    let (hasher, password) = (hasher(1, 2), password());
    runtime.block_on(async {
        let mut hashings: Vec<Hashing<'_>> = (0..3).map(|_| hasher.hash(&password)).collect();
        for hashing in &mut hashings {
            assert!(poll!(hashing).is_pending());
        }
        assert_eq!((hasher.in_flight(), hasher.queue_depth()), (1, 2));
        for _ in 0..200 {
            assert!(matches!(
                hasher.hash(&password).await,
                Err(PasswordHasherError::Busy)
            ));
            let verification = hasher.verify(&password, None).await;
            assert!(matches!(verification, Err(PasswordHasherError::Busy)));
        }
        assert_eq!(hasher.rounds(), 0);

        drop(release);
        assert!(join_all(hashings).await.iter().all(Result::is_ok));
        assert_eq!((hasher.in_flight(), hasher.queue_depth()), (0, 0));
        assert_eq!(hasher.rounds(), 3 << 4);
        let verification = hasher.verify(&password, None).await.unwrap();
        assert_eq!(verification, Verification::Mismatch);
    });
}

#[tokio::test(start_paused = true)]
async fn threat_19_as_many_find_room_as_may_be_hashed_or_wait() {
    let hasher = hasher(1, 2);
    let rooms = join_all((0..3).map(|_| hasher.room())).await;
    assert!(rooms.iter().all(Option::is_some));
    assert!(hasher.room().await.is_none());
    drop(rooms);
    assert!(hasher.room().await.is_some());
}

#[test]
fn a_caller_who_is_gone_frees_its_place_and_costs_no_work() {
    let (runtime, release) = held_up();
    let (hasher, password) = (hasher(1, 1), password());
    runtime.block_on(async {
        let mut first = hasher.hash(&password);
        assert!(poll!(&mut first).is_pending());
        let mut gone = hasher.hash(&password);
        assert!(poll!(&mut gone).is_pending());
        assert_eq!(hasher.queue_depth(), 1);

        drop(gone);
        assert_eq!(hasher.queue_depth(), 0);
        let mut next = hasher.hash(&password);
        assert!(poll!(&mut next).is_pending());

        drop(release);
        assert!(first.await.is_ok() && next.await.is_ok());
        assert_eq!(hasher.rounds(), 2 << 4);
    });
}

#[test]
fn a_caller_who_is_gone_while_hashing_keeps_the_turn_until_the_work_is_done() {
    let (runtime, release) = held_up();
    let (hasher, password) = (hasher(1, 1), password());
    runtime.block_on(async {
        let mut gone = hasher.hash(&password);
        assert!(poll!(&mut gone).is_pending());
        drop(gone);
        assert_eq!(hasher.in_flight(), 1);
        let mut next = hasher.hash(&password);
        assert!(poll!(&mut next).is_pending());
        assert_eq!(hasher.queue_depth(), 1);

        drop(release);
        assert!(next.await.is_ok());
        assert_eq!((hasher.in_flight(), hasher.queue_depth()), (0, 0));
    });
}
