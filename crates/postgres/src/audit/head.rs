//! The head of the chain: the one row by whose lock one at a time seals.

use diesel::result::OptionalExtension;
use diesel::sql_types::{BigInt, Binary, Nullable};
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use parlance_domain::audit::{AuditHead, Place};

use super::row::{place, seal};
use crate::convert::{CorruptRow, RowOf, to_i64};
use crate::database::StoreError;
use crate::statement::statement;

macro_rules! head_columns {
    () => {
        "position, seal, anchor_position, anchor_seal, purged, code FROM audit_head WHERE id = 1"
    };
}

type HeadColumns = (BigInt, Binary, BigInt, Binary, BigInt, Nullable<Binary>);

statement!(
    Head() -> (HeadColumns,) = concat!("SELECT ", head_columns!())
);
statement!(
    // Whoever finds it locked leaves the work to whoever locked it.
    TryLock() -> (HeadColumns,) = concat!("SELECT ", head_columns!(), " FOR UPDATE SKIP LOCKED")
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

/// What becomes of the wish to work on the chain.
pub(super) enum Turn {
    /// Nobody else does until the end of the transaction.
    Mine(AuditHead),
    /// Somebody else does.
    Theirs,
    /// There is no head.
    Gone,
}

/// The head as it is.
pub(crate) async fn head(connection: &AsyncPgConnection) -> Result<Option<AuditHead>, StoreError> {
    let row: Option<(HeadRow,)> = Head::new().get_result(&mut &*connection).await.optional()?;
    Ok(row.map(|(row,)| read(row)).transpose()?)
}

/// The head, locked until the end of the transaction, unless somebody else has locked it.
pub(super) async fn try_lock(connection: &AsyncPgConnection) -> Result<Turn, StoreError> {
    let row: Option<(HeadRow,)> = TryLock::new().get_result(&mut &*connection).await.optional()?;
    match row {
        Some((row,)) => Ok(Turn::Mine(read(row)?)),
        None if head(connection).await?.is_some() => Ok(Turn::Theirs),
        None => Ok(Turn::Gone),
    }
}

/// Puts a head in the place of the one there is.
pub(crate) async fn replace(connection: &AsyncPgConnection, head: &AuditHead) -> Result<(), StoreError> {
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
    statement.execute(&mut &*connection).await?;
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
