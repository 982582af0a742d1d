//! Everything of one learner, written.

use diesel::QueryResult;
use diesel::pg::Pg;
use diesel::query_builder::{AstPass, QueryFragment, QueryId};
use diesel::sql_types::{Array, BigInt, Uuid as SqlUuid};
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use parlance_domain::ids::UserId;
use parlance_domain::progress::ProgressRow;
use parlance_domain::transfer::{LearnerRecord, StoredEvent};
use uuid::Uuid;

use super::holdings;
use crate::convert::to_i64;
use crate::database::StoreError;
use crate::progress::event::NewEvents;
use crate::progress::row::NewRows;
use crate::statement::statement;

/// How many events or rows one statement writes.
const CHUNK: usize = 10_000;

statement!(
    MoveHead(revision: i64 => BigInt, position: i64 => BigInt, user_id: Uuid => SqlUuid)
        = "UPDATE progress_heads SET revision = ?, position = ? WHERE user_id = ?"
);

/// Keeps everything of a learner, within a transaction.
pub(super) async fn import(
    mut connection: &AsyncPgConnection,
    record: &LearnerRecord,
) -> Result<(), StoreError> {
    let LearnerRecord {
        holdings,
        revision,
        events,
        rows,
    } = record;
    let id = holdings.owner();
    holdings::keep(connection, holdings).await?;
    MoveHead::new(to_i64(*revision), to_i64(record.position()), id.0)
        .execute(&mut connection)
        .await?;
    for chunk in events.chunks(CHUNK) {
        InsertEvents::of(id, chunk).execute(&mut connection).await?;
    }
    for chunk in rows.chunks(CHUNK) {
        InsertRows::of(id, chunk).execute(&mut connection).await?;
    }
    Ok(())
}

/// Writes events in their places.
struct InsertEvents<'a> {
    events: NewEvents<'a>,
    undone: Vec<Uuid>,
}

impl<'a> InsertEvents<'a> {
    fn of(user: UserId, stored: &'a [StoredEvent]) -> Self {
        let mut events = NewEvents::with_capacity(stored.len());
        for one in stored {
            events.push(user, one.position, &one.event, one.recorded_at);
        }
        let undone = stored.iter().filter(|one| one.undone);
        Self {
            events,
            undone: undone.map(|one| one.event.id.0).collect(),
        }
    }
}

impl QueryId for InsertEvents<'_> {
    type QueryId = InsertEvents<'static>;

    const HAS_STATIC_QUERY_ID: bool = true;
}

impl QueryFragment<Pg> for InsertEvents<'_> {
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, Pg>) -> QueryResult<()> {
        out.push_sql(
            "INSERT INTO progress_events (user_id, id, word_id, position, kind, at, device_id, rating, duration_ms, \
             retention, clamped, study_count, correct_count, confidence, raised_study_count, review_id, recorded_at, \
             undone) SELECT e.*, e.id IN (SELECT unnest(",
        );
        out.push_bind_param::<Array<SqlUuid>, _>(&self.undone)?;
        out.push_sql(")) FROM ");
        self.events.unnest("e", &mut out)
    }
}

/// Writes rows of the projection.
struct InsertRows<'a> {
    rows: NewRows<'a>,
}

impl<'a> InsertRows<'a> {
    fn of(user: UserId, stored: &'a [ProgressRow]) -> Self {
        let mut rows = NewRows::with_capacity(stored.len());
        for row in stored {
            rows.push(user, row);
        }
        Self { rows }
    }
}

impl QueryId for InsertRows<'_> {
    type QueryId = InsertRows<'static>;

    const HAS_STATIC_QUERY_ID: bool = true;
}

impl QueryFragment<Pg> for InsertRows<'_> {
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, Pg>) -> QueryResult<()> {
        out.push_sql(
            "INSERT INTO progress (user_id, word_id, id, fold_version, revision, deleted, study_count, \
             correct_count, confidence, next_review, stability, difficulty, last_review, lapses, last_at, last_id, \
             created_at, updated_at) SELECT p.* FROM ",
        );
        self.rows.unnest("p", &mut out)
    }
}
