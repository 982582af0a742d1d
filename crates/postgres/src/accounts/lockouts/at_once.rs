//! Counting without holding what is counted, the first attempt and the settling by one statement each.

use std::sync::Arc;

use diesel::sql_types::{Array, Bool, Bytea, Double, Nullable, Timestamptz};
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use parlance_domain::accounts::{
    Admission, Attempt, Counts, LockoutKey, LockoutPolicy, Outcome, Settlement, Settling, Tally, Verdict,
};
use parlance_domain::time::Timestamp;

use super::{counts, digests};
use crate::database::{PgDatabase, Repeat, StoreError};
use crate::statement::statement;

statement!(
    // Where nothing was counted by any of the keys, all are counted by. Else tells what was, and what is to be counted by
    // for the first time gets an empty row, which says as much as none.
    CountIfFirst(
        keys: Vec<&'a [u8]> => Array<Bytea>,
        made: Vec<&'a [u8]> => Array<Bytea>,
        locked_until: Vec<Option<Timestamp>> => Array<Nullable<Timestamptz>>,
        forget_at: Vec<Timestamp> => Array<Timestamptz>,
        at: Timestamp => Timestamptz,
    ) -> (Bytea, Array<Timestamptz>, Nullable<Timestamptz>, Bool)
        = "WITH there AS (SELECT key, attempts, locked_until FROM lockouts WHERE key = ANY (?)), \
             is_first AS (SELECT NOT EXISTS (SELECT FROM there) AS is_first), \
             made AS (INSERT INTO lockouts (key, attempts, locked_until, forget_at) \
               SELECT first.key, CASE WHEN is_first THEN ARRAY[at] ELSE '{}' END, \
                 CASE WHEN is_first THEN first.locked_until END, \
                 CASE WHEN is_first THEN first.forget_at ELSE '-infinity' END \
               FROM unnest(?::bytea[], ?::timestamptz[], ?::timestamptz[]) AS first (key, locked_until, forget_at) \
               CROSS JOIN is_first CROSS JOIN (VALUES (?::timestamptz)) AS attempt (at) \
               ON CONFLICT (key) DO NOTHING RETURNING key, attempts, locked_until) \
           SELECT key, attempts, locked_until, false FROM there \
           UNION ALL SELECT key, attempts, locked_until, is_first FROM made CROSS JOIN is_first"
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

/// What was counted by a key, and whether the attempt is now.
type Found = (Vec<u8>, Vec<Timestamp>, Option<Timestamp>, bool);

/// What became of an attempt to count the first attempt.
enum First {
    /// It is counted.
    Counted,
    /// It is counted by these keys; by the others somebody else counted at the same moment.
    CountedInPart(Vec<LockoutKey>),
    /// It is not the first: this is what was counted before.
    Another(Counts),
}

/// Counts an attempt, unless somebody else counted for the same meanwhile: then `None`.
///
/// The first attempt, such as that of almost everybody who signs in, takes one statement.
pub(super) async fn count(
    database: &PgDatabase,
    attempt: &Attempt,
    policy: &LockoutPolicy,
    now: Timestamp,
) -> Result<Option<Verdict>, StoreError> {
    let mut first = counts(Vec::new(), attempt);
    let verdict = policy.judge(&mut first, now);
    let Verdict::Admitted(admission) = verdict else {
        return Ok(Some(verdict));
    };
    match count_if_first(database, attempt, policy, &first, now).await? {
        First::Counted => Ok(Some(verdict)),
        First::CountedInPart(by) => {
            let settlement = policy.settlement(&admission, Outcome::Abandoned);
            let of_each = settlings(attempt, &settlement).filter(|(key, _)| by.contains(key));
            apply(database, of_each, policy, &admission).await?;
            Ok(None)
        }
        First::Another(before) => count_another(database, attempt, policy, &before, now).await,
    }
}

async fn count_if_first(
    database: &PgDatabase,
    attempt: &Attempt,
    policy: &LockoutPolicy,
    first: &Counts,
    now: Timestamp,
) -> Result<First, StoreError> {
    let (keys, tallies): (Vec<_>, Vec<_>) = attempt.tallies(first).unzip();
    let send = |connection: Arc<AsyncPgConnection>| {
        let locked_until = tallies.iter().map(|tally| tally.locked_until).collect();
        let forget_at = tallies.iter().map(|tally| forget_at(tally, policy)).collect();
        let statement = CountIfFirst::new(digests(&keys), digests(&keys), locked_until, forget_at, now);
        async move { statement.load(&mut &*connection).await }
    };
    let found: Vec<Found> = database.run(Repeat::Never, send).await?;
    let is_counted = |key: &LockoutKey| {
        let mut counted = found.iter().filter(|(.., is_counted)| *is_counted);
        counted.any(|(found, ..)| found == key.as_bytes())
    };
    let by: Vec<LockoutKey> = keys.iter().copied().filter(is_counted).collect();
    Ok(if by.len() == keys.len() {
        First::Counted
    } else if !by.is_empty() {
        First::CountedInPart(by)
    } else {
        let rows = found
            .into_iter()
            .map(|(key, attempts, lock, _)| (key, attempts, lock));
        First::Another(counts(rows.collect(), attempt))
    })
}

/// Counts an attempt after others.
async fn count_another(
    database: &PgDatabase,
    attempt: &Attempt,
    policy: &LockoutPolicy,
    before: &Counts,
    now: Timestamp,
) -> Result<Option<Verdict>, StoreError> {
    let mut after = before.clone();
    let verdict = policy.judge(&mut after, now);
    let is_kept = match verdict {
        Verdict::Admitted(_) => keep(database, attempt, policy, before, &after).await?,
        Verdict::Locked { .. } | Verdict::Throttled { .. } => true,
    };
    Ok(is_kept.then_some(verdict))
}

/// When a tally may be forgotten.
fn forget_at(tally: &Tally, policy: &LockoutPolicy) -> Timestamp {
    tally.matters_until(policy.window()).unwrap_or(Timestamp::MIN_UTC)
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
    let (was_of, was_at) = attempts(changes.iter().map(|(key, before, _)| (key, *before)));
    let (of, at) = attempts(changes.iter().map(|(key, _, after)| (key, *after)));
    KeepUnlessOvertaken::new(
        keys.collect(),
        changes.iter().map(|(_, before, _)| before.locked_until).collect(),
        changes.iter().map(|(.., after)| after.locked_until).collect(),
        changes
            .iter()
            .map(|(.., after)| forget_at(after, policy))
            .collect(),
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
    apply(database, settlings(attempt, &settlement), policy, admission).await
}

/// What becomes of what was counted by each key.
fn settlings(
    attempt: &Attempt,
    settlement: &Settlement,
) -> impl Iterator<Item = (LockoutKey, Settling)> + use<> {
    let of_each = [
        (Some(attempt.account), settlement.account),
        (attempt.device, settlement.device),
        (attempt.address, settlement.address),
    ];
    of_each
        .into_iter()
        .filter_map(|(key, settling)| Some((key?, settling)))
}

async fn apply(
    database: &PgDatabase,
    settlings: impl Iterator<Item = (LockoutKey, Settling)>,
    policy: &LockoutPolicy,
    admission: &Admission,
) -> Result<(), StoreError> {
    let (mut keys, mut begins_anew, mut locks) = (Vec::new(), Vec::new(), Vec::new());
    for (key, settling) in settlings {
        let (is_new, lock) = match settling {
            Settling::Stays => continue,
            Settling::BeginsAnew => (true, None),
            Settling::TakenBack { lock, .. } => (false, lock),
        };
        keys.push(key);
        begins_anew.push(is_new);
        locks.push(lock);
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
