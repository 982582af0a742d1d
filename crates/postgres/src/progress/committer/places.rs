//! Looks whether a write whose answer was lost was committed.

use std::collections::HashSet;

use diesel::sql_types::{Array, BigInt, Uuid as SqlUuid};
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use parlance_domain::ids::UserId;
use uuid::Uuid;

use super::entry::{Attempt, Entry};
use super::facts::Reading;
use crate::convert::to_i64;
use crate::database::StoreError;
use crate::statement::statement;

statement!(
    ReadPlaces(users: &'a [Uuid] => Array<SqlUuid>, positions: &'a [i64] => Array<BigInt>,
        ids: &'a [Uuid] => Array<SqlUuid>) -> (BigInt,)
        = "SELECT w.number FROM unnest(?, ?, ?) WITH ORDINALITY AS w (user_id, position, id, number) \
           CROSS JOIN LATERAL (SELECT FROM progress_events e \
             WHERE e.user_id = w.user_id AND e.position = w.position AND e.id = w.id OFFSET 0) e"
);

/// The places in the logs where the events of former attempts are, if these were committed.
///
/// An attempt whose head has not moved was not committed, and will be made again with the same outcome; then at most
/// one of the two takes effect.
#[derive(Default)]
pub(super) struct Places {
    members: Vec<usize>,
    users: Vec<Uuid>,
    positions: Vec<i64>,
    ids: Vec<Uuid>,
}

impl Places {
    /// Those of the members whose heads have moved since.
    pub(super) fn of(entries: &[&Entry], reading: &Reading) -> Self {
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
    pub(super) async fn read(&self, connection: &AsyncPgConnection) -> Result<Vec<usize>, StoreError> {
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
