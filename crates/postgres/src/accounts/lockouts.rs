//! The store of attempts to sign in.
//!
//! They live for less than an hour: `parlance copy` leaves them behind.
//!
//! Nobody holds a row while a copy decides, as long as nobody else counts for the same: what was counted is read, and
//! written if it still is what was read. Whoever was overtaken a few times holds the rows in a transaction.

mod at_once;

use std::sync::Arc;

use async_trait::async_trait;
use diesel::result::{Error as DieselError, OptionalExtension};
use diesel::sql_types::{Array, BigInt, Bytea, Nullable, Timestamptz};
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use futures_util::FutureExt;
use futures_util::future::try_join_all;
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
use crate::database::{Fail, NoRefusal, PgDatabase, Repeat};
use crate::statement::statement;

const PORT: &str = "LockoutStore";

/// How often an attempt is counted without holding the rows, before it waits for its turn.
const AT_ONCE: u32 = 3;

statement!(
    // Makes rows where there are none, so that whoever counts for the same waits. All take them in the order in which they
    // are named: addresses first, then accounts, then devices.
    Hold(keys: Vec<&'a [u8]> => Array<Bytea>) -> (Bytea, Array<Timestamptz>, Nullable<Timestamptz>)
        = "INSERT INTO lockouts (key, attempts, forget_at) SELECT key, '{}', '-infinity' FROM unnest(?::bytea[]) AS key \
           ON CONFLICT (key) DO UPDATE SET forget_at = lockouts.forget_at RETURNING key, attempts, locked_until"
);
statement!(
    ByKey(key: &'a [u8] => Bytea) -> (Bytea, Array<Timestamptz>, Nullable<Timestamptz>)
        = "SELECT key, attempts, locked_until FROM lockouts WHERE key = ?"
);
statement!(
    LockByKey(key: &'a [u8] => Bytea) -> (Bytea, Array<Timestamptz>, Nullable<Timestamptz>)
        = "SELECT key, attempts, locked_until FROM lockouts WHERE key = ? FOR UPDATE"
);
statement!(
    Keep(
        attempts: &'a [Timestamp] => Array<Timestamptz>,
        locked_until: Option<Timestamp> => Nullable<Timestamptz>,
        forget_at: Timestamp => Timestamptz,
        key: &'a [u8] => Bytea,
    ) = "UPDATE lockouts SET attempts = ?, locked_until = ?, forget_at = ? WHERE key = ?"
);
statement!(
    Forget(key: &'a [u8] => Bytea) = "DELETE FROM lockouts WHERE key = ?"
);
statement!(
    // Copies of the program that purge at once take different ones, as those of sessions.
    Purge(before: Timestamp => Timestamptz, limit: i64 => BigInt)
        = "DELETE FROM lockouts WHERE ctid = ANY (ARRAY(SELECT ctid FROM lockouts \
           WHERE forget_at < ? ORDER BY forget_at LIMIT ? FOR UPDATE SKIP LOCKED))"
);

type Row = (Vec<u8>, Vec<Timestamp>, Option<Timestamp>);

/// The attempts to sign in, in the database.
#[derive(Clone)]
pub struct PgLockouts {
    database: PgDatabase,
}

impl PgLockouts {
    /// The attempts in this database.
    pub fn new(database: PgDatabase) -> Self {
        Self { database }
    }

    async fn count_in_turn(
        &self,
        attempt: Attempt,
        policy: LockoutPolicy,
        now: Timestamp,
    ) -> Result<Verdict, PortError> {
        let counted = self.database.transact(move |connection| {
            async move {
                let mut counts = hold(connection, &attempt).await?;
                match policy.judge(&mut counts, now) {
                    Verdict::Admitted(admission) => {
                        keep(connection, &attempt, &policy, &counts).await?;
                        Ok(admission)
                    }
                    // The rows that were made are gone with the transaction.
                    refusal => Err(Fail::Refused(refusal)),
                }
            }
            .boxed()
        });
        match counted.await {
            Ok(admission) => Ok(Verdict::Admitted(admission)),
            Err(Fail::Refused(refusal)) => Ok(refusal),
            Err(Fail::Store(error)) => Err(error.into_port(PORT)),
        }
    }
}

#[async_trait]
impl LockoutStore for PgLockouts {
    async fn count(
        &self,
        attempt: &Attempt,
        policy: &LockoutPolicy,
        now: Timestamp,
    ) -> Result<Verdict, PortError> {
        for _ in 0..AT_ONCE {
            let counted = at_once::count(&self.database, attempt, policy, now).await;
            if let Some(verdict) = counted.map_err(|error| error.into_port(PORT))? {
                return Ok(verdict);
            }
        }
        self.count_in_turn(*attempt, *policy, now).await
    }

    async fn settle(
        &self,
        attempt: &Attempt,
        policy: &LockoutPolicy,
        admission: &Admission,
        outcome: Outcome,
    ) -> Result<(), PortError> {
        let settled = at_once::settle(&self.database, attempt, policy, admission, outcome);
        settled.await.map_err(|error| error.into_port(PORT))
    }

    async fn announce(
        &self,
        account: LockoutKey,
        until: Timestamp,
        consequences: &Consequences,
    ) -> Result<bool, PortError> {
        let consequences = Arc::new(consequences.clone());
        let announced = self.database.transact(move |connection| {
            let consequences = Arc::clone(&consequences);
            async move {
                let is_there = lock(connection, account).await?.locked_until == Some(until);
                if is_there {
                    consequences::keep(connection, &consequences).await?;
                }
                Ok(is_there)
            }
            .boxed()
        });
        announced.await.map_err(|error: NoRefusal| error.into_port(PORT))
    }

    async fn locked_until(
        &self,
        account: LockoutKey,
        now: Timestamp,
    ) -> Result<Option<Timestamp>, PortError> {
        let read = |connection: Arc<AsyncPgConnection>| async move {
            let statement = ByKey::new(account.as_bytes());
            statement.get_result::<Row>(&mut &*connection).await.optional()
        };
        let found = self.database.run(Repeat::Safe, read).await;
        let found = found.map_err(|error| error.into_port(PORT))?;
        Ok(found.and_then(|row| tally(row).lock(now)))
    }

    async fn unlock(&self, what: &Unlock) -> Result<Option<Unlocked>, PortError> {
        let what = Arc::new(what.clone());
        let unlocked = self.database.transact(move |connection| {
            let what = Arc::clone(&what);
            async move { unlock(connection, &what).await }.boxed()
        });
        unlocked.await.map_err(|error| error.into_port(PORT))
    }

    async fn purge(&self, before: Timestamp, limit: u32) -> Result<u32, PortError> {
        let send = |connection: Arc<AsyncPgConnection>| async move {
            let statement = Purge::new(before, i64::from(limit));
            statement.execute(&mut &*connection).await
        };
        let purged = self.database.run(Repeat::Safe, send).await;
        let purged = purged.map_err(|error| error.into_port(PORT))?;
        Ok(u32::try_from(purged).unwrap_or(u32::MAX))
    }
}

/// Forgets what was counted by a key, in the transaction under way.
pub(super) async fn forget(connection: &AsyncPgConnection, key: LockoutKey) -> Result<(), DieselError> {
    Forget::new(key.as_bytes()).execute(&mut &*connection).await?;
    Ok(())
}

async fn unlock(connection: &AsyncPgConnection, what: &Unlock) -> Result<Option<Unlocked>, NoRefusal> {
    if let Some(secret) = what.redeems
        && !redeem(connection, what.user, secret, what.now).await?
    {
        return Ok(None);
    }
    let was_locked = lock(connection, what.account).await?.lock(what.now).is_some();
    forget(connection, what.account).await?;
    let ended = end(connection, what.user, what.ends, what.now).await?;
    if was_locked || what.redeems.is_some() {
        consequences::keep(connection, &what.consequences).await?;
    }
    Ok(Some(Unlocked { was_locked, ended }))
}

/// What was counted for those of an attempt, for whom nobody else counts until the end of the transaction.
async fn hold(connection: &AsyncPgConnection, attempt: &Attempt) -> Result<Counts, DieselError> {
    let keys: Vec<_> = attempt.keys().collect();
    let rows: Vec<Row> = Hold::new(digests(&keys)).load(&mut &*connection).await?;
    Ok(counts(rows, attempt))
}

fn digests(keys: &[LockoutKey]) -> Vec<&[u8]> {
    keys.iter().map(|key| &key.as_bytes()[..]).collect()
}

/// What these rows say was counted for those of an attempt.
fn counts(rows: Vec<Row>, attempt: &Attempt) -> Counts {
    let mut tallies: Vec<_> = rows.into_iter().map(|row| (row.0.clone(), tally(row))).collect();
    let mut take = |key: LockoutKey| {
        let place = tallies.iter().position(|(found, _)| found == key.as_bytes());
        place
            .map(|place| tallies.swap_remove(place).1)
            .unwrap_or_default()
    };
    Counts {
        account: take(attempt.account),
        device: attempt.device.map(&mut take),
        address: attempt.address.map(&mut take),
    }
}

/// What was counted for an account, for which nobody else counts until the end of the transaction.
async fn lock(connection: &AsyncPgConnection, key: LockoutKey) -> Result<Tally, DieselError> {
    let statement = LockByKey::new(key.as_bytes());
    let found = statement.get_result(&mut &*connection).await.optional()?;
    Ok(found.map(tally).unwrap_or_default())
}

async fn keep(
    connection: &AsyncPgConnection,
    attempt: &Attempt,
    policy: &LockoutPolicy,
    counts: &Counts,
) -> Result<(), DieselError> {
    let tallies = attempt.tallies(counts);
    // Sent one behind the other without waiting: each is another row, held already.
    try_join_all(tallies.map(|(key, tally)| keep_tally(connection, key, policy, tally))).await?;
    Ok(())
}

async fn keep_tally(
    connection: &AsyncPgConnection,
    key: LockoutKey,
    policy: &LockoutPolicy,
    tally: &Tally,
) -> Result<(), DieselError> {
    let Some(forget_at) = tally.matters_until(policy.window()) else {
        return forget(connection, key).await;
    };
    let statement = Keep::new(&tally.attempts, tally.locked_until, forget_at, key.as_bytes());
    statement.execute(&mut &*connection).await?;
    Ok(())
}

fn tally((_, attempts, locked_until): Row) -> Tally {
    Tally {
        attempts,
        locked_until,
    }
}
