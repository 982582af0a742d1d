//! The store of linked identities.

use std::sync::Arc;

use async_trait::async_trait;
use diesel::Queryable;
use diesel::result::{DatabaseErrorKind, Error as DieselError, OptionalExtension};
use diesel::sql_types::{Nullable, Text, Timestamptz, Uuid as SqlUuid};
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use futures_util::FutureExt;
use parlance_domain::accounts::{
    AccountWithPassword, Email, IdentityStore, LinkedIdentity, RegisterIdentityError, Session, Subject,
    UnlinkOutcome, WayIn,
};
use parlance_domain::consequences::Consequences;
use parlance_domain::ids::{IdentityId, UserId};
use parlance_domain::port::PortError;
use parlance_domain::time::Timestamp;
use uuid::Uuid;

use super::insert::insert as insert_account;
use super::ways_in::ways_in;
use crate::consequences;
use crate::convert::{CorruptRow, RowOf};
use crate::database::{Fail, NoRefusal, PgDatabase, Repeat, StoreError};
use crate::statement::statement;

const PORT: &str = "IdentityStore";

statement!(
    BySubject(issuer: &'a str => Text, subject: &'a str => Text) -> (
        SqlUuid, SqlUuid, Text, Text, Text, Nullable<Text>, Timestamptz
    ) = "SELECT user_id, id, provider, issuer, subject, email, linked_at FROM linked_identities \
         WHERE issuer = ? AND subject = ?"
);
statement!(
    Of(user_id: Uuid => SqlUuid) -> (SqlUuid, SqlUuid, Text, Text, Text, Nullable<Text>, Timestamptz)
        = "SELECT user_id, id, provider, issuer, subject, email, linked_at FROM linked_identities \
           WHERE user_id = ? ORDER BY id"
);
statement!(
    Insert(
        user_id: Uuid => SqlUuid,
        id: Uuid => SqlUuid,
        provider: &'a str => Text,
        issuer: &'a str => Text,
        subject: &'a str => Text,
        email: Option<&'a str> => Nullable<Text>,
        linked_at: Timestamp => Timestamptz,
    ) = "INSERT INTO linked_identities (user_id, id, provider, issuer, subject, email, linked_at) \
         VALUES (?, ?, ?, ?, ?, ?, ?)"
);
statement!(
    Delete(user_id: Uuid => SqlUuid, id: Uuid => SqlUuid)
        = "DELETE FROM linked_identities WHERE user_id = ? AND id = ?"
);
statement!(
    DeleteOfFormerIssuers(user_id: Uuid => SqlUuid, provider: &'a str => Text, issuer: &'a str => Text)
        = "DELETE FROM linked_identities WHERE user_id = ? AND provider = ? AND issuer <> ?"
);
statement!(
    DeleteAll(user_id: Uuid => SqlUuid) = "DELETE FROM linked_identities WHERE user_id = ?"
);

/// The linked identities in the database.
#[derive(Clone)]
pub struct PgIdentities {
    database: PgDatabase,
}

impl PgIdentities {
    /// The linked identities in this database.
    pub fn new(database: PgDatabase) -> Self {
        Self { database }
    }
}

/// Why no account was kept.
enum Refusal {
    Email,
    Identity,
}

#[async_trait]
impl IdentityStore for PgIdentities {
    async fn by_subject(&self, issuer: &str, subject: &Subject) -> Result<Option<LinkedIdentity>, PortError> {
        let read = |connection: Arc<AsyncPgConnection>| async move {
            let statement = BySubject::new(issuer, subject.as_str());
            statement.get_result(&mut &*connection).await.optional()
        };
        let found: Result<Option<IdentityRow>, _> = self.database.run(Repeat::Safe, read).await;
        let identity = found.and_then(|found| Ok(found.map(TryInto::try_into).transpose()?));
        identity.map_err(|error: StoreError| error.into_port(PORT))
    }

    async fn list(&self, user: UserId) -> Result<Vec<LinkedIdentity>, PortError> {
        let read = |connection: Arc<AsyncPgConnection>| async move { identity_rows(&connection, user).await };
        let rows = self.database.run(Repeat::Safe, read).await;
        let identities = rows.and_then(|rows| Ok(to_identities(rows)?));
        identities.map_err(|error: StoreError| error.into_port(PORT))
    }

    async fn register(
        &self,
        account: &AccountWithPassword,
        identity: &LinkedIdentity,
        session: &Session,
        consequences: &Consequences,
    ) -> Result<(), RegisterIdentityError> {
        let work = (
            account.clone(),
            identity.clone(),
            session.clone(),
            consequences.clone(),
        );
        let work = Arc::new(work);
        let registered = self.database.transact(move |connection| {
            let work = Arc::clone(&work);
            async move {
                let (account, identity, session, consequences) = &*work;
                let statement = insert_account(account, std::slice::from_ref(session));
                match statement.execute(&mut &*connection).await {
                    Ok(_) => {}
                    // Who comes from a provider has no username.
                    Err(error) if is_taken(&error) => return Err(Fail::Refused(Refusal::Email)),
                    Err(error) => return Err(error.into()),
                }
                if !link(connection, identity).await? {
                    return Err(Fail::Refused(Refusal::Identity));
                }
                Ok(consequences::keep(connection, consequences).await?)
            }
            .boxed()
        });
        registered.await.map_err(|error| match error {
            Fail::Refused(Refusal::Email) => RegisterIdentityError::EmailTaken,
            Fail::Refused(Refusal::Identity) => RegisterIdentityError::IdentityTaken,
            Fail::Store(error) => error.into_port(PORT).into(),
        })
    }

    async fn unlink(
        &self,
        user: UserId,
        id: IdentityId,
        consequences: &Consequences,
    ) -> Result<UnlinkOutcome, PortError> {
        let consequences = Arc::new(consequences.clone());
        let unlinked = self.database.transact(move |connection| {
            let consequences = Arc::clone(&consequences);
            async move {
                let ways = ways_in(connection, user).await?;
                let identities = to_identities(identity_rows(connection, user).await?)?;
                if !identities.iter().any(|identity| identity.id == id) {
                    return Ok(UnlinkOutcome::NotFound);
                }
                if !ways.can_lose(WayIn::Identity) {
                    return Ok(UnlinkOutcome::LastWayIn);
                }
                Delete::new(user.0, id.0).execute(&mut &*connection).await?;
                consequences::keep(connection, &consequences).await?;
                Ok(UnlinkOutcome::Unlinked)
            }
            .boxed()
        });
        unlinked.await.map_err(|error: NoRefusal| error.into_port(PORT))
    }
}

fn is_taken(error: &DieselError) -> bool {
    matches!(
        error,
        DieselError::DatabaseError(DatabaseErrorKind::UniqueViolation, _)
    )
}

/// Reads the identities of a user, the one linked first first.
pub(crate) async fn identity_rows(
    connection: &AsyncPgConnection,
    user: UserId,
) -> Result<Vec<IdentityRow>, DieselError> {
    Of::new(user.0).load(&mut &*connection).await
}

/// The identities of rows.
pub(crate) fn to_identities(rows: Vec<IdentityRow>) -> Result<Vec<LinkedIdentity>, CorruptRow> {
    rows.into_iter().map(TryInto::try_into).collect()
}

/// Links an identity in the transaction under way; `false`, and the transaction is of no use any more, where it opens another
/// account, or the account has another of its provider. One of an issuer that the provider had before makes room.
pub(super) async fn link(
    connection: &AsyncPgConnection,
    identity: &LinkedIdentity,
) -> Result<bool, DieselError> {
    let former = DeleteOfFormerIssuers::new(identity.user_id.0, identity.provider.as_str(), &identity.issuer);
    former.execute(&mut &*connection).await?;
    match keep_identity(connection, identity).await {
        Ok(()) => Ok(true),
        Err(error) if is_taken(&error) => Ok(false),
        Err(error) => Err(error),
    }
}

/// Keeps an identity that nobody has.
pub(crate) async fn keep_identity(
    connection: &AsyncPgConnection,
    identity: &LinkedIdentity,
) -> Result<(), DieselError> {
    insert(identity).execute(&mut &*connection).await?;
    Ok(())
}

/// Unlinks all identities of a user in the transaction under way.
pub(super) async fn unlink_all(connection: &AsyncPgConnection, user: UserId) -> Result<(), DieselError> {
    DeleteAll::new(user.0).execute(&mut &*connection).await?;
    Ok(())
}

/// Unlinks the identities of a user that have not this address, in the transaction under way.
pub(super) async fn unlink_others(
    connection: &AsyncPgConnection,
    user: UserId,
    email: &Email,
) -> Result<(), StoreError> {
    let identities = to_identities(identity_rows(connection, user).await?)?;
    for other in identities.iter().filter(|identity| !identity.has_address(email)) {
        Delete::new(user.0, other.id.0).execute(&mut &*connection).await?;
    }
    Ok(())
}

fn insert(identity: &LinkedIdentity) -> Insert<'_> {
    Insert::new(
        identity.user_id.0,
        identity.id.0,
        identity.provider.as_str(),
        &identity.issuer,
        identity.subject.as_str(),
        identity.email.as_ref().map(Email::as_str),
        identity.linked_at,
    )
}

/// A row of an identity.
#[derive(Queryable)]
pub(crate) struct IdentityRow {
    user_id: Uuid,
    id: Uuid,
    provider: String,
    issuer: String,
    subject: String,
    email: Option<String>,
    linked_at: Timestamp,
}

impl TryFrom<IdentityRow> for LinkedIdentity {
    type Error = CorruptRow;

    fn try_from(row: IdentityRow) -> Result<Self, CorruptRow> {
        let of = RowOf {
            table: "linked_identities",
            id: &row.id,
        };
        Ok(Self {
            id: IdentityId(row.id),
            user_id: UserId(row.user_id),
            provider: of.parse(&row.provider, "provider")?,
            issuer: row.issuer,
            subject: of.parse(&row.subject, "subject")?,
            email: of.parse_some(row.email.as_deref(), "email")?,
            linked_at: row.linked_at,
        })
    }
}
