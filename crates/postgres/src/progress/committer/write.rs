//! The statement that writes a group: a transaction of its own, for each member all or nothing.

use std::collections::HashSet;

use diesel::QueryResult;
use diesel::pg::Pg;
use diesel::query_builder::{AstPass, Query, QueryFragment, QueryId};
use diesel::sql_types::{BigInt, Uuid as SqlUuid};
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use parlance_domain::ids::UserId;
use parlance_domain::progress::{Appended, Decision, Event, EventKind, ProgressRow};
use uuid::Uuid;

use super::entry::Attempt;
use super::facts::Known;
use super::queue::Turn;
use crate::convert::to_i64;
use crate::progress::columns::columns;
use crate::progress::event::NewEvents;
use crate::progress::row::NewRows;

/// A member of a group on whose change was decided.
pub(super) struct Pending {
    pub(super) turn: Turn,
    head: Head,
    events: Vec<Event>,
    rows: Vec<ProgressRow>,
    appended: Appended,
}

/// A learner's head, as it was when the decision was made and as it will be.
struct Head {
    old_revision: u64,
    old_position: u64,
    revision: u64,
    position: u64,
}

impl Pending {
    /// What is to be written for this turn.
    pub(super) fn new(turn: Turn, known: &Known, decision: Decision) -> Self {
        let Decision {
            events,
            rows,
            revision,
            accepted,
            duplicates,
            answer,
            merged,
        } = decision;
        Self {
            turn,
            head: Head {
                old_revision: known.facts.revision,
                old_position: known.position,
                revision,
                position: known.position + events.len() as u64,
            },
            events,
            rows,
            appended: Appended {
                accepted,
                duplicates,
                rows: answer,
                merged,
                revision,
            },
        }
    }

    /// Whose it is.
    pub(super) fn user(&self) -> UserId {
        self.turn.entry.user
    }

    /// It is committed.
    pub(super) fn succeed(self) {
        self.turn.answer(Ok(self.appended));
    }

    /// It failed, and may have been committed nevertheless; how it goes on with the turn is left to the caller.
    pub(super) fn into_attempt(mut self, uncertain: bool) -> Turn {
        self.turn.entry.attempt = Some(Attempt {
            behind: self.head.old_position,
            events: self.events.iter().map(|event| event.id).collect(),
            appended: self.appended,
            uncertain,
        });
        self.turn
    }
}

columns! {
    /// Heads that are to move, if they are still where they were.
    struct Heads {
        user_id: Uuid => SqlUuid,
        old_revision: i64 => BigInt,
        old_position: i64 => BigInt,
        revision: i64 => BigInt,
        position: i64 => BigInt,
    }
}

/// A review that is taken back.
#[derive(Default)]
struct Undone {
    user_id: Uuid,
    review_id: Uuid,
}

/// Writes a group; gives back the learners whose heads had not moved, for whom alone anything is written.
///
/// The form with a review that is taken back is for a member alone.
struct Write<'a, const UNDO: bool> {
    heads: Heads<'a>,
    events: NewEvents<'a>,
    undone: Undone,
    rows: NewRows<'a>,
}

/// Writes the group in one transaction; gives back the learners whose heads had not moved, for whom alone anything
/// was written.
pub(super) async fn write(connection: &AsyncPgConnection, group: &[Pending]) -> QueryResult<HashSet<UserId>> {
    let mut connection = connection;
    let written: Vec<(Uuid,)> = if let Some(review) = undone(group) {
        let statement = Write::<true>::of(group, review);
        statement.load(&mut connection).await?
    } else {
        let statement = Write::<false>::of(group, Undone::default());
        statement.load(&mut connection).await?
    };
    Ok(written.into_iter().map(|(user,)| UserId(user)).collect())
}

/// The review that a group takes back: one that does has but one member.
fn undone(group: &[Pending]) -> Option<Undone> {
    let [member] = group else { return None };
    member.events.iter().find_map(|event| match event.kind {
        EventKind::Undo { review } => Some(Undone {
            user_id: member.user().0,
            review_id: review.0,
        }),
        _ => None,
    })
}

impl<'a, const UNDO: bool> Write<'a, UNDO> {
    fn of(group: &'a [Pending], undone: Undone) -> Self {
        let mut write = Self {
            heads: Heads::with_capacity(group.len()),
            events: NewEvents::with_capacity(group.iter().map(|member| member.events.len()).sum()),
            undone,
            rows: NewRows::with_capacity(group.iter().map(|member| member.rows.len()).sum()),
        };
        for member in group {
            let user = member.user();
            write.push_head(user, &member.head);
            let behind = member.head.old_position;
            for (position, event) in (behind + 1..).zip(&member.events) {
                let now = member.turn.entry.submission.now;
                write.events.push(user, position, event, now);
            }
            for row in &member.rows {
                write.rows.push(user, row);
            }
        }
        write
    }

    fn push_head(&mut self, user: UserId, head: &Head) {
        self.heads.user_id.push(user.0);
        self.heads.old_revision.push(to_i64(head.old_revision));
        self.heads.old_position.push(to_i64(head.old_position));
        self.heads.revision.push(to_i64(head.revision));
        self.heads.position.push(to_i64(head.position));
    }
}

impl<const UNDO: bool> QueryId for Write<'_, UNDO> {
    type QueryId = Write<'static, UNDO>;

    const HAS_STATIC_QUERY_ID: bool = true;
}

impl<const UNDO: bool> Query for Write<'_, UNDO> {
    type SqlType = (SqlUuid,);
}

// A head that somebody holds will have moved by the time that it is let go, so that it is not waited for: no group
// waits for another one, in whatever order their learners come. It is moved by an insert that always conflicts: so each
// one is looked up by itself, however few there were when the statement was planned.
const LOCK_HEADS: &str = ", locked AS (SELECT w.user_id, w.revision, w.position FROM wanted w CROSS JOIN LATERAL ( \
    SELECT FROM progress_heads h WHERE h.user_id = w.user_id AND h.revision = w.old_revision \
    AND h.position = w.old_position FOR NO KEY UPDATE SKIP LOCKED) h), \
    heads AS (INSERT INTO progress_heads (user_id, revision, position) \
    SELECT user_id, revision, position FROM locked ON CONFLICT (user_id) DO UPDATE SET \
    revision = excluded.revision, position = excluded.position RETURNING user_id), \
    events AS (INSERT INTO progress_events (user_id, id, word_id, position, kind, at, device_id, rating, \
    duration_ms, retention, clamped, undone, study_count, correct_count, confidence, raised_study_count, review_id, \
    recorded_at) SELECT e.user_id, e.id, e.word_id, e.position, e.kind, e.at, e.device_id, e.rating, e.duration_ms, \
    e.retention, e.clamped, FALSE, e.study_count, e.correct_count, e.confidence, e.raised_study_count, e.review_id, \
    e.recorded_at FROM ";
const MARK_UNDONE: &str = ", undone AS (UPDATE progress_events SET undone = TRUE \
    WHERE EXISTS (SELECT FROM heads) AND user_id = ";
const WRITE_ROWS: &str = ", rows AS (INSERT INTO progress (user_id, word_id, id, fold_version, revision, deleted, \
    study_count, correct_count, confidence, next_review, stability, difficulty, last_review, lapses, last_at, \
    last_id, created_at, updated_at) SELECT p.* FROM ";
const OVER_ROWS: &str = " JOIN heads USING (user_id) ON CONFLICT (user_id, word_id) DO UPDATE SET \
    id = excluded.id, fold_version = excluded.fold_version, revision = excluded.revision, \
    deleted = excluded.deleted, study_count = excluded.study_count, correct_count = excluded.correct_count, \
    confidence = excluded.confidence, next_review = excluded.next_review, stability = excluded.stability, \
    difficulty = excluded.difficulty, last_review = excluded.last_review, lapses = excluded.lapses, \
    last_at = excluded.last_at, last_id = excluded.last_id, created_at = excluded.created_at, \
    updated_at = excluded.updated_at) SELECT user_id FROM heads";

impl<const UNDO: bool> QueryFragment<Pg> for Write<'_, UNDO> {
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, Pg>) -> QueryResult<()> {
        out.push_sql("WITH wanted AS (SELECT * FROM ");
        self.heads.unnest("w", &mut out)?;
        out.push_sql(")");
        out.push_sql(LOCK_HEADS);
        self.events.unnest("e", &mut out)?;
        out.push_sql(" JOIN heads USING (user_id))");
        if UNDO {
            out.push_sql(MARK_UNDONE);
            out.push_bind_param::<SqlUuid, _>(&self.undone.user_id)?;
            out.push_sql(" AND id = ");
            out.push_bind_param::<SqlUuid, _>(&self.undone.review_id)?;
            out.push_sql(")");
        }
        out.push_sql(WRITE_ROWS);
        self.rows.unnest("p", &mut out)?;
        out.push_sql(OVER_ROWS);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::super::facts::ReadFacts;
    use super::{Undone, Write};
    use crate::script::{assert_sends, text};

    #[test]
    fn the_benchmark_writes_progress_as_the_store_does() {
        let expected = [
            text(&ReadFacts::new(&[], &[], &[])),
            text(&Write::<false>::of(&[], Undone::default())),
        ];
        for script in [
            include_str!("../../../../../xtask/bench/pgbench/put.sql"),
            include_str!("../../../../../xtask/bench/pgbench/batch.sql"),
        ] {
            assert_sends(script, &expected);
        }
    }
}
