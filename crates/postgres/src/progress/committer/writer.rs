//! A writer: takes what waits, reads, decides, writes, answers.

use std::collections::HashSet;
use std::hash::{BuildHasher, RandomState};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::Duration;

use parlance_domain::ids::UserId;
use parlance_domain::progress::{Appended, Decision, Refusal, decide};
use tokio::time::{Instant, sleep, timeout};

use super::facts::{self, Known, Reading};
use super::queue::{Queue, Turn};
use super::write::{self, Pending};
use crate::database::{Link, PgDatabase, StoreError, Verdict};

/// How often a write is tried that the database refuses.
const MOST_FAILURES: u32 = 3;
/// How long a server is left alone on which connections fail, at first and in the end.
const FIRST_PAUSE: Duration = Duration::from_millis(50);
const LONGEST_PAUSE: Duration = Duration::from_secs(1);
/// How long a write waits that was overtaken, at most, at first and in the end.
const FIRST_DETOUR: Duration = Duration::from_millis(2);
const LONGEST_DETOUR: Duration = Duration::from_millis(16);

// Plans that look up each row by itself are the right ones for a group of any size, whatever is known of the sizes of
// tables; and a plan made anew costs more than its execution.
const SETTINGS: &str = "SET plan_cache_mode = force_generic_plan; SET enable_seqscan = off; SET jit = off";

/// A writer with a connection of its own.
pub(super) struct Writer {
    database: PgDatabase,
    queue: Arc<Queue>,
    link: Option<Link>,
    /// How many connections failed in a row, to be made or before anything was read on them.
    failures: u32,
}

impl Writer {
    /// One that is not connected yet.
    pub(super) fn new(database: PgDatabase, queue: Arc<Queue>) -> Self {
        Self {
            database,
            queue,
            link: None,
            failures: 0,
        }
    }

    /// Writes until nothing will come any more.
    pub(super) async fn run(mut self) {
        loop {
            if let Some(pause) = pause(self.failures) {
                sleep(pause).await;
            }
            let turns = self.queue.take().await;
            if turns.is_empty() {
                break;
            }
            let begun = Instant::now();
            self.commit(turns).await;
            self.queue.counters.group_took(begun.elapsed());
        }
        if let Some(link) = self.link {
            link.close().await;
        }
    }

    async fn commit(&mut self, turns: Vec<Turn>) {
        if let Err(error) = self.connect().await {
            return self.fail_over(turns, error, true);
        }
        let reading = match self.read(&turns).await {
            Ok(reading) => reading,
            Err(error) => {
                let is_over = self.is_over(&error).await;
                return self.fail_over(turns, error, is_over);
            }
        };
        if std::mem::take(&mut self.failures) > 0 {
            tracing::info!("progress can be written again");
        }
        let group: Vec<Pending> = turns
            .into_iter()
            .zip(reading)
            .filter_map(|(turn, known)| settle(turn, known))
            .collect();
        if group.is_empty() {
            return;
        }
        match self.write(&group).await {
            Ok(written) => self.answer(group, &written),
            Err(error) => {
                let is_over = self.is_over(&error).await;
                let attempts = group.into_iter().map(|member| member.into_attempt(is_over));
                self.fail_over(attempts.collect(), error, is_over);
            }
        }
    }

    /// Sees to it that there is a connection.
    async fn connect(&mut self) -> Result<(), StoreError> {
        if self.link.as_ref().is_some_and(|link| !link.has_ended()) {
            return Ok(());
        }
        self.link = None;
        self.queue.counters.connected();
        self.link = Some(self.database.link(SETTINGS).await?);
        Ok(())
    }

    async fn read(&self, turns: &[Turn]) -> Result<Reading, StoreError> {
        let link = self.link.as_ref().ok_or(StoreError::Closed)?;
        timeout(self.database.patience(), facts::read(&link.connection, turns))
            .await
            .unwrap_or(Err(StoreError::Timeout))
    }

    async fn write(&self, group: &[Pending]) -> Result<HashSet<UserId>, StoreError> {
        let link = self.link.as_ref().ok_or(StoreError::Closed)?;
        match timeout(self.database.patience(), write::write(&link.connection, group)).await {
            Ok(written) => Ok(written?),
            Err(_) => Err(StoreError::Timeout),
        }
    }

    /// Tells those whose writes are committed; the others were overtaken.
    fn answer(&self, group: Vec<Pending>, written: &HashSet<UserId>) {
        if !written.is_empty() {
            self.queue.counters.group_committed(written.len());
        }
        for member in group {
            if written.contains(&member.user()) {
                member.succeed();
            } else {
                self.queue.counters.overtaken();
                let mut turn = member.turn;
                turn.entry.why = Some(Arc::new(StoreError::Overtaken));
                let pause = detour(turn.entry.overtaken);
                turn.entry.overtaken = turn.entry.overtaken.saturating_add(1);
                turn.again_after(pause);
            }
        }
    }

    /// Whether the connection is of no more use after this error.
    async fn is_over(&mut self, error: &StoreError) -> bool {
        let is_over = match (error.verdict(), &self.link) {
            (Verdict::Broken, _) | (_, None) => true,
            (Verdict::Unclear, Some(link)) => link.ends_now().await,
            (Verdict::Final | Verdict::Lost, Some(_)) => false,
        };
        if is_over {
            self.link = None;
        }
        is_over
    }

    /// What comes after a failure: with another connection together again, else each alone, a few times.
    fn fail_over(&mut self, turns: Vec<Turn>, error: StoreError, is_over: bool) {
        // Of a server that is gone one line is enough.
        if !is_over || self.failures == 0 {
            tracing::warn!(
                error = &error as &dyn std::error::Error,
                members = turns.len(),
                "progress could not be written and is tried again"
            );
        }
        if is_over {
            self.failures = self.failures.saturating_add(1);
        } else if turns.len() > 1 {
            self.queue.counters.group_retried();
        }
        let error = Arc::new(error);
        for mut turn in turns {
            turn.entry.why = Some(Arc::clone(&error));
            if is_over {
                turn.again_after(Duration::ZERO);
                continue;
            }
            turn.entry.alone = true;
            turn.entry.failures += 1;
            match turn.entry.failures {
                MOST_FAILURES.. => turn.fail(Arc::clone(&error)),
                failures => turn.again_after(detour(failures)),
            }
        }
    }
}

/// How long the server is left alone after so many failures in a row: after the first one, not at all.
fn pause(failures: u32) -> Option<Duration> {
    let doublings = failures.checked_sub(2)?.min(8);
    let pause = FIRST_PAUSE.saturating_mul(1 << doublings);
    Some(pause.min(LONGEST_PAUSE))
}

/// Decides; answers at once what needs no writing.
fn settle(mut turn: Turn, known: Result<Known, StoreError>) -> Option<Pending> {
    let known = match known {
        Ok(known) => known,
        Err(error) => {
            turn.fail(Arc::new(error));
            return None;
        }
    };
    if let Some(attempt) = turn
        .entry
        .attempt
        .take_if(|attempt| attempt.behind != known.position)
        && known.is_committed
    {
        turn.answer(Ok(attempt.appended));
        return None;
    }
    let submission = &turn.entry.submission;
    // What panics over one write is no reason to fail the others.
    match catch_unwind(AssertUnwindSafe(|| decide(submission, &known.facts))) {
        Ok(Ok(decision)) if is_to_be_written(&decision) && !submission.dry_run => {
            Some(Pending::new(turn, &known, decision))
        }
        Ok(decided) => {
            turn.answer(decided.map(appended).map_err(Refusal::into));
            None
        }
        Err(_) => {
            turn.fail(Arc::new(StoreError::Panicked));
            None
        }
    }
}

fn is_to_be_written(decision: &Decision) -> bool {
    !decision.events.is_empty() || !decision.rows.is_empty()
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

/// A while of a random length, longer after more attempts, so that two who are in each other's way part.
fn detour(attempts: u32) -> Duration {
    let longest = FIRST_DETOUR
        .saturating_mul(1 << attempts.min(8))
        .min(LONGEST_DETOUR);
    let random = RandomState::new().hash_one(attempts);
    longest.mul_f64(0.25 + 0.75 * f64::from(u8::try_from(random >> 56).unwrap_or(0)) / 256.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_detour_grows_up_to_a_bound_and_is_of_random_length() {
        let of = |attempts| (0..200).map(move |_| detour(attempts));
        assert!(of(0).all(|pause| pause < FIRST_DETOUR && pause >= FIRST_DETOUR / 4));
        assert!(of(u32::MAX).all(|pause| pause < LONGEST_DETOUR && pause >= LONGEST_DETOUR / 4));
        let different: HashSet<Duration> = of(3).collect();
        assert!(different.len() > 20);
    }
}
