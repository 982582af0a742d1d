//! What is written together with a change: entries of the audit log, mails in the outbox, their secrets.

use diesel::result::Error as DieselError;
use diesel::sql_types::{Nullable, Text, Timestamptz, Uuid as SqlUuid};
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use futures_util::future::{try_join_all, try_join3};
use parlance_domain::accounts::LanguageTag;
use parlance_domain::audit::{AuditEntry, UserAgent};
use parlance_domain::consequences::Consequences;
use parlance_domain::mail::OutgoingMail;
use parlance_domain::time::Timestamp;
use uuid::Uuid;

use crate::accounts::keep_secrets;
use crate::statement::statement;

statement!(
    #[expect(clippy::too_many_arguments, reason = "one for each column")]
    InsertEntry(
        id: Uuid => SqlUuid,
        at: Timestamp => Timestamptz,
        actor_kind: &'a str => Text,
        actor_id: Option<Uuid> => Nullable<SqlUuid>,
        api_key_id: Option<Uuid> => Nullable<SqlUuid>,
        action: &'a str => Text,
        subject_id: Option<Uuid> => Nullable<SqlUuid>,
        address: Option<String> => Nullable<Text>,
        user_agent: Option<&'a str> => Nullable<Text>,
        request_id: Option<&'a str> => Nullable<Text>,
        details: String => Text,
    ) = "INSERT INTO audit_entries (id, at, actor_kind, actor_id, api_key_id, action, subject_id, address, \
         user_agent, request_id, details) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (id) DO NOTHING"
);
statement!(
    InsertMail(
        user_id: Uuid => SqlUuid,
        id: Uuid => SqlUuid,
        recipient: &'a str => Text,
        language: Option<&'a str> => Nullable<Text>,
        message: String => Text,
        created_at: Timestamp => Timestamptz,
        due_at: Timestamp => Timestamptz,
    ) = "INSERT INTO outbox (user_id, id, recipient, language, message, created_at, due_at) \
         VALUES (?, ?, ?, ?, ?, ?, ?)"
);

/// Writes them in the transaction under way.
pub(crate) async fn keep(
    connection: &AsyncPgConnection,
    consequences: &Consequences,
) -> Result<(), DieselError> {
    let mails = consequences.mails.iter();
    let mails = mails.map(|mail| async move { insert_mail(mail).execute(&mut &*connection).await });
    // Sent one behind the other, and waited for together.
    let entries = keep_entries(connection, &consequences.entries);
    let secrets = keep_secrets(connection, &consequences.secrets);
    try_join3(entries, secrets, try_join_all(mails)).await?;
    Ok(())
}

/// Adds entries to the audit log.
pub(crate) async fn keep_entries(
    connection: &AsyncPgConnection,
    entries: &[AuditEntry],
) -> Result<(), DieselError> {
    let inserts = entries.iter();
    let inserts = inserts.map(|entry| async move { insert_entry(entry).execute(&mut &*connection).await });
    try_join_all(inserts).await?;
    Ok(())
}

fn insert_entry(entry: &AuditEntry) -> InsertEntry<'_> {
    let (kind, account, key) = entry.actor.parts();
    InsertEntry::new(
        entry.id.0,
        entry.at,
        kind,
        account.map(|id| id.0),
        key.map(|id| id.0),
        entry.action.as_str(),
        entry.subject.map(|id| id.0),
        entry.circumstances.address.map(|address| address.to_string()),
        entry.circumstances.user_agent.as_ref().map(UserAgent::as_str),
        entry.circumstances.request_id.as_deref(),
        entry.details_json(),
    )
}

fn insert_mail(mail: &OutgoingMail) -> InsertMail<'_> {
    InsertMail::new(
        mail.user_id.0,
        mail.id.0,
        mail.to.as_str(),
        mail.language.as_ref().map(LanguageTag::as_str),
        mail.message.to_json(),
        mail.created_at,
        mail.created_at,
    )
}
