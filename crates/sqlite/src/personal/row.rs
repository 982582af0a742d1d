//! An archive as a row.

use diesel::Queryable;
use diesel::sql_types::{BigInt, Binary, Nullable, Text};
use parlance_domain::ids::{ExportId, UserId};
use parlance_domain::personal::{Export, ExportState, ReadyExport};

use crate::convert::{CorruptRow, RowOf};

/// The columns of an archive, in the order of [`ExportColumns`].
macro_rules! export_columns {
    () => {
        "user_id, id, requested_at, file, bytes, ready_at, expires_at, failed_at"
    };
}
pub(super) use export_columns;

pub(super) type ExportColumns = (
    Binary,
    Binary,
    BigInt,
    Nullable<Text>,
    Nullable<BigInt>,
    Nullable<BigInt>,
    Nullable<BigInt>,
    Nullable<BigInt>,
);

#[derive(Queryable)]
pub(super) struct ExportRow {
    user_id: Vec<u8>,
    id: Vec<u8>,
    requested_at: i64,
    file: Option<String>,
    bytes: Option<i64>,
    ready_at: Option<i64>,
    expires_at: Option<i64>,
    failed_at: Option<i64>,
}

impl TryFrom<ExportRow> for Export {
    type Error = CorruptRow;

    fn try_from(row: ExportRow) -> Result<Self, CorruptRow> {
        let of = RowOf {
            table: "exports",
            id: &"of a learner",
        };
        let failed_at = of.time_some(row.failed_at, "failed_at")?;
        let state = match (&row.file, failed_at) {
            (Some(file), _) => ExportState::Ready(ReadyExport {
                file: of.parse(file, "file")?,
                bytes: of.number(of.some(row.bytes, "bytes")?, "bytes")?,
                ready_at: of.time(of.some(row.ready_at, "ready_at")?, "ready_at")?,
                expires_at: of.time(of.some(row.expires_at, "expires_at")?, "expires_at")?,
            }),
            (None, Some(at)) => ExportState::Failed { at },
            (None, None) => ExportState::Pending,
        };
        Ok(Self {
            user_id: UserId(of.uuid(&row.user_id, "user_id")?),
            id: ExportId(of.uuid(&row.id, "id")?),
            requested_at: of.time(row.requested_at, "requested_at")?,
            state,
        })
    }
}
