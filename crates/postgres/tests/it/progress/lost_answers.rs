//! The connection breaks while a write is under way, so that nobody says whether it was committed.

use std::sync::Arc;
use std::time::Duration;

use parlance_contract::stores::word_id;
use parlance_domain::ids::{EventId, ProgressId, UserId};
use parlance_domain::port::PortErrorKind;
use parlance_domain::progress::{
    AppendError, Appended, Change, Changes, NewSet, Precondition, ProgressStore, Revisions, Submission,
};
use parlance_postgres::PgConfig;
use parlance_testbed::TestDatabase;
use tokio::task::JoinHandle;
use tokio_postgres::Client;
use uuid::Uuid;

use super::{Copy, appending, confidence, hold_events, kept, kind, learners_of, review, reviews, submission};
use crate::proxy::{Harm, Proxy};
use crate::support::{backend_waiting_for_a_lock, config, eventually, home, session};

/// A copy behind a proxy, with one writer, and a learner who has reviewed the word 1.
struct Scene {
    proxy: Proxy,
    copy: Copy,
    /// Another copy, which nothing is in the way of.
    other: Copy,
    user: UserId,
    looker: Client,
    home: TestDatabase,
}

async fn scene(adjust: impl FnOnce(PgConfig) -> PgConfig) -> Scene {
    let home = home().await;
    let proxy = Proxy::start(&home.url()).await;
    let behind = PgConfig {
        writers: 1,
        ..config(&proxy.url(&home.url()))
    };
    let copy = Copy::open(adjust(behind)).await;
    let user = learners_of(&copy.database, 1).await[0];
    let first = reviews(vec![review(1, 1)]);
    copy.progress.append(user, &first).await.unwrap();
    Scene {
        proxy,
        copy,
        other: Copy::open(config(&home.url())).await,
        user,
        looker: session(&home.url()).await,
        home,
    }
}

impl Scene {
    /// Lets the copy lose its connection, and try to make another one.
    async fn cut_off(&self) {
        let before = self.copy.progress.stats().connects;
        self.proxy.harm(Harm::CutOff);
        eventually("the connection was to be missed", async || {
            (self.copy.progress.stats().connects > before).then_some(())
        })
        .await;
        self.proxy.harm(Harm::None);
    }

    /// Sends something that is committed without the copy being told.
    async fn send_and_lose_the_answer(
        &self,
        submission: Submission,
    ) -> JoinHandle<Result<Appended, AppendError>> {
        let mut blocker = session(&self.home.url()).await;
        let lock = hold_events(&mut blocker).await;
        let before = self.events().await;
        let sent = appending(&self.copy, self.user, submission);
        backend_waiting_for_a_lock(&self.looker).await;
        self.proxy.harm(Harm::LoseAnswers);
        lock.rollback().await.unwrap();
        eventually("it was to be committed", async || {
            (self.events().await > before).then_some(())
        })
        .await;
        assert!(!sent.is_finished());
        sent
    }

    async fn events(&self) -> i64 {
        let query = "SELECT count(*) FROM progress_events";
        self.looker.query_one(query, &[]).await.unwrap().get(0)
    }
}

async fn answered(sent: JoinHandle<Result<Appended, AppendError>>) -> Appended {
    sent.await.unwrap().unwrap()
}

/// Fixes the confidence of the word 1, if it is of this revision.
fn set_if(revision: u64) -> Submission {
    submission(Changes::Sets(vec![Change {
        word_id: word_id("w1"),
        event_id: EventId(Uuid::from_u128(77)),
        progress_id: ProgressId(Uuid::from_u128(78)),
        what: NewSet {
            confidence: Some(0.75),
            precondition: only_if(revision),
            ..NewSet::default()
        },
    }]))
}

fn only_if(revision: u64) -> Precondition {
    Precondition {
        if_match: Some(Revisions::OneOf(vec![revision])),
        if_none_match: None,
    }
}

fn forget_if(revision: u64) -> Submission {
    submission(Changes::Forget(Change {
        word_id: word_id("w1"),
        event_id: EventId(Uuid::from_u128(79)),
        progress_id: ProgressId(Uuid::from_u128(80)),
        what: only_if(revision),
    }))
}

/// Decided on again, none of them would have the same answer: the reviews would be duplicates, the set would miss
/// the revision on which it insists, the word could not be forgotten twice.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn fault_10_who_sent_what_was_committed_is_told_so_although_the_answer_was_lost() {
    let scene = scene(|config| config).await;
    let twice = reviews(vec![review(2, 2), review(3, 3), review(2, 2)]);
    let sent = scene.send_and_lose_the_answer(twice).await;
    scene.cut_off().await;
    let appended = answered(sent).await;
    assert_eq!((appended.accepted, appended.duplicates), (2, 1));
    assert_eq!((appended.revision, appended.rows.len()), (3, 2));

    let sent = scene.send_and_lose_the_answer(set_if(1)).await;
    // Others go on meanwhile, so that the learner's log does not end where the write left it.
    let meanwhile = reviews(vec![review(4, 4)]);
    let others = scene.other.progress.append(scene.user, &meanwhile).await.unwrap();
    assert_eq!(others.revision, 5);
    scene.cut_off().await;
    let appended = answered(sent).await;
    assert_eq!(appended.revision, 4);
    assert_eq!(appended.rows[0].revision, 4);

    let sent = scene.send_and_lose_the_answer(forget_if(4)).await;
    scene.cut_off().await;
    assert_eq!(answered(sent).await.revision, 6);

    assert_eq!(scene.events().await, 6);
    let stats = scene.copy.progress.stats();
    assert_eq!((stats.conflicts, stats.groups_retried), (0, 0), "{stats:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn fault_10_a_write_that_goes_on_in_the_server_and_its_repetition_take_effect_once() {
    let scene = scene(|config| config).await;
    let mut blocker = session(&scene.home.url()).await;
    let lock = hold_events(&mut blocker).await;
    let sent = appending(&scene.copy, scene.user, reviews(vec![review(2, 2), review(3, 3)]));
    let first = backend_waiting_for_a_lock(&scene.looker).await;
    // The server hears nothing of it: the statement goes on waiting, and holds the head.
    scene.cut_off().await;
    eventually(
        "it was to be sent again, past the head that is held",
        async || (scene.copy.progress.stats().conflicts > 2).then_some(()),
    )
    .await;
    assert_eq!(backend_waiting_for_a_lock(&scene.looker).await, first);
    lock.rollback().await.unwrap();
    let appended = answered(sent).await;
    assert_eq!((appended.accepted, appended.revision), (2, 3));
    let kept = kept(&scene.copy.progress, scene.user).await;
    assert_eq!(kept.reviews, [1, 2, 3].into());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_write_whose_connection_is_killed_before_it_is_committed_is_sent_again() {
    let scene = scene(|config| config).await;
    let mut blocker = session(&scene.home.url()).await;
    let lock = hold_events(&mut blocker).await;
    let sent = appending(&scene.copy, scene.user, confidence(1, 1, 0.5));
    let first = backend_waiting_for_a_lock(&scene.looker).await;
    let kill = "SELECT pg_terminate_backend($1)";
    scene.looker.query_one(kill, &[&first]).await.unwrap();
    eventually("it was to be sent again", async || {
        (backend_waiting_for_a_lock(&scene.looker).await != first).then_some(())
    })
    .await;
    lock.rollback().await.unwrap();
    assert_eq!(answered(sent).await.revision, 2);
    assert_eq!(scene.events().await, 2);
}

/// Whoever cannot be told in time is told that it is not known, not that it failed.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn fault_09_a_server_that_falls_silent_in_the_middle_of_a_write_is_not_waited_for() {
    let scene = scene(|config| PgConfig {
        statement_timeout: Duration::from_secs(3),
        connect_timeout: Duration::from_secs(1),
        ..config
    })
    .await;
    let sent = scene.send_and_lose_the_answer(reviews(vec![review(2, 2)])).await;
    // Those that come later are not begun, and are told so.
    let later = Arc::new(reviews(vec![review(3, 3)]));
    let later = tokio::spawn({
        let (progress, user) = (scene.copy.progress.clone(), scene.user);
        async move { progress.append(user, &later).await }
    });
    assert_eq!(kind(sent.await.unwrap()), PortErrorKind::Timeout);
    assert_eq!(kind(later.await.unwrap()), PortErrorKind::Unavailable);
    scene.proxy.harm(Harm::CutOff);
    scene.proxy.harm(Harm::None);
    // The first was committed after all; sent again, it is known.
    let again = eventually("the copy was to recover", async || {
        let again = reviews(vec![review(2, 2), review(3, 3)]);
        scene.copy.progress.append(scene.user, &again).await.ok()
    })
    .await;
    assert_eq!((again.accepted, again.duplicates), (1, 1));
    let kept = kept(&scene.copy.progress, scene.user).await;
    assert_eq!(kept.reviews, [1, 2, 3].into());
}
