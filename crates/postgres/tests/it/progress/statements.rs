//! What the server is asked to do: each statement is parsed once, and no plan reads a whole table.

use std::collections::HashMap;
use std::sync::Arc;

use futures_util::future::join_all;
use parlance_contract::stores::{at, word_id};
use parlance_domain::ids::{EventId, ProgressId, UserId};
use parlance_domain::progress::{Change, Changes, Precondition, ProgressStore, Submission};
use parlance_postgres::PgConfig;
use parlance_testbed::Postgres;
use tokio::task::spawn_blocking;
use uuid::Uuid;

use super::{Copy, confidence, learners_of, review, reviews, submission};
use crate::support::{config, stores_of};

const LEARNERS: u128 = 40;

/// A server that logs what it does, and a copy with learners on it.
struct Watched {
    server: Arc<Postgres>,
    copy: Copy,
    users: Vec<UserId>,
}

async fn watched(settings: &'static [(&str, &str)]) -> Watched {
    let start = move || {
        let builder = settings
            .iter()
            .fold(Postgres::builder(), |builder, (name, value)| {
                builder.setting(name, value)
            });
        builder.start().unwrap()
    };
    let server = Arc::new(spawn_blocking(start).await.unwrap());
    let copy = Copy::open(PgConfig {
        connections: 2,
        ..config(&server.url("postgres"))
    })
    .await;
    let users = learners_of(&copy.database, LEARNERS).await;
    Watched { server, copy, users }
}

impl Watched {
    async fn query(&self, statements: &str) -> Vec<Vec<Option<String>>> {
        let (server, statements) = (Arc::clone(&self.server), statements.to_owned());
        spawn_blocking(move || server.query("postgres", &statements).unwrap())
            .await
            .unwrap()
    }

    fn log(&self) -> String {
        self.server.log().unwrap()
    }

    /// Writes of all kinds, of all learners at once: singly, in groups, in batches.
    async fn write(&self, round: u128) {
        for submissions in [
            |round: u128| reviews(vec![review(round * 1_000 + 500, 1)]),
            |round: u128| confidence(round, 1, if round.is_multiple_of(2) { 0.25 } else { 0.75 }),
            |round: u128| reviews((0..20).map(|number| review(round * 1_000 + number, 2)).collect()),
            undo,
            forget,
        ] {
            let sent = self.users.iter().map(|user| {
                let sent = submissions(round);
                async move { self.copy.progress.append(*user, &sent).await.unwrap() }
            });
            join_all(sent).await;
        }
    }

    /// Reads of all kinds, by one learner.
    async fn read(&self) {
        let (progress, user) = (&self.copy.progress, self.users[0]);
        let list = "list".parse().unwrap();
        progress.by_word(user, &word_id("w1")).await.unwrap();
        progress.list(user, None, Some(500)).await.unwrap();
        progress.list(user, Some(50), None).await.unwrap();
        progress.changes(user, 5, 100).await.unwrap();
        progress.due(user, at(900_000), None, Some(20)).await.unwrap();
        progress.due(user, at(900_000), Some(&list), None).await.unwrap();
        progress.unseen(user, &list, 10).await.unwrap();
        progress.totals(user, at(900_000)).await.unwrap();
        progress.list_summary(user, &list).await.unwrap();
        progress.activity(user, at(-900_000), at(900_000)).await.unwrap();
        progress.reviews(user, None, 3, 50).await.unwrap();
        progress.reviews(user, Some(&word_id("w2")), 3, 50).await.unwrap();
    }
}

fn undo(round: u128) -> Submission {
    submission(Changes::Undo {
        review: EventId(Uuid::from_u128(round * 1_000 + 5)),
        event_id: EventId(Uuid::from_u128(5 << 64 | round)),
    })
}

fn forget(round: u128) -> Submission {
    submission(Changes::Forget(Change {
        word_id: word_id("w1"),
        event_id: EventId(Uuid::from_u128(6 << 64 | round)),
        progress_id: ProgressId(Uuid::from_u128(7 << 64 | round)),
        what: Precondition::default(),
    }))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn each_statement_is_parsed_once_by_each_connection() {
    let watched = watched(&[("log_min_duration_statement", "0")]).await;
    for round in 1..=4 {
        watched.write(round).await;
        join_all((0..8).map(|_| watched.read())).await;
    }
    let log = watched.log();
    let mut parsed: HashMap<(&str, &str), u32> = HashMap::new();
    let mut executed: HashMap<&str, u32> = HashMap::new();
    for line in log.lines().filter(|line| line.contains(" parlance: LOG:")) {
        let process = line.split(['[', ']']).nth(1).unwrap_or_default();
        let Some((what, statement)) = line
            .split_once(" ms  ")
            .and_then(|(_, said)| said.split_once(": "))
        else {
            continue;
        };
        if what.starts_with("parse ") {
            *parsed.entry((process, statement)).or_default() += 1;
        } else if what.starts_with("execute ") {
            *executed.entry(statement).or_default() += 1;
        }
    }
    let hot = |statement: &str| statement.contains("progress");
    let again: Vec<_> = parsed
        .iter()
        .filter(|((_, statement), times)| hot(statement) && **times > 1)
        .collect();
    assert!(again.is_empty(), "parsed again: {again:#?}");
    // The twelve reads, the facts, the logs, what is undone, and the two forms of the write.
    let of_progress: Vec<_> = executed.iter().filter(|(statement, _)| hot(statement)).collect();
    assert!(of_progress.len() >= 17, "{of_progress:#?}");
    assert!(
        of_progress.iter().all(|(_, times)| **times > 2),
        "{of_progress:#?}"
    );
}

/// Gives each learner many more words, without a word to the planner.
const MANY_ROWS: &str = "INSERT INTO progress_events (user_id, id, word_id, position, kind, at, rating, retention, \
       clamped, undone, raised_study_count, recorded_at) \
     SELECT user_id, gen_random_uuid(), 'm' || number, 1000000 + number, 1, now(), 3, 0.9, FALSE, FALSE, FALSE, now() \
       FROM progress_heads, generate_series(1, 200) number; \
     INSERT INTO progress (user_id, word_id, id, fold_version, revision, deleted, study_count, correct_count, \
       confidence, next_review, last_at, last_id, created_at, updated_at) \
     SELECT user_id, word_id, id, 1, position, FALSE, 1, 1, 0.5, now(), at, id, now(), now() FROM progress_events \
       WHERE position > 1000000";

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn no_plan_reads_a_whole_table_of_progress_whatever_the_planner_knows_of_it() {
    let watched = watched(&[
        ("shared_preload_libraries", "auto_explain"),
        ("auto_explain.log_min_duration", "0"),
        ("auto_explain.log_nested_statements", "on"),
        // What the planner knows is for the test to say.
        ("autovacuum", "off"),
    ])
    .await;
    let stores = stores_of(&watched.copy.database);
    let words: Vec<String> = (0..50).map(|number| format!("w{number}")).collect();
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    stores.list_of("list", &words).await;
    // Of empty tables, of grown ones of which it has not heard, and of those that it knows.
    watched.write(1).await;
    watched
        .query("ANALYZE progress, progress_events, progress_heads")
        .await;
    watched.write(2).await;
    watched.query(MANY_ROWS).await;
    watched.write(3).await;
    watched.query("ANALYZE").await;
    for round in 4..12 {
        watched.write(round).await;
        watched.read().await;
    }
    let log = watched.log();
    let plans: Vec<String> = plans(&log).collect();
    let scans: Vec<&str> = plans
        .iter()
        .flat_map(|plan| plan.lines())
        .filter(|line| line.contains("Scan ") && line.contains(" progress"))
        .map(str::trim)
        .collect();
    assert!(scans.len() > 100, "{scans:#?}");
    let whole = |plan: &&String| {
        plan.lines().any(|line| line.contains("Seq Scan on progress"))
            || plan.matches("using progress").count() > plan.matches("Index Cond").count()
    };
    let whole: Vec<&String> = plans.iter().filter(whole).collect();
    assert!(whole.is_empty(), "{}", whole[0]);
}

/// The plans of the copy's statements, each with its text.
fn plans(log: &str) -> impl Iterator<Item = String> {
    let mut lines = log.lines().peekable();
    std::iter::from_fn(move || {
        lines.find(|line| line.contains(" parlance: LOG:") && line.ends_with("plan:"))?;
        let mut plan = String::new();
        while let Some(line) = lines.next_if(|line| line.starts_with('\t')) {
            plan.push_str(line);
            plan.push('\n');
        }
        Some(plan)
    })
}
