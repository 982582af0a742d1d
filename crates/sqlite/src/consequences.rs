//! What is written together with a change: entries of the audit log, mails in the outbox, their secrets.

use diesel::result::Error as DieselError;
use diesel::sql_types::{BigInt, Binary, Nullable, Text};
use diesel::{RunQueryDsl, SqliteConnection};
use parlance_domain::accounts::LanguageTag;
use parlance_domain::audit::AuditEntry;
use parlance_domain::consequences::Consequences;
use parlance_domain::mail::OutgoingMail;
use parlance_domain::transfer::KeptEntry;

use crate::accounts::keep_secrets;
use crate::audit;
use crate::statement::statement;

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
    let entries = entries.iter().map(|entry| KeptEntry {
        record: entry.into(),
        place: None,
    });
    audit::keep_entries(connection, &entries.collect::<Vec<_>>())
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
