//! The question for a page of entries.

use diesel::query_builder::{AstPass, Query, QueryFragment, QueryId};
use diesel::sql_types::{BigInt, Binary, Text};
use diesel::sqlite::Sqlite;
use diesel::{QueryResult, RunQueryDsl, SqliteConnection};
use parlance_domain::audit::{Action, AuditCursor, AuditFilter};
use parlance_domain::ids::UserId;

use super::row::{RecordColumns, record_columns};

/// The text follows from which conditions there are, so that each is met by an index; by the text it is found among those
/// that the connection has prepared.
pub(super) struct Page {
    actor: Option<Vec<u8>>,
    subject: Option<Vec<u8>>,
    action: Option<&'static str>,
    from: Option<i64>,
    to: Option<i64>,
    after: Option<(i64, Vec<u8>)>,
    limit: i64,
}

impl Page {
    pub(super) fn new(filter: &AuditFilter, after: Option<AuditCursor>, limit: u32) -> Self {
        let AuditFilter {
            actor,
            subject,
            action,
            from,
            to,
        } = *filter;
        let bytes = |id: UserId| id.0.as_bytes().to_vec();
        Self {
            actor: actor.map(bytes),
            subject: subject.map(bytes),
            action: action.map(Action::as_str),
            from: from.map(|from| from.timestamp_millis()),
            to: to.map(|to| to.timestamp_millis()),
            after: after.map(|after| (after.at.timestamp_millis(), after.id.0.as_bytes().to_vec())),
            limit: i64::from(limit),
        }
    }
}

impl QueryId for Page {
    type QueryId = ();

    const HAS_STATIC_QUERY_ID: bool = false;
}

impl Query for Page {
    type SqlType = (RecordColumns,);
}

impl RunQueryDsl<SqliteConnection> for Page {}

impl QueryFragment<Sqlite> for Page {
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, Sqlite>) -> QueryResult<()> {
        out.push_sql(concat!(
            "SELECT ",
            record_columns!(),
            " FROM audit_entries WHERE true"
        ));
        if let Some(actor) = &self.actor {
            out.push_sql(" AND actor_id = ");
            out.push_bind_param::<Binary, _>(actor)?;
        }
        if let Some(subject) = &self.subject {
            out.push_sql(" AND subject_id = ");
            out.push_bind_param::<Binary, _>(subject)?;
        }
        if let Some(action) = &self.action {
            out.push_sql(" AND action = ");
            out.push_bind_param::<Text, _>(action)?;
        }
        if let Some(from) = &self.from {
            out.push_sql(" AND at >= ");
            out.push_bind_param::<BigInt, _>(from)?;
        }
        if let Some(to) = &self.to {
            out.push_sql(" AND at < ");
            out.push_bind_param::<BigInt, _>(to)?;
        }
        if let Some((at, id)) = &self.after {
            out.push_sql(" AND (at, id) < (");
            out.push_bind_param::<BigInt, _>(at)?;
            out.push_sql(", ");
            out.push_bind_param::<Binary, _>(id)?;
            out.push_sql(")");
        }
        out.push_sql(" ORDER BY at DESC, id DESC LIMIT ");
        out.push_bind_param::<BigInt, _>(&self.limit)
    }
}
