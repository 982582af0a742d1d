//! The store of linked identities.

use async_trait::async_trait;
use diesel::result::{DatabaseErrorKind, Error as DieselError, OptionalExtension};
use diesel::sql_types::{BigInt, Binary, Nullable, Text};
use diesel::{Queryable, RunQueryDsl, SqliteConnection};
use parlance_domain::accounts::{
    AccountWithPassword, Email, IdentityStore, LinkedIdentity, RegisterIdentityError, Session, Subject,
    UnlinkOutcome, WayIn,
};
use parlance_domain::consequences::Consequences;
use parlance_domain::ids::{IdentityId, UserId};
use parlance_domain::port::PortError;

use super::row::Id;
use super::sessions::insert_session;
use super::store::{NewAccount, Taken, insert_account};
use super::ways_in::ways_in;
use crate::consequences;
use crate::convert::{CorruptRow, RowOf};
use crate::database::{Fail, NoRefusal, SqliteDatabase, StoreError};
use crate::statement::statement;

const PORT: &str = "IdentityStore";

statement!(
    BySubject(issuer: &'a str => Text, subject: &'a str => Text) -> (
        Binary, Binary, Text, Text, Text, Nullable<Text>, BigInt
    ) = "SELECT user_id, id, provider, issuer, subject, email, linked_at FROM linked_identities \
         WHERE issuer = ? AND subject = ?"
);
statement!(
    Of(user_id: &'a [u8] => Binary) -> (Binary, Binary, Text, Text, Text, Nullable<Text>, BigInt)
        = "SELECT user_id, id, provider, issuer, subject, email, linked_at FROM linked_identities \
           WHERE user_id = ? ORDER BY id"
);
statement!(
    Insert(
        user_id: &'a [u8] => Binary,
        id: &'a [u8] => Binary,
        provider: &'a str => Text,
        issuer: &'a str => Text,
        subject: &'a str => Text,
        email: Option<&'a str> => Nullable<Text>,
        linked_at: i64 => BigInt,
    ) = "INSERT INTO linked_identities (user_id, id, provider, issuer, subject, email, linked_at) \
         VALUES (?, ?, ?, ?, ?, ?, ?)"
);
statement!(
    Delete(user_id: &'a [u8] => Binary, id: &'a [u8] => Binary)
        = "DELETE FROM linked_identities WHERE user_id = ? AND id = ?"
);
statement!(
    DeleteOfFormerIssuers(user_id: &'a [u8] => Binary, provider: &'a str => Text, issuer: &'a str => Text)
        = "DELETE FROM linked_identities WHERE user_id = ? AND provider = ? AND issuer <> ?"
);
statement!(
    DeleteAll(user_id: &'a [u8] => Binary) = "DELETE FROM linked_identities WHERE user_id = ?"
);

/// The linked identities in the database.
#[derive(Clone)]
pub struct SqliteIdentities {
    database: SqliteDatabase,
}

impl SqliteIdentities {
    /// The linked identities in this database.
    pub fn new(database: SqliteDatabase) -> Self {
        Self { database }
    }
}

/// Why no account was kept.
enum Refusal {
    Account(Taken),
    Identity,
}

#[async_trait]
impl IdentityStore for SqliteIdentities {
    async fn by_subject(&self, issuer: &str, subject: &Subject) -> Result<Option<LinkedIdentity>, PortError> {
        let (issuer, subject) = (issuer.to_owned(), subject.clone());
        let found = self.database.read(move |connection| {
            let statement = BySubject::new(&issuer, subject.as_str());
            let row: Option<IdentityRow> = statement.get_result(connection).optional()?;
            Ok(row.map(TryInto::try_into).transpose()?)
        });
        found.await.map_err(|error: NoRefusal| error.into_port(PORT))
    }

    async fn list(&self, user: UserId) -> Result<Vec<LinkedIdentity>, PortError> {
        let found = self
            .database
            .read(move |connection| identities_of(connection, user));
        found.await.map_err(|error| error.into_port(PORT))
    }

    async fn register(
        &self,
        account: &AccountWithPassword,
        identity: &LinkedIdentity,
        session: &Session,
        consequences: &Consequences,
    ) -> Result<(), RegisterIdentityError> {
        let (row, identity) = (NewAccount::from(account), identity.clone());
        let (session, consequences) = (session.clone(), consequences.clone());
        let registered = self.database.write(move |connection| {
            insert_account(connection, &row).map_err(|fail| match fail {
                Fail::Refused(taken) => Fail::Refused(Refusal::Account(taken)),
                Fail::Store(error) => Fail::Store(error),
            })?;
            if !link(connection, &identity)? {
                return Err(Fail::Refused(Refusal::Identity));
            }
            insert_session(connection, &session)?;
            consequences::keep(connection, &consequences)?;
            Ok(())
        });
        registered.await.map_err(|error| match error {
            // Who comes from a provider has no username.
            Fail::Refused(Refusal::Account(Taken::Email | Taken::Username)) => {
                RegisterIdentityError::EmailTaken
            }
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
        let consequences = consequences.clone();
        let unlinked = self.database.write(move |connection| {
            let identities = identities_of(connection, user).map_err(Fail::never)?;
            if !identities.iter().any(|identity| identity.id == id) {
                return Ok(UnlinkOutcome::NotFound);
            }
            let ways = ways_in(connection, user)?;
            if !ways.can_lose(WayIn::Identity) {
                return Ok(UnlinkOutcome::LastWayIn);
            }
            Delete::new(user.0.as_bytes(), id.0.as_bytes()).execute(connection)?;
            consequences::keep(connection, &consequences)?;
            Ok(UnlinkOutcome::Unlinked)
        });
        unlinked.await.map_err(|error: NoRefusal| error.into_port(PORT))
    }
}

/// The identities of a user, the one linked first first.
pub(crate) fn identities_of(
    connection: &mut SqliteConnection,
    user: UserId,
) -> Result<Vec<LinkedIdentity>, NoRefusal> {
    let rows: Vec<IdentityRow> = Of::new(user.0.as_bytes()).load(connection)?;
    Ok(rows
        .into_iter()
        .map(TryInto::try_into)
        .collect::<Result<_, _>>()?)
}

/// Links an identity in the transaction under way; `false` where it opens another account, or the account has another of its
/// provider. One of an issuer that the provider had before makes room.
pub(super) fn link(connection: &mut SqliteConnection, identity: &LinkedIdentity) -> Result<bool, StoreError> {
    let user = identity.user_id.0.as_bytes();
    DeleteOfFormerIssuers::new(user, identity.provider.as_str(), &identity.issuer)
        .execute(connection)
        .map_err(StoreError::of_owner)?;
    match keep_identity(connection, identity) {
        Ok(()) => Ok(true),
        Err(DieselError::DatabaseError(DatabaseErrorKind::UniqueViolation, _)) => Ok(false),
        Err(error) => Err(StoreError::of_owner(error)),
    }
}

/// Keeps an identity that nobody has.
pub(crate) fn keep_identity(
    connection: &mut SqliteConnection,
    identity: &LinkedIdentity,
) -> Result<(), DieselError> {
    insert(identity).execute(connection)?;
    Ok(())
}

/// Unlinks all identities of a user in the transaction under way.
pub(super) fn unlink_all(connection: &mut SqliteConnection, user: UserId) -> Result<(), DieselError> {
    DeleteAll::new(user.0.as_bytes()).execute(connection)?;
    Ok(())
}

/// Unlinks the identities of a user that have not this address, in the transaction under way.
pub(super) fn unlink_others(
    connection: &mut SqliteConnection,
    user: UserId,
    email: &Email,
) -> Result<(), NoRefusal> {
    let identities = identities_of(connection, user)?;
    for other in identities.iter().filter(|identity| !identity.has_address(email)) {
        Delete::new(user.0.as_bytes(), other.id.0.as_bytes()).execute(connection)?;
    }
    Ok(())
}

fn insert(identity: &LinkedIdentity) -> Insert<'_> {
    Insert::new(
        identity.user_id.0.as_bytes(),
        identity.id.0.as_bytes(),
        identity.provider.as_str(),
        &identity.issuer,
        identity.subject.as_str(),
        identity.email.as_ref().map(Email::as_str),
        identity.linked_at.timestamp_millis(),
    )
}

#[derive(Queryable)]
struct IdentityRow {
    user_id: Vec<u8>,
    id: Vec<u8>,
    provider: String,
    issuer: String,
    subject: String,
    email: Option<String>,
    linked_at: i64,
}

impl TryFrom<IdentityRow> for LinkedIdentity {
    type Error = CorruptRow;

    fn try_from(row: IdentityRow) -> Result<Self, CorruptRow> {
        let of = RowOf {
            table: "linked_identities",
            id: &Id(&row.id),
        };
        Ok(Self {
            id: IdentityId(of.uuid(&row.id, "id")?),
            user_id: UserId(of.uuid(&row.user_id, "user_id")?),
            provider: of.parse(&row.provider, "provider")?,
            issuer: row.issuer,
            subject: of.parse(&row.subject, "subject")?,
            email: of.parse_some(row.email.as_deref(), "email")?,
            linked_at: of.time(row.linked_at, "linked_at")?,
        })
    }
}
