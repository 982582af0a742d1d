//! The question for a page of entries.

use diesel::QueryResult;
use diesel::pg::Pg;
use diesel::query_builder::{AstPass, Query, QueryFragment, QueryId};
use diesel::sql_types::{BigInt, Text, Timestamptz, Uuid as SqlUuid};
use parlance_domain::audit::{Action, AuditCursor, AuditFilter};
use parlance_domain::time::Timestamp;
use uuid::Uuid;

use super::row::{RecordColumns, record_columns};

/// The text follows from which conditions there are, so that each is met by an index; by the text it is found among those
/// that the connection has prepared.
pub(super) struct Page {
    actor: Option<Uuid>,
    subject: Option<Uuid>,
    action: Option<&'static str>,
    from: Option<Timestamp>,
    to: Option<Timestamp>,
    after: Option<(Timestamp, Uuid)>,
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
        Self {
            actor: actor.map(|id| id.0),
            subject: subject.map(|id| id.0),
            action: action.map(Action::as_str),
            from,
            to,
            after: after.map(|after| (after.at, after.id.0)),
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

impl QueryFragment<Pg> for Page {
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, Pg>) -> QueryResult<()> {
        out.push_sql(concat!(
            "SELECT ",
            record_columns!(),
            " FROM audit_entries WHERE true"
        ));
        if let Some(actor) = &self.actor {
            out.push_sql(" AND actor_id = ");
            out.push_bind_param::<SqlUuid, _>(actor)?;
        }
        if let Some(subject) = &self.subject {
            out.push_sql(" AND subject_id = ");
            out.push_bind_param::<SqlUuid, _>(subject)?;
        }
        if let Some(action) = &self.action {
            out.push_sql(" AND action = ");
            out.push_bind_param::<Text, _>(action)?;
        }
        if let Some(from) = &self.from {
            out.push_sql(" AND at >= ");
            out.push_bind_param::<Timestamptz, _>(from)?;
        }
        if let Some(to) = &self.to {
            out.push_sql(" AND at < ");
            out.push_bind_param::<Timestamptz, _>(to)?;
        }
        if let Some((at, id)) = &self.after {
            out.push_sql(" AND (at, id) < (");
            out.push_bind_param::<Timestamptz, _>(at)?;
            out.push_sql(", ");
            out.push_bind_param::<SqlUuid, _>(id)?;
            out.push_sql(")");
        }
        out.push_sql(" ORDER BY at DESC, id DESC LIMIT ");
        out.push_bind_param::<BigInt, _>(&self.limit)
    }
}
