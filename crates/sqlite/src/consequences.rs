//! What is written together with a change: entries of the audit log, mails in the outbox, their secrets.

use diesel::result::Error as DieselError;
use diesel::sql_types::{BigInt, Binary, Nullable, Text};
use diesel::{RunQueryDsl, SqliteConnection};
use parlance_domain::accounts::LanguageTag;
use parlance_domain::audit::{AuditEntry, UserAgent};
use parlance_domain::consequences::Consequences;
use parlance_domain::mail::OutgoingMail;

use crate::accounts::keep_secrets;
use crate::statement::statement;

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
        address: Option<String> => Nullable<Text>,
        user_agent: Option<&'a str> => Nullable<Text>,
        request_id: Option<&'a str> => Nullable<Text>,
        details: String => Text,
    ) = "INSERT INTO audit_entries (id, at, actor_kind, actor_id, api_key_id, action, subject_id, address, \
         user_agent, request_id, details) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (id) DO NOTHING"
);
statement!(
    InsertMail(
        user_id: &'a [u8] => Binary,
        id: &'a [u8] => Binary,
        recipient: &'a str => Text,
        language: Option<&'a str> => Nullable<Text>,
        message: String => Text,
        created_at: i64 => BigInt,
        due_at: i64 => BigInt,
    ) = "INSERT INTO outbox (user_id, id, recipient, language, message, created_at, due_at) \
         VALUES (?, ?, ?, ?, ?, ?, ?)"
);

/// Writes them in the transaction under way.
pub(crate) fn keep(
    connection: &mut SqliteConnection,
    consequences: &Consequences,
) -> Result<(), DieselError> {
    keep_entries(connection, &consequences.entries)?;
    keep_secrets(connection, &consequences.secrets)?;
    let mails = consequences.mails.iter();
    mails.map(insert_mail).try_for_each(|statement| {
        statement.execute(connection)?;
        Ok(())
    })
}

/// Adds entries to the audit log.
pub(crate) fn keep_entries(
    connection: &mut SqliteConnection,
    entries: &[AuditEntry],
) -> Result<(), DieselError> {
    entries.iter().map(insert_entry).try_for_each(|statement| {
        statement.execute(connection)?;
        Ok(())
    })
}

fn insert_entry(entry: &AuditEntry) -> InsertEntry<'_> {
    let (kind, account, key) = entry.actor.parts();
    InsertEntry::new(
        entry.id.0.as_bytes(),
        entry.at.timestamp_millis(),
        kind,
        account.map(|id| id.0.as_bytes().to_vec()),
        key.map(|id| id.0.as_bytes().to_vec()),
        entry.action.as_str(),
        entry.subject.map(|id| id.0.as_bytes().to_vec()),
        entry.circumstances.address.map(|address| address.to_string()),
        entry.circumstances.user_agent.as_ref().map(UserAgent::as_str),
        entry.circumstances.request_id.as_deref(),
        entry.details_json(),
    )
}

fn insert_mail(mail: &OutgoingMail) -> InsertMail<'_> {
    let created_at = mail.created_at.timestamp_millis();
    InsertMail::new(
        mail.user_id.0.as_bytes(),
        mail.id.0.as_bytes(),
        mail.to.as_str(),
        mail.language.as_ref().map(LanguageTag::as_str),
        mail.message.to_json(),
        created_at,
        created_at,
    )
}
