//! Counting without holding what is counted, and settling by one statement.

use std::sync::Arc;

use diesel::sql_types::{Array, Bool, Bytea, Double, Nullable, Timestamptz};
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use parlance_domain::accounts::{
    Admission, Attempt, Counts, LockoutKey, LockoutPolicy, Outcome, Settling, Tally, Verdict,
};
use parlance_domain::time::Timestamp;

use super::{Row, counts, digests};
use crate::database::{PgDatabase, Repeat, StoreError};
use crate::statement::statement;

statement!(
    // What is to be counted for the first time gets an empty row, which says as much as none.
    Look(made: Vec<&'a [u8]> => Array<Bytea>, keys: Vec<&'a [u8]> => Array<Bytea>)
        -> (Bytea, Array<Timestamptz>, Nullable<Timestamptz>)
        = "WITH made AS (INSERT INTO lockouts (key, attempts, forget_at) \
             SELECT key, '{}', '-infinity' FROM unnest(?::bytea[]) AS key ON CONFLICT (key) DO NOTHING RETURNING key) \
           SELECT key, attempts, locked_until FROM lockouts WHERE key = ANY (?) \
           UNION ALL SELECT key, '{}'::timestamptz[], NULL FROM made"
);
statement!(
    // Changes all of the rows if each is as it was read, else none. All who hold several take them in the order of the keys.
    #[expect(clippy::too_many_arguments, reason = "one for each column")]
    KeepUnlessOvertaken(
        keys: Vec<&'a [u8]> => Array<Bytea>,
        was_locked_until: Vec<Option<Timestamp>> => Array<Nullable<Timestamptz>>,
        locked_until: Vec<Option<Timestamp>> => Array<Nullable<Timestamptz>>,
        forget_at: Vec<Timestamp> => Array<Timestamptz>,
        was_attempt_of: Vec<&'a [u8]> => Array<Bytea>,
        was_attempt_at: Vec<Timestamp> => Array<Timestamptz>,
        attempt_of: Vec<&'a [u8]> => Array<Bytea>,
        attempt_at: Vec<Timestamp> => Array<Timestamptz>,
    ) = "WITH tally AS (SELECT * FROM unnest(?::bytea[], ?::timestamptz[], ?::timestamptz[], ?::timestamptz[]) \
             AS tally (key, was_locked_until, locked_until, forget_at)), \
           was AS (SELECT * FROM unnest(?::bytea[], ?::timestamptz[]) WITH ORDINALITY AS was (key, at, place)), \
           is_to_be AS (SELECT * FROM unnest(?::bytea[], ?::timestamptz[]) WITH ORDINALITY AS is_to_be (key, at, place)), \
           held AS (SELECT lockouts.key FROM lockouts JOIN tally USING (key) \
             WHERE lockouts.locked_until IS NOT DISTINCT FROM was_locked_until \
               AND attempts = ARRAY(SELECT at FROM was WHERE was.key = tally.key ORDER BY place) \
             ORDER BY lockouts.key FOR UPDATE OF lockouts) \
           UPDATE lockouts SET locked_until = tally.locked_until, forget_at = tally.forget_at, \
             attempts = ARRAY(SELECT at FROM is_to_be WHERE is_to_be.key = tally.key ORDER BY place) \
           FROM tally WHERE lockouts.key = tally.key \
             AND (SELECT count(*) FROM held) = (SELECT count(*) FROM tally)"
);
statement!(
    Settle(
        keys: Vec<&'a [u8]> => Array<Bytea>,
        begins_anew: Vec<bool> => Array<Bool>,
        locks: Vec<Option<Timestamp>> => Array<Nullable<Timestamptz>>,
        at: Timestamp => Timestamptz,
        window: f64 => Double,
    ) = "WITH held AS (SELECT lockouts.key, begins_anew, lock, attempts, locked_until, \
               array_position(attempts, admitted.at) AS place, admitted.attempts_matter \
             FROM unnest(?::bytea[], ?::bool[], ?::timestamptz[]) AS settling (key, begins_anew, lock) \
             JOIN lockouts USING (key) \
             CROSS JOIN (VALUES (?::timestamptz, make_interval(secs => ?))) AS admitted (at, attempts_matter) \
             ORDER BY lockouts.key FOR UPDATE OF lockouts), \
           settled AS (SELECT key, attempts_matter, CASE WHEN begins_anew THEN '{}' WHEN place IS NULL THEN attempts \
               ELSE attempts[:place - 1] || attempts[place + 1:] END AS attempts, \
             CASE WHEN begins_anew OR (place IS NOT NULL AND locked_until = lock) THEN NULL ELSE locked_until END \
               AS locked_until FROM held), \
           gone AS (DELETE FROM lockouts USING settled WHERE lockouts.key = settled.key \
             AND settled.attempts = '{}' AND settled.locked_until IS NULL) \
           UPDATE lockouts SET attempts = settled.attempts, locked_until = settled.locked_until, \
             forget_at = greatest(settled.attempts[cardinality(settled.attempts)] + attempts_matter, settled.locked_until) \
           FROM settled WHERE lockouts.key = settled.key \
             AND NOT (settled.attempts = '{}' AND settled.locked_until IS NULL)"
);

/// Counts an attempt, unless somebody else counted for the same meanwhile: then `None`.
pub(super) async fn count(
    database: &PgDatabase,
    attempt: &Attempt,
    policy: &LockoutPolicy,
    now: Timestamp,
) -> Result<Option<Verdict>, StoreError> {
    let before = look(database, attempt).await?;
    let mut after = before.clone();
    let verdict = policy.judge(&mut after, now);
    let is_kept = match verdict {
        Verdict::Admitted(_) => keep(database, attempt, policy, &before, &after).await?,
        Verdict::Locked { .. } | Verdict::Throttled { .. } => true,
    };
    Ok(is_kept.then_some(verdict))
}

async fn look(database: &PgDatabase, attempt: &Attempt) -> Result<Counts, StoreError> {
    let keys: Vec<_> = attempt.keys().collect();
    let read = |connection: Arc<AsyncPgConnection>| {
        let statement = Look::new(digests(&keys), digests(&keys));
        async move { statement.load(&mut &*connection).await }
    };
    let rows: Vec<Row> = database.run(Repeat::Safe, read).await?;
    Ok(counts(rows, attempt))
}

/// Whether nobody else changed what was counted.
async fn keep(
    database: &PgDatabase,
    attempt: &Attempt,
    policy: &LockoutPolicy,
    before: &Counts,
    after: &Counts,
) -> Result<bool, StoreError> {
    let changes = attempt.tallies(before).zip(attempt.tallies(after));
    let changes: Vec<Change<'_>> = changes
        .map(|((key, before), (_, after))| (key, before, after))
        .collect();
    let send = |connection: Arc<AsyncPgConnection>| {
        let statement = keep_unless_overtaken(&changes, policy);
        async move { statement.execute(&mut &*connection).await }
    };
    Ok(database.run(Repeat::Never, send).await? == changes.len())
}

/// By what is counted, and what it was and is to be.
type Change<'a> = (LockoutKey, &'a Tally, &'a Tally);

fn keep_unless_overtaken<'a>(changes: &'a [Change<'a>], policy: &LockoutPolicy) -> KeepUnlessOvertaken<'a> {
    let keys = changes.iter().map(|(key, ..)| &key.as_bytes()[..]);
    let forget_at = |tally: &Tally| tally.matters_until(policy.window()).unwrap_or(Timestamp::MIN_UTC);
    let (was_of, was_at) = attempts(changes.iter().map(|(key, before, _)| (key, *before)));
    let (of, at) = attempts(changes.iter().map(|(key, _, after)| (key, *after)));
    KeepUnlessOvertaken::new(
        keys.collect(),
        changes.iter().map(|(_, before, _)| before.locked_until).collect(),
        changes.iter().map(|(.., after)| after.locked_until).collect(),
        changes.iter().map(|(.., after)| forget_at(after)).collect(),
        was_of,
        was_at,
        of,
        at,
    )
}

/// Each attempt of these tallies, and whose it is.
fn attempts<'a>(
    tallies: impl Iterator<Item = (&'a LockoutKey, &'a Tally)>,
) -> (Vec<&'a [u8]>, Vec<Timestamp>) {
    let attempts =
        tallies.flat_map(|(key, tally)| tally.attempts.iter().map(|at| (&key.as_bytes()[..], *at)));
    attempts.unzip()
}

/// Applies [`LockoutPolicy::settlement`].
pub(super) async fn settle(
    database: &PgDatabase,
    attempt: &Attempt,
    policy: &LockoutPolicy,
    admission: &Admission,
    outcome: Outcome,
) -> Result<(), StoreError> {
    let settlement = policy.settlement(admission, outcome);
    let of_each = [
        (Some(attempt.account), settlement.account),
        (attempt.device, settlement.device),
        (attempt.address, settlement.address),
    ];
    let (mut keys, mut begins_anew, mut locks) = (Vec::new(), Vec::new(), Vec::new());
    for (key, settling) in of_each {
        let (is_new, lock) = match settling {
            Settling::Stays => continue,
            Settling::BeginsAnew => (true, None),
            Settling::TakenBack { lock, .. } => (false, lock),
        };
        if let Some(key) = key {
            keys.push(key);
            begins_anew.push(is_new);
            locks.push(lock);
        }
    }
    let window = policy.window().as_seconds_f64();
    let send = |connection: Arc<AsyncPgConnection>| {
        let (begins_anew, locks) = (begins_anew.clone(), locks.clone());
        let statement = Settle::new(digests(&keys), begins_anew, locks, admission.at, window);
        async move { statement.execute(&mut &*connection).await }
    };
    // Done twice, nothing more becomes of it: an attempt that was taken back is not there any more.
    database.run(Repeat::Safe, send).await?;
    Ok(())
}
