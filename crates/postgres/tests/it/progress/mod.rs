//! Writes of progress: many at once, from several copies, while things break.

mod copies;
mod corruption;
mod crowds;
mod faults;
mod lost_answers;
mod refusals;
mod statements;

use std::collections::{BTreeMap, BTreeSet};

use parlance_contract::stores::{at, word_id};
use parlance_domain::ids::{EventId, ProgressId, UserId};
use parlance_domain::port::PortErrorKind;
use parlance_domain::progress::{
    AppendError, Appended, Change, Changes, DEFAULT_RETENTION, NewReview, NewSet, ProgressRow, ProgressStore,
    Rating, Submission,
};
use parlance_postgres::{PgConfig, PgDatabase, PgProgress};
use parlance_testbed::TestDatabase;
use tokio_postgres::{Client, Transaction};
use uuid::Uuid;

use crate::support::{config, home, stores_of};

/// A database with learners, opened by as many copies of the program as are wanted.
pub(super) struct Scene {
    pub(super) home: TestDatabase,
    pub(super) copies: Vec<Copy>,
    pub(super) users: Vec<UserId>,
}

/// The progress as one copy of the program has it.
#[derive(Clone)]
pub(super) struct Copy {
    pub(super) database: PgDatabase,
    pub(super) progress: PgProgress,
}

impl Copy {
    pub(super) async fn open(config: PgConfig) -> Self {
        let database = PgDatabase::open(config).await.unwrap();
        let progress = PgProgress::new(database.clone());
        Self { database, progress }
    }
}

/// So many copies and so many learners.
pub(super) async fn scene(copies: usize, learners: u128, adjust: impl Fn(PgConfig) -> PgConfig) -> Scene {
    let home = home().await;
    let mut opened = Vec::new();
    for _ in 0..copies {
        opened.push(Copy::open(adjust(config(&home.url()))).await);
    }
    let users = learners_of(&opened[0].database, learners).await;
    Scene {
        home,
        copies: opened,
        users,
    }
}

/// Keeps the accounts of so many learners.
pub(super) async fn learners_of(database: &PgDatabase, learners: u128) -> Vec<UserId> {
    let stores = stores_of(database);
    let mut users = Vec::new();
    for number in 0..learners {
        users.push(stores.learner(number).await);
    }
    users
}

/// The review of this number.
pub(super) fn review(number: u128, word: usize) -> Change<NewReview> {
    Change {
        word_id: word_id(&format!("w{word}")),
        event_id: EventId(Uuid::from_u128(number)),
        progress_id: ProgressId(Uuid::from_u128(1 << 64 | number)),
        what: NewReview {
            rating: if number.is_multiple_of(3) {
                Rating::Again
            } else {
                Rating::Good
            },
            at: at(i64::try_from(number).unwrap() * 7_919 % 100_000),
            clamped: false,
            duration_ms: None,
            device_id: Some("phone".to_owned()),
            retention: DEFAULT_RETENTION,
        },
    }
}

/// What sends these reviews.
pub(super) fn reviews(reviews: Vec<Change<NewReview>>) -> Submission {
    submission(Changes::Reviews(reviews))
}

/// What fixes a word's confidence; the number makes its ids.
pub(super) fn confidence(number: u128, word: usize, confidence: f64) -> Submission {
    submission(Changes::Sets(vec![Change {
        word_id: word_id(&format!("w{word}")),
        event_id: EventId(Uuid::from_u128(2 << 64 | number)),
        progress_id: ProgressId(Uuid::from_u128(3 << 64 | number)),
        what: NewSet {
            confidence: Some(confidence),
            ..NewSet::default()
        },
    }]))
}

pub(super) fn submission(changes: Changes) -> Submission {
    Submission {
        changes,
        now: at(200_000),
        dry_run: false,
    }
}

/// An append that goes on while the test does something else.
pub(super) fn appending(
    copy: &Copy,
    user: UserId,
    submission: Submission,
) -> tokio::task::JoinHandle<Result<Appended, AppendError>> {
    let progress = copy.progress.clone();
    tokio::spawn(async move { progress.append(user, &submission).await })
}

/// The kind of error that was met.
pub(super) fn kind(answer: Result<Appended, AppendError>) -> PortErrorKind {
    match answer {
        Err(AppendError::Port(error)) => error.kind,
        other => panic!("did not fail: {other:?}"),
    }
}

/// What is stored of a learner, once all has settled.
pub(super) struct Kept {
    pub(super) rows: Vec<ProgressRow>,
    pub(super) reviews: BTreeSet<u128>,
    pub(super) revision: u64,
}

/// Reads all that is stored of a learner, and sees to it that it fits together: places without a gap, revisions
/// given once, each row what its log says.
pub(super) async fn kept(progress: &PgProgress, user: UserId) -> Kept {
    let rows = progress.changes(user, 0, 100_000).await.unwrap();
    let logged = progress.reviews(user, None, 0, 100_000).await.unwrap();
    let places: Vec<u64> = logged.iter().map(|review| review.position).collect();
    assert_eq!(
        places,
        (1..=logged.len() as u64).collect::<Vec<_>>(),
        "a gap in the log"
    );
    let reviews: BTreeSet<u128> = logged.iter().map(|review| review.id.0.as_u128()).collect();
    assert_eq!(reviews.len(), logged.len(), "a review is there twice");
    let revisions: BTreeSet<u64> = rows.iter().map(|row| row.revision).collect();
    assert_eq!(revisions.len(), rows.len(), "a revision was given twice");
    let mut counted: BTreeMap<&str, u32> = BTreeMap::new();
    for review in &logged {
        *counted.entry(review.word_id.as_str()).or_default() += 1;
    }
    let told = rows.iter().filter_map(|row| {
        let state = row.state.as_ref()?;
        Some((row.word_id.as_str(), state.study_count))
    });
    assert_eq!(
        told.collect::<BTreeMap<_, _>>(),
        counted,
        "a row is not what its log says"
    );
    let revision = rows.iter().map(|row| row.revision).max().unwrap_or(0);
    Kept {
        rows,
        reviews,
        revision,
    }
}

/// Nobody left a transaction open, and nobody waits.
pub(super) async fn assert_all_is_quiet(scene: &Scene) {
    let session = crate::support::session(&scene.home.url()).await;
    let query = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() \
        AND application_name = 'parlance' AND state <> 'idle'";
    crate::support::eventually("all connections were to be idle", async || {
        let busy: i64 = session.query_one(query, &[]).await.unwrap().get(0);
        (busy == 0).then_some(())
    })
    .await;
    for copy in &scene.copies {
        assert_eq!(copy.progress.stats().waiting, 0);
    }
}

/// Holds back whoever is about to append to a log, in the middle of their statement.
pub(super) async fn hold_events(session: &mut Client) -> Transaction<'_> {
    let set_up = "CREATE OR REPLACE FUNCTION wait() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN \
           PERFORM pg_advisory_xact_lock_shared(1); RETURN new; END $$; \
         CREATE OR REPLACE TRIGGER wait BEFORE INSERT ON progress_events FOR EACH ROW EXECUTE FUNCTION wait()";
    session.batch_execute(set_up).await.unwrap();
    let transaction = session.transaction().await.unwrap();
    let lock = "SELECT pg_advisory_xact_lock(1)";
    transaction.batch_execute(lock).await.unwrap();
    transaction
}
