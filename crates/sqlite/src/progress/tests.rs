//! Tests of what a hot path costs: no statement is prepared twice.

use std::collections::HashSet;
use std::sync::Arc;

use diesel::Connection;
use diesel::connection::InstrumentationEvent;
use parking_lot::Mutex;
use parlance_contract::stores::{account, at, session, user, word_id};
use parlance_domain::accounts::AccountStore;
use parlance_domain::consequences::Consequences;
use parlance_domain::ids::{EventId, ProgressId};
use parlance_domain::progress::{
    Change, Changes, DEFAULT_RETENTION, NewReview, NewSet, ProgressStore, Rating, Submission,
};
use uuid::Uuid;

use super::SqliteProgress;
use crate::database::{NoRefusal, SqliteConfig, SqliteDatabase};

/// The texts of statements that a connection put into its cache, and those it ran.
#[derive(Default)]
struct Statements {
    cached: HashSet<String>,
    run: Vec<String>,
}

impl Statements {
    fn note(&mut self, event: &InstrumentationEvent<'_>) {
        match event {
            InstrumentationEvent::CacheQuery { sql, .. } => {
                self.cached.insert((*sql).to_owned());
            }
            InstrumentationEvent::StartQuery { query, .. } => {
                let text = query.to_string();
                let text = text.split(" -- binds").next().unwrap_or_default();
                self.run.push(text.to_owned());
            }
            _ => {}
        }
    }

    /// Those that ran on the tables of progress and were prepared for that run alone.
    fn uncached(&self) -> Vec<&String> {
        let of_progress = self.run.iter().filter(|text| text.contains("progress"));
        of_progress.filter(|text| !self.cached.contains(*text)).collect()
    }
}

fn set(number: u128) -> Changes {
    Changes::Sets(vec![Change {
        word_id: word_id("w1"),
        event_id: EventId(Uuid::from_u128(number)),
        progress_id: ProgressId(Uuid::from_u128(number)),
        what: NewSet {
            confidence: Some(if number.is_multiple_of(2) { 0.25 } else { 0.75 }),
            ..NewSet::default()
        },
    }])
}

fn reviews(number: u128) -> Changes {
    let review = |index: u128| Change {
        word_id: word_id(&format!("r{index}")),
        event_id: EventId(Uuid::from_u128(number * 1_000 + index)),
        progress_id: ProgressId(Uuid::from_u128(number * 1_000 + index)),
        what: NewReview {
            rating: Rating::Good,
            at: at(i64::try_from(number).unwrap()),
            clamped: false,
            duration_ms: None,
            device_id: None,
            retention: DEFAULT_RETENTION,
        },
    };
    Changes::Reviews((0..100).map(review).collect())
}

#[tokio::test]
async fn hot_statements_are_prepared_once() {
    let directory = tempfile::tempdir().unwrap();
    let mut config = SqliteConfig::new(directory.path().join("test.db"));
    config.readers = 1;
    let database = SqliteDatabase::open(config).unwrap();
    let accounts = crate::SqliteAccounts::new(database.clone());
    let account = account(1, "ann@example.com", None);
    let (first, nothing) = (session(1, user(1), 0), Consequences::default());
    accounts.insert(&account, &first, &nothing).await.unwrap();

    let statements = Arc::new(Mutex::new(Statements::default()));
    let (noted, read) = (Arc::clone(&statements), Arc::clone(&statements));
    let installed: Result<(), NoRefusal> = database
        .write(move |connection| {
            let noted = Arc::clone(&noted);
            connection.set_instrumentation(move |event: InstrumentationEvent<'_>| noted.lock().note(&event));
            Ok(())
        })
        .await;
    installed.unwrap();
    let installed: Result<(), NoRefusal> = database
        .read(move |connection| {
            connection.set_instrumentation(move |event: InstrumentationEvent<'_>| read.lock().note(&event));
            Ok(())
        })
        .await;
    installed.unwrap();

    let progress = SqliteProgress::new(database);
    let mut cached = Vec::new();
    for round in 1..=3 {
        for changes in [set(round), reviews(100 + round)] {
            let submission = Submission {
                changes,
                now: at(500 + i64::try_from(round).unwrap()),
                dry_run: false,
            };
            progress.append(user(1), &submission).await.unwrap();
        }
        progress.list(user(1), None, Some(500)).await.unwrap();
        progress.by_word(user(1), &word_id("w1")).await.unwrap();
        cached.push(statements.lock().cached.len());
    }
    let statements = statements.lock();
    assert!(statements.run.len() > 30);
    assert_eq!(statements.uncached(), Vec::<&String>::new());
    assert!(cached[0] > 5);
    assert_eq!(cached[1], cached[2], "nothing new was prepared");
    assert_eq!(cached[0], cached[1], "nothing new was prepared");
}
