//! Reads what the decisions about a group need, in as few statements as there are for one write alone.

use std::collections::HashSet;

use diesel::sql_types::{Array, BigInt, Bool, Nullable, Text, Uuid as SqlUuid};
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use futures_util::future::try_join;
use parlance_domain::ids::{EventId, UserId, WordId};
use parlance_domain::progress::{Changes, Event, Facts, ProgressRow, words_to_refold};
use uuid::Uuid;

use super::entry::{Attempt, Entry};
use super::queue::Turn;
use crate::convert::{CorruptRow, RowOf, to_i64};
use crate::database::StoreError;
use crate::progress::event::{self, EventRow, event_columns};
use crate::progress::row::{self, Row, progress_columns};
use crate::statement::statement;

// Heads, rows and known ids out of one snapshot, so that a head which has not moved until the write vouches for all
// the rest. Each pair of a learner and a word is looked up by itself (OFFSET 0 keeps the planner from joining
// otherwise), whatever it believes about the sizes of tables.
statement!(
    ReadFacts(users: &'a [Uuid] => Array<SqlUuid>, words: &'a [Option<&'a str>] => Array<Nullable<Text>>,
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
statement!(
    ReadLogs(users: &'a [Uuid] => Array<SqlUuid>, words: &'a [&'a str] => Array<Text>)
        -> (BigInt, event::Columns)
        = concat!(
            "SELECT w.number, ", event_columns!(),
            " FROM unnest(?, ?) WITH ORDINALITY AS w (user_id, word_id, number) \
             CROSS JOIN LATERAL (SELECT ", event_columns!(), " FROM progress_events e \
               WHERE e.user_id = w.user_id AND e.word_id = w.word_id OFFSET 0) e"
        )
);
statement!(
    ReadPlaces(users: &'a [Uuid] => Array<SqlUuid>, positions: &'a [i64] => Array<BigInt>,
        ids: &'a [Uuid] => Array<SqlUuid>) -> (BigInt,)
        = "SELECT w.number FROM unnest(?, ?, ?) WITH ORDINALITY AS w (user_id, position, id, number) \
           CROSS JOIN LATERAL (SELECT FROM progress_events e \
             WHERE e.user_id = w.user_id AND e.position = w.position AND e.id = w.id OFFSET 0) e"
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

/// Reads what is needed for each member.
pub(super) async fn read(connection: &AsyncPgConnection, turns: &[Turn]) -> Result<Reading, StoreError> {
    let entries: Vec<&Entry> = turns.iter().map(|turn| &*turn.entry).collect();
    // What an undo takes back never changes, so that it may be read before the heads.
    let targets = read_targets(connection, &entries).await?;
    let mut reading = read_facts(connection, &entries, targets).await?;
    let (logs, places) = (Logs::of(&entries, &reading), Places::of(&entries, &reading));
    let (logs, places) = try_join(logs.read(connection), places.read(connection)).await?;
    for (member, found) in logs {
        add_to_log(&mut reading, member, found);
    }
    for member in places {
        if let Some(Ok(known)) = reading.get_mut(member) {
            known.is_committed = true;
        }
    }
    Ok(reading)
}

async fn read_targets(
    connection: &AsyncPgConnection,
    entries: &[&Entry],
) -> Result<Vec<Result<Option<Event>, CorruptRow>>, StoreError> {
    let mut targets: Vec<_> = entries.iter().map(|_| Ok(None)).collect();
    let (mut members, mut users, mut ids) = (Vec::new(), Vec::new(), Vec::new());
    for (member, entry) in entries.iter().enumerate() {
        if let Changes::Undo { review, .. } = entry.submission.changes {
            members.push(member);
            users.push(entry.user.0);
            ids.push(review.0);
        }
    }
    if !members.is_empty() {
        let statement = ReadReviews::new(&users, &ids);
        let found: Vec<(i64, EventRow)> = statement.load(&mut &*connection).await?;
        for (number, row) in found {
            if let Some(target) = numbered(&members, number).and_then(|member| targets.get_mut(member)) {
                *target = Event::try_from(row).map(Some);
            }
        }
    }
    Ok(targets)
}

/// The pairs to look up: for each member at least one, so that its head is read.
#[derive(Default)]
struct Pairs<'a> {
    members: Vec<usize>,
    users: Vec<Uuid>,
    words: Vec<Option<&'a str>>,
    events: Vec<Option<Uuid>>,
}

impl<'a> Pairs<'a> {
    fn push(&mut self, member: usize, user: UserId, word: Option<&'a WordId>, event: Option<EventId>) {
        self.members.push(member);
        self.users.push(user.0);
        self.words.push(word.map(WordId::as_str));
        self.events.push(event.map(|event| event.0));
    }

    fn push_all(&mut self, member: usize, entry: &'a Entry, target: Option<&'a Event>) {
        let before = self.members.len();
        match &entry.submission.changes {
            Changes::Reviews(reviews) => {
                let mut seen = HashSet::with_capacity(reviews.len());
                for review in reviews {
                    // A word named again needs no second row.
                    let word = seen.insert(&review.word_id).then_some(&review.word_id);
                    self.push(member, entry.user, word, Some(review.event_id));
                }
            }
            Changes::Sets(sets) => self.push_words(member, entry.user, sets.iter().map(|set| &set.word_id)),
            Changes::Merge(items) => {
                self.push_words(member, entry.user, items.iter().map(|item| &item.word_id));
            }
            Changes::Forget(change) => self.push(member, entry.user, Some(&change.word_id), None),
            Changes::Undo { .. } => {
                self.push(member, entry.user, target.map(|target| &target.word_id), None);
            }
        }
        if self.members.len() == before {
            self.push(member, entry.user, None, None);
        }
    }

    fn push_words(&mut self, member: usize, user: UserId, words: impl ExactSizeIterator<Item = &'a WordId>) {
        let mut seen = HashSet::with_capacity(words.len());
        for word in words {
            if seen.insert(word) {
                self.push(member, user, Some(word), None);
            }
        }
    }
}

async fn read_facts(
    connection: &AsyncPgConnection,
    entries: &[&Entry],
    targets: Vec<Result<Option<Event>, CorruptRow>>,
) -> Result<Reading, StoreError> {
    let mut pairs = Pairs::default();
    for (member, (entry, target)) in entries.iter().zip(&targets).enumerate() {
        pairs.push_all(member, entry, target.as_ref().ok().and_then(Option::as_ref));
    }
    let statement = ReadFacts::new(&pairs.users, &pairs.words, &pairs.events);
    let found: Vec<(i64, i64, i64, bool, Option<Row>)> = statement.load(&mut &*connection).await?;
    // Whoever has no head has no account.
    let mut reading: Reading = entries.iter().map(|_| Err(StoreError::OwnerGone)).collect();
    for (number, revision, position, is_known, row) in found {
        let index = usize::try_from(number - 1).unwrap_or(usize::MAX);
        let (Some(&member), Some(event)) = (pairs.members.get(index), pairs.events.get(index)) else {
            continue;
        };
        let Some(place) = reading.get_mut(member) else {
            continue;
        };
        if matches!(place, Err(StoreError::OwnerGone)) {
            *place = begin(pairs.users.get(index), revision, position);
        }
        if let Ok(known) = place {
            if let (true, Some(event)) = (is_known, event) {
                known.facts.known_reviews.insert(EventId(*event));
            }
            if let Some(row) = row {
                match ProgressRow::try_from(row) {
                    Ok(row) => drop(known.facts.rows.insert(row.word_id.clone(), row)),
                    Err(corrupt) => *place = Err(corrupt.into()),
                }
            }
        }
    }
    for (place, target) in reading.iter_mut().zip(targets) {
        match (&mut *place, target) {
            (Ok(known), Ok(target)) => known.facts.undo_target = target,
            (Ok(_), Err(corrupt)) => *place = Err(corrupt.into()),
            (Err(_), _) => {}
        }
    }
    Ok(reading)
}

/// What the head tells.
fn begin(user: Option<&Uuid>, revision: i64, position: i64) -> Result<Known, StoreError> {
    let of = RowOf {
        table: "progress_heads",
        id: &user.copied().unwrap_or_default(),
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

/// The words whose logs are needed.
#[derive(Default)]
struct Logs {
    members: Vec<usize>,
    users: Vec<Uuid>,
    words: Vec<WordId>,
}

impl Logs {
    fn of(entries: &[&Entry], reading: &Reading) -> Self {
        let mut logs = Self::default();
        for (member, (entry, known)) in entries.iter().zip(reading).enumerate() {
            let Ok(known) = known else { continue };
            for word in words_to_refold(&entry.submission.changes, &known.facts) {
                logs.members.push(member);
                logs.users.push(entry.user.0);
                logs.words.push(word);
            }
        }
        logs
    }

    async fn read(
        &self,
        connection: &AsyncPgConnection,
    ) -> Result<Vec<(usize, Result<Event, CorruptRow>)>, StoreError> {
        if self.members.is_empty() {
            return Ok(Vec::new());
        }
        let words: Vec<&str> = self.words.iter().map(WordId::as_str).collect();
        let statement = ReadLogs::new(&self.users, &words);
        let found: Vec<(i64, EventRow)> = statement.load(&mut &*connection).await?;
        let events = found
            .into_iter()
            .filter_map(|(number, row)| Some((numbered(&self.members, number)?, Event::try_from(row))));
        Ok(events.collect())
    }
}

fn add_to_log(reading: &mut Reading, member: usize, found: Result<Event, CorruptRow>) {
    let Some(place) = reading.get_mut(member) else {
        return;
    };
    match (&mut *place, found) {
        (Ok(known), Ok(event)) => {
            let log = known.facts.logs.entry(event.word_id.clone()).or_default();
            log.push(event);
        }
        (Ok(_), Err(corrupt)) => *place = Err(corrupt.into()),
        (Err(_), _) => {}
    }
}

/// The places in the logs where the events of former attempts are, if these were committed.
///
/// An attempt whose head has not moved was not committed, and will be made again with the same outcome; then at most
/// one of the two takes effect.
#[derive(Default)]
struct Places {
    members: Vec<usize>,
    users: Vec<Uuid>,
    positions: Vec<i64>,
    ids: Vec<Uuid>,
}

impl Places {
    fn of(entries: &[&Entry], reading: &Reading) -> Self {
        let mut places = Self::default();
        for (member, (entry, known)) in entries.iter().zip(reading).enumerate() {
            if let (Some(attempt), Ok(known)) = (&entry.attempt, known)
                && attempt.behind != known.position
            {
                places.push(member, entry.user, attempt);
            }
        }
        places
    }

    fn push(&mut self, member: usize, user: UserId, attempt: &Attempt) {
        for (position, event) in (attempt.behind + 1..).zip(&attempt.events) {
            self.members.push(member);
            self.users.push(user.0);
            self.positions.push(to_i64(position));
            self.ids.push(event.0);
        }
    }

    /// The members whose events are all in their places.
    async fn read(&self, connection: &AsyncPgConnection) -> Result<Vec<usize>, StoreError> {
        if self.members.is_empty() {
            return Ok(Vec::new());
        }
        let statement = ReadPlaces::new(&self.users, &self.positions, &self.ids);
        let found: Vec<(i64,)> = statement.load(&mut &*connection).await?;
        let found: HashSet<i64> = found.into_iter().map(|(number,)| number).collect();
        let mut committed: Vec<usize> = self.members.clone();
        committed.dedup();
        let missing: HashSet<usize> = (1..)
            .zip(&self.members)
            .filter(|(number, _)| !found.contains(number))
            .map(|(_, member)| *member)
            .collect();
        committed.retain(|member| !missing.contains(member));
        Ok(committed)
    }
}

/// What the statement calls by this number, counted from 1.
fn numbered(members: &[usize], number: i64) -> Option<usize> {
    members.get(usize::try_from(number - 1).ok()?).copied()
}
