//! Reads the whole logs of words that are to be folded again.

use diesel::sql_types::{Array, BigInt, Text, Uuid as SqlUuid};
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use parlance_domain::ids::WordId;
use parlance_domain::progress::{Event, words_to_refold};
use uuid::Uuid;

use super::entry::Entry;
use super::facts::{Reading, numbered};
use crate::convert::CorruptRow;
use crate::database::StoreError;
use crate::progress::event::{self, EventRow, event_columns};
use crate::statement::statement;

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

/// The words whose logs are needed.
#[derive(Default)]
pub(super) struct Logs {
    members: Vec<usize>,
    users: Vec<Uuid>,
    words: Vec<WordId>,
}

impl Logs {
    /// Those that each member needs, by what is known of it.
    pub(super) fn of(entries: &[&Entry], reading: &Reading) -> Self {
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

    /// Reads them; each event with the member that needs it.
    pub(super) async fn read(
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
