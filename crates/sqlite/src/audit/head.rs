//! The head of the chain.

use diesel::result::OptionalExtension;
use diesel::sql_types::{BigInt, Binary, Nullable};
use diesel::{RunQueryDsl, SqliteConnection};
use parlance_domain::audit::{AuditHead, Place};

use super::row::{place, seal};
use crate::convert::{CorruptRow, RowOf, to_i64};
use crate::database::StoreError;
use crate::statement::statement;

statement!(
    Head() -> ((BigInt, Binary, BigInt, Binary, BigInt, Nullable<Binary>),)
        = "SELECT position, seal, anchor_position, anchor_seal, purged, code FROM audit_head WHERE id = 1"
);
statement!(
    Replace(
        position: i64 => BigInt,
        seal: &'a [u8] => Binary,
        anchor_position: i64 => BigInt,
        anchor_seal: &'a [u8] => Binary,
        purged: i64 => BigInt,
        code: Option<&'a [u8]> => Nullable<Binary>,
    ) = "INSERT INTO audit_head (id, position, seal, anchor_position, anchor_seal, purged, code) \
         VALUES (1, ?, ?, ?, ?, ?, ?) ON CONFLICT (id) DO UPDATE SET position = excluded.position, \
         seal = excluded.seal, anchor_position = excluded.anchor_position, anchor_seal = excluded.anchor_seal, \
         purged = excluded.purged, code = excluded.code"
);

type HeadRow = (i64, Vec<u8>, i64, Vec<u8>, i64, Option<Vec<u8>>);

/// The head as it is; within a write, nobody else changes it.
pub(crate) fn head(connection: &mut SqliteConnection) -> Result<Option<AuditHead>, StoreError> {
    let row: Option<(HeadRow,)> = Head::new().get_result(connection).optional()?;
    Ok(row.map(|(row,)| read(row)).transpose()?)
}

/// Puts a head in the place of the one there is.
pub(crate) fn replace(connection: &mut SqliteConnection, head: &AuditHead) -> Result<(), StoreError> {
    let AuditHead {
        last,
        anchor,
        purged,
        code,
    } = head;
    let statement = Replace::new(
        to_i64(last.position),
        &last.seal.0,
        to_i64(anchor.position),
        &anchor.seal.0,
        to_i64(*purged),
        code.as_ref().map(|code| code.0.as_slice()),
    );
    statement.execute(connection)?;
    Ok(())
}

fn read(row: HeadRow) -> Result<AuditHead, CorruptRow> {
    let (position, last_seal, anchor_position, anchor_seal, purged, code) = row;
    let of = RowOf {
        table: "audit_head",
        id: &1,
    };
    Ok(AuditHead {
        last: place(of, position, last_seal)?,
        anchor: Place {
            position: of.number(anchor_position, "anchor_position")?,
            seal: seal(of, anchor_seal, "anchor_seal")?,
        },
        purged: of.number(purged, "purged")?,
        code: code.map(|code| seal(of, code, "code")).transpose()?,
    })
}
