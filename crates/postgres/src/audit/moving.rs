//! The audit log as a whole, moved out of a database and into it.

use diesel::result::Error as DieselError;
use diesel::sql_types::{Array, BigInt, Binary, Nullable, Text, Timestamptz, Uuid as SqlUuid};
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use parlance_domain::audit::AuditRecord;
use parlance_domain::ids::AuditId;
use parlance_domain::time::Timestamp;
use parlance_domain::transfer::KeptEntry;
use uuid::Uuid;

use super::row::{RecordColumns, RecordRow, record_columns};
use crate::convert::{CorruptRow, RowOf, to_i64};
use crate::statement::statement;

statement!(
    EntriesAfter(after: Uuid => SqlUuid, limit: i64 => BigInt) -> (RecordColumns, Nullable<BigInt>, Nullable<Binary>)
        = concat!("SELECT ", record_columns!(), ", position, seal FROM audit_entries WHERE id > ? ORDER BY id LIMIT ?")
);
statement!(
    #[expect(clippy::too_many_arguments, reason = "one for each column")]
    InsertEntries(
        ids: Vec<Uuid> => Array<SqlUuid>,
        at: Vec<Timestamp> => Array<Timestamptz>,
        actor_kinds: Vec<&'a str> => Array<Text>,
        actor_ids: Vec<Option<Uuid>> => Array<Nullable<SqlUuid>>,
        api_key_ids: Vec<Option<Uuid>> => Array<Nullable<SqlUuid>>,
        actions: Vec<&'a str> => Array<Text>,
        subject_ids: Vec<Option<Uuid>> => Array<Nullable<SqlUuid>>,
        addresses: Vec<Option<&'a str>> => Array<Nullable<Text>>,
        user_agents: Vec<Option<&'a str>> => Array<Nullable<Text>>,
        request_ids: Vec<Option<&'a str>> => Array<Nullable<Text>>,
        details: Vec<&'a str> => Array<Text>,
        positions: Vec<Option<i64>> => Array<Nullable<BigInt>>,
        seals: Vec<Option<&'a [u8]>> => Array<Nullable<Binary>>,
    ) = "INSERT INTO audit_entries (id, at, actor_kind, actor_id, api_key_id, action, subject_id, address, user_agent, \
         request_id, details, position, seal) SELECT * FROM unnest(?::uuid[], ?::timestamptz[], ?::text[], ?::uuid[], \
         ?::uuid[], ?::text[], ?::uuid[], ?::text[], ?::text[], ?::text[], ?::text[], ?::bigint[], ?::bytea[]) \
         ON CONFLICT (id) DO NOTHING"
);

/// An entry, as it was read.
pub(crate) type EntryRow = (RecordRow, Option<i64>, Option<Vec<u8>>);

/// The rows of entries behind one, by id; every id comes behind none.
pub(crate) async fn entry_rows(
    connection: &AsyncPgConnection,
    after: Option<AuditId>,
    limit: u32,
) -> Result<Vec<EntryRow>, DieselError> {
    let after = after.map_or(Uuid::nil(), |id| id.0);
    let statement = EntriesAfter::new(after, i64::from(limit));
    statement.load(&mut &*connection).await
}

/// An entry out of its row.
pub(crate) fn to_entry((record, position, seal): EntryRow) -> Result<KeptEntry, CorruptRow> {
    let record = AuditRecord::from(record);
    let of = RowOf {
        table: "audit_entries",
        id: &record.id,
    };
    let place = position.zip(seal);
    let place = place
        .map(|(position, seal)| super::row::place(of, position, seal))
        .transpose()?;
    Ok(KeptEntry { record, place })
}

/// Keeps entries that are not there, in the transaction under way.
pub(crate) async fn keep_entries(
    connection: &AsyncPgConnection,
    entries: &[KeptEntry],
) -> Result<(), DieselError> {
    insert(entries).execute(&mut &*connection).await?;
    Ok(())
}

fn insert(entries: &[KeptEntry]) -> InsertEntries<'_> {
    fn column<'a, T>(entries: &'a [KeptEntry], of: impl Fn(&'a AuditRecord) -> T) -> Vec<T> {
        entries.iter().map(|entry| of(&entry.record)).collect()
    }
    let places = entries.iter().map(|entry| entry.place.as_ref());
    InsertEntries::new(
        column(entries, |record| record.id.0),
        column(entries, |record| record.at),
        column(entries, |record| &*record.actor_kind),
        column(entries, |record| record.actor_id.map(|id| id.0)),
        column(entries, |record| record.api_key_id.map(|id| id.0)),
        column(entries, |record| &*record.action),
        column(entries, |record| record.subject.map(|id| id.0)),
        column(entries, |record| record.address.as_deref()),
        column(entries, |record| record.user_agent.as_deref()),
        column(entries, |record| record.request_id.as_deref()),
        column(entries, |record| &*record.details),
        places
            .clone()
            .map(|place| place.map(|place| to_i64(place.position)))
            .collect(),
        places.map(|place| place.map(|place| &place.seal.0[..])).collect(),
    )
}
