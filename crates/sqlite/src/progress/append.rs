//! Appending to a learner's log: read the facts, decide, write the decision.

use std::collections::{HashMap, HashSet};

use diesel::result::{Error as DieselError, OptionalExtension};
use diesel::sql_types::{BigInt, Binary, Text};
use diesel::{RunQueryDsl, SqliteConnection};
use parlance_domain::ids::{EventId, UserId, WordId};
use parlance_domain::progress::{
    Appended, Changes, Decision, Event, Facts, ProgressRow, Refusal, Submission, decide, words_to_refold,
};

use super::event::{self, EventRow, event_columns};
use super::row::{self, Row, progress_columns};
use crate::convert::{CorruptRow, RowOf, json_texts, to_i64};
use crate::database::{Fail, StoreError};
use crate::statement::statement;

// Asks for the account rather than waiting for a foreign key to be violated: what is decided without writing is
// refused as well, and rows that outlived their account are never written to.
statement!(
    ReadHead(user: &'a [u8] => Binary) -> (BigInt, BigInt)
        = "SELECT coalesce(head.revision, 0), coalesce(head.position, 0) FROM accounts account \
           LEFT JOIN progress_heads head ON head.user_id = account.id WHERE account.id = ?"
);
statement!(
    WriteHead(user: &'a [u8] => Binary, revision: i64 => BigInt, position: i64 => BigInt)
        = "INSERT INTO progress_heads (user_id, revision, position) VALUES (?, ?, ?) \
           ON CONFLICT (user_id) DO UPDATE SET revision = excluded.revision, position = excluded.position"
);
statement!(
    RowsOf(user: &'a [u8] => Binary, words: &'a str => Text) -> (row::Columns,)
        = concat!(
            "SELECT ", progress_columns!(), " FROM progress p WHERE p.user_id = ? \
             AND p.word_id IN (SELECT value FROM json_each(?))"
        )
);
statement!(
    Review(user: &'a [u8] => Binary, id: &'a [u8] => Binary) -> (event::Columns,)
        = concat!("SELECT ", event_columns!(), " FROM progress_events WHERE user_id = ? AND id = ? AND kind = 1")
);
statement!(
    KnownIds(user: &'a [u8] => Binary, ids: &'a str => Text) -> (Binary)
        = "SELECT id FROM progress_events WHERE user_id = ? AND id IN (SELECT unhex(value) FROM json_each(?))"
);
statement!(
    Logs(user: &'a [u8] => Binary, words: &'a str => Text) -> (event::Columns,)
        = concat!(
            "SELECT ", event_columns!(), " FROM progress_events WHERE user_id = ? \
             AND word_id IN (SELECT value FROM json_each(?))"
        )
);

/// What reading gives for a decision, and where the log ends.
pub(super) struct Known {
    facts: Facts,
    position: u64,
}

/// Reads what the decision about a submission needs.
pub(super) fn known(
    connection: &mut SqliteConnection,
    user: UserId,
    changes: &Changes,
) -> Result<Known, Fail<Refusal>> {
    let (revision, position) = head(connection, user)?;
    let mut facts = Facts {
        revision,
        undo_target: undo_target(connection, user, changes)?,
        known_reviews: known_reviews(connection, user, changes)?,
        ..Facts::default()
    };
    let words = changes.words(facts.undo_target.as_ref());
    facts.rows = rows(connection, user, &words)?;
    let to_refold = words_to_refold(changes, &facts);
    if !to_refold.is_empty() {
        facts.logs = logs(connection, user, to_refold.iter())?;
    }
    Ok(Known { facts, position })
}

/// Decides about a submission and writes what comes of it.
pub(super) fn append(
    connection: &mut SqliteConnection,
    user: UserId,
    submission: &Submission,
) -> Result<Appended, Fail<Refusal>> {
    let known = known(connection, user, &submission.changes)?;
    let decision = decide(submission, &known.facts).map_err(Fail::Refused)?;
    let changed = !decision.events.is_empty() || !decision.rows.is_empty();
    if changed && !submission.dry_run {
        event::insert(connection, user, known.position, &decision.events, submission.now)?;
        row::upsert(connection, user, &decision.rows)?;
        let position = known.position + decision.events.len() as u64;
        write_head(connection, user, decision.revision, position)?;
    }
    Ok(appended(decision))
}

fn appended(decision: Decision) -> Appended {
    Appended {
        accepted: decision.accepted,
        duplicates: decision.duplicates,
        rows: decision.answer,
        merged: decision.merged,
        revision: decision.revision,
    }
}

/// The last revision given to a row, and the last place given to an event.
pub(super) fn head<R>(connection: &mut SqliteConnection, user: UserId) -> Result<(u64, u64), Fail<R>> {
    let found: Option<(i64, i64)> = ReadHead::new(user.0.as_bytes())
        .get_result(connection)
        .optional()?;
    let (revision, position) = found.ok_or(StoreError::OwnerGone)?;
    let of = RowOf {
        table: "progress_heads",
        id: &user,
    };
    Ok((of.number(revision, "revision")?, of.number(position, "position")?))
}

/// Notes the last revision given to a row, and the last place given to an event.
pub(super) fn write_head(
    connection: &mut SqliteConnection,
    user: UserId,
    revision: u64,
    position: u64,
) -> Result<(), DieselError> {
    WriteHead::new(user.0.as_bytes(), to_i64(revision), to_i64(position)).execute(connection)?;
    Ok(())
}

fn undo_target(
    connection: &mut SqliteConnection,
    user: UserId,
    changes: &Changes,
) -> Result<Option<Event>, Fail<Refusal>> {
    let Changes::Undo { review, .. } = changes else {
        return Ok(None);
    };
    let statement = Review::new(user.0.as_bytes(), review.0.as_bytes());
    let found: Option<(EventRow,)> = statement.get_result(connection).optional()?;
    Ok(found.map(|(row,)| row.try_into()).transpose()?)
}

fn known_reviews(
    connection: &mut SqliteConnection,
    user: UserId,
    changes: &Changes,
) -> Result<HashSet<EventId>, Fail<Refusal>> {
    let Changes::Reviews(reviews) = changes else {
        return Ok(HashSet::new());
    };
    let ids = json_texts(
        reviews
            .iter()
            .map(|review| review.event_id.0.simple().to_string()),
    );
    let found: Vec<(Vec<u8>,)> = KnownIds::new(user.0.as_bytes(), &ids).load(connection)?;
    let of = RowOf {
        table: "progress_events",
        id: &user,
    };
    let ids = found.iter().map(|(id,)| of.uuid(id, "id").map(EventId));
    Ok(ids.collect::<Result<_, _>>()?)
}

fn rows(
    connection: &mut SqliteConnection,
    user: UserId,
    words: &[WordId],
) -> Result<HashMap<WordId, ProgressRow>, Fail<Refusal>> {
    let words = json_texts(words.iter().map(WordId::as_str));
    let found: Vec<(Row,)> = RowsOf::new(user.0.as_bytes(), &words).load(connection)?;
    let rows = found.into_iter().map(|(row,)| {
        let row = ProgressRow::try_from(row)?;
        Ok((row.word_id.clone(), row))
    });
    Ok(rows.collect::<Result<_, CorruptRow>>()?)
}

fn logs<'a>(
    connection: &mut SqliteConnection,
    user: UserId,
    words: impl Iterator<Item = &'a WordId>,
) -> Result<HashMap<WordId, Vec<Event>>, Fail<Refusal>> {
    let words = json_texts(words.map(WordId::as_str));
    let found: Vec<(EventRow,)> = Logs::new(user.0.as_bytes(), &words).load(connection)?;
    let mut logs: HashMap<WordId, Vec<Event>> = HashMap::new();
    for (row,) in found {
        let event = Event::try_from(row)?;
        logs.entry(event.word_id.clone()).or_default().push(event);
    }
    Ok(logs)
}
