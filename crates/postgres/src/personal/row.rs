//! An archive as a row.

use diesel::Queryable;
use diesel::sql_types::{BigInt, Nullable, Text, Timestamptz, Uuid as SqlUuid};
use parlance_domain::ids::{ExportId, UserId};
use parlance_domain::personal::{Export, ExportState, ReadyExport};
use parlance_domain::time::Timestamp;
use uuid::Uuid;

use crate::convert::{CorruptRow, RowOf};

/// The columns of an archive, in the order of [`ExportColumns`].
macro_rules! export_columns {
    () => {
        "user_id, id, requested_at, file, bytes, ready_at, expires_at, failed_at"
    };
}
pub(super) use export_columns;

pub(super) type ExportColumns = (
    SqlUuid,
    SqlUuid,
    Timestamptz,
    Nullable<Text>,
    Nullable<BigInt>,
    Nullable<Timestamptz>,
    Nullable<Timestamptz>,
    Nullable<Timestamptz>,
);

#[derive(Queryable)]
pub(super) struct ExportRow {
    user_id: Uuid,
    id: Uuid,
    requested_at: Timestamp,
    file: Option<String>,
    bytes: Option<i64>,
    ready_at: Option<Timestamp>,
    expires_at: Option<Timestamp>,
    failed_at: Option<Timestamp>,
}

impl TryFrom<ExportRow> for Export {
    type Error = CorruptRow;

    fn try_from(row: ExportRow) -> Result<Self, CorruptRow> {
        let of = RowOf {
            table: "exports",
            id: &row.id,
        };
        let state = match (&row.file, row.failed_at) {
            (Some(file), _) => ExportState::Ready(ReadyExport {
                file: of.parse(file, "file")?,
                bytes: of.number(of.some(row.bytes, "bytes")?, "bytes")?,
                ready_at: of.some(row.ready_at, "ready_at")?,
                expires_at: of.some(row.expires_at, "expires_at")?,
            }),
            (None, Some(at)) => ExportState::Failed { at },
            (None, None) => ExportState::Pending,
        };
        Ok(Self {
            user_id: UserId(row.user_id),
            id: ExportId(row.id),
            requested_at: row.requested_at,
            state,
        })
    }
}
