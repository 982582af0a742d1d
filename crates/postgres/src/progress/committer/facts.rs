//! Reads what the decisions about a group need, in as few statements as there are for one write alone.

use diesel::sql_types::{Array, BigInt, Bool, Nullable, Text, Uuid as SqlUuid};
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use futures_util::future::try_join;
use parlance_domain::ids::EventId;
use parlance_domain::progress::{Changes, Event, Facts, ProgressRow};
use uuid::Uuid;

use super::entry::Entry;
use super::logs::Logs;
use super::pairs::Pairs;
use super::places::Places;
use super::queue::Turn;
use crate::convert::{CorruptRow, RowOf};
use crate::database::StoreError;
use crate::progress::event::{self, EventRow, event_columns};
use crate::progress::row::{self, Row, progress_columns};
use crate::statement::statement;

// Heads, rows and known ids out of one snapshot, so that a head which has not moved until the write vouches for all
// the rest. Each pair of a learner and a word is looked up by itself (OFFSET 0 keeps the planner from joining
// otherwise), whatever it believes about the sizes of tables.
statement!(
    pub(super) ReadFacts(users: &'a [Uuid] => Array<SqlUuid>,
        words: &'a [Option<&'a str>] => Array<Nullable<Text>>,
        events: &'a [Option<Uuid>] => Array<Nullable<SqlUuid>>)
        -> (BigInt, BigInt, BigInt, Bool, Nullable<row::Columns>)
        = concat!(
            "SELECT w.number, h.revision, h.position, e.id IS NOT NULL, ", progress_columns!(),
            " FROM unnest(?, ?, ?) WITH ORDINALITY AS w (user_id, word_id, event_id, number) \
             CROSS JOIN LATERAL (SELECT revision, position FROM progress_heads \
               WHERE user_id = w.user_id OFFSET 0) h \
             LEFT JOIN LATERAL (SELECT ", progress_columns!(), " FROM progress p \
               WHERE p.user_id = w.user_id AND p.word_id = w.word_id OFFSET 0) p ON TRUE \
             LEFT JOIN LATERAL (SELECT id FROM progress_events \
               WHERE user_id = w.user_id AND id = w.event_id OFFSET 0) e ON TRUE"
        )
);
statement!(
    ReadReviews(users: &'a [Uuid] => Array<SqlUuid>, ids: &'a [Uuid] => Array<SqlUuid>)
        -> (BigInt, event::Columns)
        = concat!(
            "SELECT w.number, ", event_columns!(),
            " FROM unnest(?, ?) WITH ORDINALITY AS w (user_id, id, number) \
             CROSS JOIN LATERAL (SELECT ", event_columns!(), " FROM progress_events e \
               WHERE e.user_id = w.user_id AND e.id = w.id AND e.kind = 1 OFFSET 0) e"
        )
);

/// What is known of a member of a group.
pub(super) struct Known {
    pub(super) facts: Facts,
    /// The last place given to an event.
    pub(super) position: u64,
    /// Whether the last attempt to write it was committed after all.
    pub(super) is_committed: bool,
}

/// What reading gave for each member, in their order.
pub(super) type Reading = Vec<Result<Known, StoreError>>;

/// The review that each member takes back, if it is there.
type Targets = Vec<Result<Option<Event>, CorruptRow>>;

/// Reads what is needed for each member.
pub(super) async fn read(connection: &AsyncPgConnection, turns: &[Turn]) -> Result<Reading, StoreError> {
    let entries: Vec<&Entry> = turns.iter().map(|turn| &*turn.entry).collect();
    // What an undo takes back never changes, so that it may be read before the heads.
    let targets = read_targets(connection, &entries).await?;
    let mut reading = read_facts(connection, &entries, &targets).await?;
    for (place, target) in reading.iter_mut().zip(targets) {
        add(place, target, |known, target| known.facts.undo_target = target);
    }
    let (logs, places) = (Logs::of(&entries, &reading), Places::of(&entries, &reading));
    let (logs, places) = try_join(logs.read(connection), places.read(connection)).await?;
    for (member, event) in logs {
        if let Some(place) = reading.get_mut(member) {
            add(place, event, |known, event| {
                let log = known.facts.logs.entry(event.word_id.clone()).or_default();
                log.push(event);
            });
        }
    }
    for member in places {
        if let Some(Ok(known)) = reading.get_mut(member) {
            known.is_committed = true;
        }
    }
    Ok(reading)
}

/// Adds what was found to what is known; nothing is known any more if it is corrupt.
fn add<T>(
    place: &mut Result<Known, StoreError>,
    found: Result<T, CorruptRow>,
    add: impl FnOnce(&mut Known, T),
) {
    if let Ok(known) = place {
        match found {
            Ok(found) => add(known, found),
            Err(corrupt) => *place = Err(corrupt.into()),
        }
    }
}

async fn read_targets(connection: &AsyncPgConnection, entries: &[&Entry]) -> Result<Targets, StoreError> {
    let mut targets: Targets = entries.iter().map(|_| Ok(None)).collect();
    let (mut members, mut users, mut ids) = (Vec::new(), Vec::new(), Vec::new());
    for (member, entry) in entries.iter().enumerate() {
        if let Changes::Undo { review, .. } = entry.submission.changes {
            members.push(member);
            users.push(entry.user.0);
            ids.push(review.0);
        }
    }
    if members.is_empty() {
        return Ok(targets);
    }
    let mut connection = connection;
    let found: Vec<(i64, EventRow)> = ReadReviews::new(&users, &ids).load(&mut connection).await?;
    for (number, row) in found {
        if let Some(target) = numbered(&members, number).and_then(|member| targets.get_mut(member)) {
            *target = Event::try_from(row).map(Some);
        }
    }
    Ok(targets)
}

async fn read_facts(
    connection: &AsyncPgConnection,
    entries: &[&Entry],
    targets: &Targets,
) -> Result<Reading, StoreError> {
    let mut pairs = Pairs::default();
    for (member, (entry, target)) in entries.iter().zip(targets).enumerate() {
        pairs.push_all(member, entry, target.as_ref().ok().and_then(Option::as_ref));
    }
    let mut connection = connection;
    let statement = ReadFacts::new(&pairs.users, &pairs.words, &pairs.events);
    let found: Vec<(i64, i64, i64, bool, Option<Row>)> = statement.load(&mut connection).await?;
    // Whoever has no head has no account.
    let mut reading: Reading = entries.iter().map(|_| Err(StoreError::OwnerGone)).collect();
    for (number, revision, position, is_known, row) in found {
        let (Some(member), Some(event)) = (numbered(&pairs.members, number), numbered(&pairs.events, number))
        else {
            continue;
        };
        let (Some(place), Some(entry)) = (reading.get_mut(member), entries.get(member)) else {
            continue;
        };
        if matches!(place, Err(StoreError::OwnerGone)) {
            *place = begin(entry, revision, position).map_err(StoreError::from);
        }
        if let (Ok(known), Some(event), true) = (&mut *place, event, is_known) {
            known.facts.known_reviews.insert(EventId(event));
        }
        if let Some(row) = row {
            add(place, ProgressRow::try_from(row), |known, row| {
                known.facts.rows.insert(row.word_id.clone(), row);
            });
        }
    }
    Ok(reading)
}

/// What the head tells.
fn begin(entry: &Entry, revision: i64, position: i64) -> Result<Known, CorruptRow> {
    let of = RowOf {
        table: "progress_heads",
        id: &entry.user,
    };
    Ok(Known {
        facts: Facts {
            revision: of.number(revision, "revision")?,
            ..Facts::default()
        },
        position: of.number(position, "position")?,
        is_committed: false,
    })
}

/// What a statement calls by this number, counted from 1.
pub(super) fn numbered<T: Copy>(all: &[T], number: i64) -> Option<T> {
    all.get(usize::try_from(number - 1).ok()?).copied()
}
