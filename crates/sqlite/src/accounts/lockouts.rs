//! The store of attempts to sign in.
//!
//! They live for less than an hour: `parlance copy` leaves them behind.

use async_trait::async_trait;
use diesel::result::{Error as DieselError, OptionalExtension};
use diesel::sql_types::{BigInt, Binary, Nullable, Text};
use diesel::{Queryable, RunQueryDsl, SqliteConnection};
use parlance_domain::accounts::{
    Admission, Attempt, Counts, LockoutKey, LockoutPolicy, LockoutStore, Outcome, Tally, Unlock, Unlocked,
    Verdict,
};
use parlance_domain::consequences::Consequences;
use parlance_domain::port::PortError;
use parlance_domain::time::Timestamp;

use super::secrets::redeem;
use super::sessions::end;
use crate::consequences;
use crate::convert::{CorruptRow, RowOf};
use crate::database::{NoRefusal, SqliteDatabase};
use crate::statement::statement;

const PORT: &str = "LockoutStore";

statement!(
    ByKey(key: &'a [u8] => Binary) -> (Text, Nullable<BigInt>)
        = "SELECT attempts, locked_until FROM lockouts WHERE key = ?"
);
statement!(
    Keep(
        key: &'a [u8] => Binary,
        attempts: String => Text,
        locked_until: Option<i64> => Nullable<BigInt>,
        forget_at: i64 => BigInt,
    ) = "INSERT INTO lockouts (key, attempts, locked_until, forget_at) VALUES (?, ?, ?, ?) \
         ON CONFLICT (key) DO UPDATE SET attempts = excluded.attempts, locked_until = excluded.locked_until, \
            forget_at = excluded.forget_at"
);
statement!(
    Forget(key: &'a [u8] => Binary) = "DELETE FROM lockouts WHERE key = ?"
);
statement!(
    Purge(before: i64 => BigInt, limit: i64 => BigInt)
        = "DELETE FROM lockouts WHERE key IN (SELECT key FROM lockouts WHERE forget_at < ? ORDER BY forget_at LIMIT ?)"
);

/// The attempts to sign in, in the database.
#[derive(Clone)]
pub struct SqliteLockouts {
    database: SqliteDatabase,
}

impl SqliteLockouts {
    /// The attempts in this database.
    pub fn new(database: SqliteDatabase) -> Self {
        Self { database }
    }
}

#[async_trait]
impl LockoutStore for SqliteLockouts {
    async fn count(
        &self,
        attempt: &Attempt,
        policy: &LockoutPolicy,
        now: Timestamp,
    ) -> Result<Verdict, PortError> {
        let (attempt, policy) = (*attempt, *policy);
        let counted = self.database.write(move |connection| {
            let before = read(connection, &attempt)?;
            let mut after = before.clone();
            let verdict = policy.judge(&mut after, now);
            keep(connection, &attempt, &policy, &before, &after)?;
            Ok(verdict)
        });
        counted.await.map_err(|error: NoRefusal| error.into_port(PORT))
    }

    async fn settle(
        &self,
        attempt: &Attempt,
        policy: &LockoutPolicy,
        admission: &Admission,
        outcome: Outcome,
    ) -> Result<(), PortError> {
        let (attempt, policy, admission) = (*attempt, *policy, *admission);
        let settled = self.database.write(move |connection| {
            let before = read(connection, &attempt)?;
            let mut after = before.clone();
            policy.settle(&mut after, &admission, outcome);
            Ok(keep(connection, &attempt, &policy, &before, &after)?)
        });
        settled.await.map_err(|error: NoRefusal| error.into_port(PORT))
    }

    async fn announce(
        &self,
        account: LockoutKey,
        until: Timestamp,
        consequences: &Consequences,
    ) -> Result<bool, PortError> {
        let consequences = consequences.clone();
        let announced = self.database.write(move |connection| {
            let is_there = tally(connection, account)?.locked_until == Some(until);
            if is_there {
                consequences::keep(connection, &consequences)?;
            }
            Ok(is_there)
        });
        announced.await.map_err(|error: NoRefusal| error.into_port(PORT))
    }

    async fn locked_until(
        &self,
        account: LockoutKey,
        now: Timestamp,
    ) -> Result<Option<Timestamp>, PortError> {
        let found = self
            .database
            .read(move |connection| Ok(tally(connection, account)?.lock(now)));
        found.await.map_err(|error: NoRefusal| error.into_port(PORT))
    }

    async fn unlock(&self, what: &Unlock) -> Result<Option<Unlocked>, PortError> {
        let what = what.clone();
        let unlocked = self.database.write(move |connection| unlock(connection, &what));
        unlocked.await.map_err(|error| error.into_port(PORT))
    }

    async fn purge(&self, before: Timestamp, limit: u32) -> Result<u32, PortError> {
        let purged: Result<usize, NoRefusal> = self
            .database
            .write(move |connection| {
                let statement = Purge::new(before.timestamp_millis(), i64::from(limit));
                Ok(statement.execute(connection)?)
            })
            .await;
        let purged = purged.map_err(|error| error.into_port(PORT))?;
        Ok(u32::try_from(purged).unwrap_or(u32::MAX))
    }
}

/// Forgets what was counted by a key, in the transaction under way.
pub(super) fn forget(connection: &mut SqliteConnection, key: LockoutKey) -> Result<(), DieselError> {
    Forget::new(key.as_bytes()).execute(connection)?;
    Ok(())
}

fn unlock(connection: &mut SqliteConnection, what: &Unlock) -> Result<Option<Unlocked>, NoRefusal> {
    if let Some(secret) = what.redeems
        && !redeem(connection, what.user, secret, what.now)?
    {
        return Ok(None);
    }
    let was_locked = tally(connection, what.account)?.lock(what.now).is_some();
    forget(connection, what.account)?;
    let ended = end(connection, what.user, what.ends, what.now)?;
    if was_locked || what.redeems.is_some() {
        consequences::keep(connection, &what.consequences)?;
    }
    Ok(Some(Unlocked { was_locked, ended }))
}

fn read(connection: &mut SqliteConnection, attempt: &Attempt) -> Result<Counts, NoRefusal> {
    let mut some = |key: Option<LockoutKey>| key.map(|key| tally(connection, key)).transpose();
    Ok(Counts {
        device: some(attempt.device)?,
        address: some(attempt.address)?,
        account: some(Some(attempt.account))?.unwrap_or_default(),
    })
}

fn tally(connection: &mut SqliteConnection, key: LockoutKey) -> Result<Tally, NoRefusal> {
    let row: Option<TallyRow> = ByKey::new(key.as_bytes()).get_result(connection).optional()?;
    Ok(row.map(TryInto::try_into).transpose()?.unwrap_or_default())
}

/// Writes those counts that are others than before.
fn keep(
    connection: &mut SqliteConnection,
    attempt: &Attempt,
    policy: &LockoutPolicy,
    before: &Counts,
    after: &Counts,
) -> Result<(), DieselError> {
    let unchanged: Vec<_> = attempt.tallies(before).collect();
    for (key, tally) in attempt.tallies(after) {
        if !unchanged.contains(&(key, tally)) {
            keep_tally(connection, key, policy, tally)?;
        }
    }
    Ok(())
}

fn keep_tally(
    connection: &mut SqliteConnection,
    key: LockoutKey,
    policy: &LockoutPolicy,
    tally: &Tally,
) -> Result<(), DieselError> {
    let Some(forget_at) = tally.matters_until(policy.window()) else {
        return forget(connection, key);
    };
    let attempts = tally.attempts.iter().map(Timestamp::timestamp_millis);
    let attempts = attempts.collect::<serde_json::Value>();
    let locked_until = tally.locked_until.map(|until| until.timestamp_millis());
    let statement = Keep::new(
        key.as_bytes(),
        attempts.to_string(),
        locked_until,
        forget_at.timestamp_millis(),
    );
    statement.execute(connection)?;
    Ok(())
}

#[derive(Queryable)]
struct TallyRow {
    attempts: String,
    locked_until: Option<i64>,
}

impl TryFrom<TallyRow> for Tally {
    type Error = CorruptRow;

    fn try_from(row: TallyRow) -> Result<Self, CorruptRow> {
        let of = RowOf {
            table: "lockouts",
            id: &"(a digest)",
        };
        let attempts: Vec<i64> = of.some(serde_json::from_str(&row.attempts).ok(), "attempts")?;
        let attempts = attempts.into_iter().map(|at| of.time(at, "attempts"));
        Ok(Self {
            attempts: attempts.collect::<Result<_, _>>()?,
            locked_until: of.time_some(row.locked_until, "locked_until")?,
        })
    }
}
