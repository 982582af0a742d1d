//! The audit log as a whole, moved out of a database and into it.

use diesel::result::Error as DieselError;
use diesel::sql_types::{BigInt, Binary, Nullable, Text};
use diesel::{RunQueryDsl, SqliteConnection};
use parlance_domain::audit::AuditRecord;
use parlance_domain::ids::AuditId;
use parlance_domain::transfer::KeptEntry;

use super::row::{RecordColumns, RecordRow, place, record_columns};
use crate::convert::{CorruptRow, RowOf, to_i64};
use crate::database::StoreError;
use crate::statement::statement;

statement!(
    EntriesAfter(after: &'a [u8] => Binary, limit: i64 => BigInt) -> (RecordColumns, Nullable<BigInt>, Nullable<Binary>)
        = concat!("SELECT ", record_columns!(), ", position, seal FROM audit_entries WHERE id > ? ORDER BY id LIMIT ?")
);
statement!(
    #[expect(clippy::too_many_arguments, reason = "one for each column")]
    InsertEntry(
        id: &'a [u8] => Binary,
        at: i64 => BigInt,
        actor_kind: &'a str => Text,
        actor_id: Option<Vec<u8>> => Nullable<Binary>,
        api_key_id: Option<Vec<u8>> => Nullable<Binary>,
        action: &'a str => Text,
        subject_id: Option<Vec<u8>> => Nullable<Binary>,
        address: Option<&'a str> => Nullable<Text>,
        user_agent: Option<&'a str> => Nullable<Text>,
        request_id: Option<&'a str> => Nullable<Text>,
        details: &'a str => Text,
        position: Option<i64> => Nullable<BigInt>,
        seal: Option<&'a [u8]> => Nullable<Binary>,
    ) = "INSERT INTO audit_entries (id, at, actor_kind, actor_id, api_key_id, action, subject_id, address, user_agent, \
         request_id, details, position, seal) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (id) DO NOTHING"
);

type EntryRow = (RecordRow, Option<i64>, Option<Vec<u8>>);

/// The entries behind one, by id.
pub(crate) fn entries_after(
    connection: &mut SqliteConnection,
    after: Option<AuditId>,
    limit: u32,
) -> Result<Vec<KeptEntry>, StoreError> {
    // Every id comes after no bytes.
    let after = after.as_ref().map_or(&[][..], |id| id.0.as_bytes());
    let rows: Vec<EntryRow> = EntriesAfter::new(after, i64::from(limit)).load(connection)?;
    let entries = rows.into_iter().map(entry);
    Ok(entries.collect::<Result<_, CorruptRow>>()?)
}

/// Keeps entries that are not there, in the transaction under way.
pub(crate) fn keep_entries(
    connection: &mut SqliteConnection,
    entries: &[KeptEntry],
) -> Result<(), DieselError> {
    entries.iter().map(insert).try_for_each(|statement| {
        statement.execute(connection)?;
        Ok(())
    })
}

fn entry((record, position, seal): EntryRow) -> Result<KeptEntry, CorruptRow> {
    let record = AuditRecord::try_from(record)?;
    let of = RowOf {
        table: "audit_entries",
        id: &record.id,
    };
    let place = position
        .zip(seal)
        .map(|(position, seal)| place(of, position, seal));
    let place = place.transpose()?;
    Ok(KeptEntry { record, place })
}

fn insert(KeptEntry { record, place }: &KeptEntry) -> InsertEntry<'_> {
    InsertEntry::new(
        record.id.0.as_bytes(),
        record.at.timestamp_millis(),
        &record.actor_kind,
        record.actor_id.map(|id| id.0.as_bytes().to_vec()),
        record.api_key_id.map(|id| id.0.as_bytes().to_vec()),
        &record.action,
        record.subject.map(|id| id.0.as_bytes().to_vec()),
        record.address.as_deref(),
        record.user_agent.as_deref(),
        record.request_id.as_deref(),
        &record.details,
        place.map(|place| to_i64(place.position)),
        place.as_ref().map(|place| place.seal.0.as_slice()),
    )
}
