//! Entries between the domain and their rows.

use diesel::Queryable;
use diesel::sql_types::{BigInt, Binary, Nullable, Text, Timestamptz, Uuid as SqlUuid};
use parlance_domain::audit::{AuditRecord, Place, Seal, SealedRecord};
use parlance_domain::ids::{ApiKeyId, AuditId, UserId};
use parlance_domain::time::Timestamp;
use uuid::Uuid;

use crate::convert::{CorruptRow, RowOf};

/// The columns of [`RecordRow`].
macro_rules! record_columns {
    () => {
        "id, at, actor_kind, actor_id, api_key_id, action, subject_id, address, user_agent, request_id, details"
    };
}

pub(super) use record_columns;

/// Their types.
pub(super) type RecordColumns = (
    SqlUuid,
    Timestamptz,
    Text,
    Nullable<SqlUuid>,
    Nullable<SqlUuid>,
    Text,
    Nullable<SqlUuid>,
    Nullable<Text>,
    Nullable<Text>,
    Nullable<Text>,
    Text,
);

/// What a query of an entry with its place gives.
pub(super) type SealedRow = (RecordRow, i64, Vec<u8>);
/// Its types.
pub(super) type PlaceColumns = (BigInt, Binary);

/// An entry as it is kept.
#[derive(Queryable)]
pub(crate) struct RecordRow {
    id: Uuid,
    at: Timestamp,
    actor_kind: String,
    actor_id: Option<Uuid>,
    api_key_id: Option<Uuid>,
    action: String,
    subject_id: Option<Uuid>,
    address: Option<String>,
    user_agent: Option<String>,
    request_id: Option<String>,
    details: String,
}

impl From<RecordRow> for AuditRecord {
    fn from(row: RecordRow) -> Self {
        Self {
            id: AuditId(row.id),
            at: row.at,
            actor_kind: row.actor_kind,
            actor_id: row.actor_id.map(UserId),
            api_key_id: row.api_key_id.map(ApiKeyId),
            action: row.action,
            subject: row.subject_id.map(UserId),
            address: row.address,
            user_agent: row.user_agent,
            request_id: row.request_id,
            details: row.details,
        }
    }
}

/// An entry with its place.
pub(super) fn sealed((row, position, seal): SealedRow) -> Result<SealedRecord, CorruptRow> {
    let record = AuditRecord::from(row);
    let of = RowOf {
        table: "audit_entries",
        id: &record.id,
    };
    let place = place(of, position, seal)?;
    Ok(SealedRecord { record, place })
}

/// A place out of its columns.
pub(super) fn place(of: RowOf<'_>, position: i64, seal: Vec<u8>) -> Result<Place, CorruptRow> {
    Ok(Place {
        position: of.number(position, "position")?,
        seal: self::seal(of, seal, "seal")?,
    })
}

/// A seal out of its column.
pub(super) fn seal(of: RowOf<'_>, bytes: Vec<u8>, column: &'static str) -> Result<Seal, CorruptRow> {
    of.some(bytes.try_into().ok(), column).map(Seal)
}
