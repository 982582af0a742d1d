//! The store of accounts.

use async_trait::async_trait;
use diesel::result::{DatabaseErrorKind, Error as DieselError, OptionalExtension};
use diesel::sql_types::{BigInt, Binary, Bool, Nullable, Text};
use diesel::{RunQueryDsl, SqliteConnection};
use parlance_domain::accounts::{
    Account, AccountChange, AccountStore, AccountWithPassword, DisplayName, Email, InsertAccountError,
    PasswordHash, SaveAccountError, Session, Username,
};
use parlance_domain::consequences::Consequences;
use parlance_domain::ids::{SessionId, UserId};
use parlance_domain::port::PortError;

use super::change::save;
use super::row::{AccountRow, StandingColumns, account_select, roles_to};
use super::sessions::insert_session;
use crate::consequences;
use crate::convert::to_i64;
use crate::database::{Fail, NoRefusal, SqliteDatabase};
use crate::statement::{insert, statement};

const PORT: &str = "AccountStore";

account_select!(ById(id: &'a [u8] => Binary) where "id = ?");
account_select!(ByEmail(key: &'a str => Text) where "email_key = ?");
account_select!(ByUsername(key: &'a str => Text) where "username_key = ?");

insert!(
    Insert(NewAccount) = "INSERT INTO accounts (id, email, email_key, username, username_key, password_hash, \
        display_name, native_language, target_language, proficiency_level, time_zone, roles, is_premium, \
        email_verified, created_at, updated_at, last_login_at, revision, deactivated_at, deleted_at, purge_at, \
        deleted_by_owner, deletion_reason, display_name_key)",
    {
        |row| &row.id => Binary,
        |row| &row.email => Text,
        |row| &row.email_key => Text,
        |row| &row.username => Nullable<Text>,
        |row| &row.username_key => Nullable<Text>,
        |row| &row.password_hash => Text,
        |row| &row.display_name => Nullable<Text>,
        |row| &row.native_language => Nullable<Text>,
        |row| &row.target_language => Nullable<Text>,
        |row| &row.proficiency_level => Nullable<Text>,
        |row| &row.time_zone => Text,
        |row| &row.roles => Text,
        |row| &row.is_premium => Bool,
        |row| &row.email_verified => Bool,
        |row| &row.created_at => BigInt,
        |row| &row.updated_at => BigInt,
        |row| &row.last_login_at => Nullable<BigInt>,
        |row| &row.revision => BigInt,
        |row| &row.standing.deactivated_at => Nullable<BigInt>,
        |row| &row.standing.deleted_at => Nullable<BigInt>,
        |row| &row.standing.purge_at => Nullable<BigInt>,
        |row| &row.standing.deleted_by_owner => Nullable<Bool>,
        |row| &row.standing.deletion_reason => Nullable<Text>,
        |row| &row.display_name_key => Nullable<Text>,
    },
    ""
);

statement!(
    ReplaceHash(new: &'a str => Text, id: &'a [u8] => Binary, old: &'a str => Text)
        = "UPDATE accounts SET password_hash = ? WHERE id = ? AND password_hash = ?"
);

/// The accounts in the database.
#[derive(Clone)]
pub struct SqliteAccounts {
    database: SqliteDatabase,
}

impl SqliteAccounts {
    /// The accounts in this database.
    pub fn new(database: SqliteDatabase) -> Self {
        Self { database }
    }
}

#[async_trait]
impl AccountStore for SqliteAccounts {
    async fn insert(
        &self,
        account: &AccountWithPassword,
        session: &Session,
        consequences: &Consequences,
    ) -> Result<(), InsertAccountError> {
        let (row, session) = (NewAccount::from(account), session.clone());
        let consequences = consequences.clone();
        let inserted = self.database.write(move |connection| {
            insert_account(connection, &row)?;
            insert_session(connection, &session)?;
            consequences::keep(connection, &consequences)?;
            Ok(())
        });
        inserted.await.map_err(|error| match error {
            Fail::Refused(Taken::Email) => InsertAccountError::EmailTaken,
            Fail::Refused(Taken::Username) => InsertAccountError::UsernameTaken,
            Fail::Store(error) => error.into_port(PORT).into(),
        })
    }

    async fn by_id(&self, id: UserId) -> Result<Option<Account>, PortError> {
        let found = self.with_password(id).await?;
        Ok(found.map(|found| found.account))
    }

    async fn by_email(&self, email: &Email) -> Result<Option<AccountWithPassword>, PortError> {
        let key = email.key().to_owned();
        self.database
            .read(move |connection| one(ByEmail::new(&key).get_result(connection)))
            .await
            .map_err(|error| error.into_port(PORT))
    }

    async fn by_username(&self, username: &Username) -> Result<Option<AccountWithPassword>, PortError> {
        let key = username.key();
        self.database
            .read(move |connection| one(ByUsername::new(&key).get_result(connection)))
            .await
            .map_err(|error| error.into_port(PORT))
    }

    async fn with_password(&self, id: UserId) -> Result<Option<AccountWithPassword>, PortError> {
        let found = self
            .database
            .read(move |connection| account(connection, id))
            .await;
        found.map_err(|error| error.into_port(PORT))
    }

    async fn save(&self, change: &AccountChange) -> Result<Vec<SessionId>, SaveAccountError> {
        let change = change.clone();
        let saved = self.database.write(move |connection| save(connection, &change));
        saved.await.map_err(|error| match error {
            Fail::Refused(refusal) => refusal.into(),
            Fail::Store(error) => error.into_port(PORT).into(),
        })
    }

    async fn replace_password_hash(
        &self,
        id: UserId,
        old: &PasswordHash,
        new: &PasswordHash,
    ) -> Result<(), PortError> {
        let (old, new) = (old.clone(), new.clone());
        let replaced: Result<usize, NoRefusal> = self
            .database
            .write(move |connection| {
                let statement = ReplaceHash::new(new.as_str(), id.0.as_bytes(), old.as_str());
                Ok(statement.execute(connection)?)
            })
            .await;
        replaced.map(|_| ()).map_err(|error| error.into_port(PORT))
    }
}

/// The account of this id.
pub(crate) fn account(
    connection: &mut SqliteConnection,
    id: UserId,
) -> Result<Option<AccountWithPassword>, NoRefusal> {
    one(ById::new(id.0.as_bytes()).get_result(connection))
}

/// Keeps an account and its sessions as they are.
pub(crate) fn keep(
    connection: &mut SqliteConnection,
    account: &NewAccount,
    sessions: &[Session],
) -> Result<(), DieselError> {
    Insert(std::slice::from_ref(account)).execute(connection)?;
    sessions
        .iter()
        .try_for_each(|session| insert_session(connection, session))
}

/// Which of its keys another account has.
pub(super) enum Taken {
    Email,
    Username,
}

pub(super) fn insert_account(connection: &mut SqliteConnection, row: &NewAccount) -> Result<(), Fail<Taken>> {
    let Err(error) = Insert(std::slice::from_ref(row)).execute(connection) else {
        return Ok(());
    };
    if !matches!(
        error,
        DieselError::DatabaseError(DatabaseErrorKind::UniqueViolation, _)
    ) {
        return Err(error.into());
    }
    // SQLite names one of the violated keys, not always the email: look instead of guessing.
    let by_email: Option<AccountRow> = ByEmail::new(&row.email_key).get_result(connection).optional()?;
    if by_email.is_some() {
        return Err(Fail::Refused(Taken::Email));
    }
    let key = row.username_key.as_deref().unwrap_or_default();
    let by_username: Option<AccountRow> = ByUsername::new(key).get_result(connection).optional()?;
    if by_username.is_some() {
        return Err(Fail::Refused(Taken::Username));
    }
    Err(error.into())
}

fn one(found: Result<AccountRow, DieselError>) -> Result<Option<AccountWithPassword>, NoRefusal> {
    Ok(found.optional()?.map(TryInto::try_into).transpose()?)
}

/// The row of an account as it is written.
pub(crate) struct NewAccount {
    id: Vec<u8>,
    email: String,
    email_key: String,
    username: Option<String>,
    username_key: Option<String>,
    password_hash: String,
    display_name: Option<String>,
    display_name_key: Option<String>,
    native_language: Option<String>,
    target_language: Option<String>,
    proficiency_level: Option<String>,
    time_zone: String,
    roles: String,
    is_premium: bool,
    email_verified: bool,
    created_at: i64,
    updated_at: i64,
    last_login_at: Option<i64>,
    revision: i64,
    standing: StandingColumns,
}

impl From<&AccountWithPassword> for NewAccount {
    fn from(whole: &AccountWithPassword) -> Self {
        let AccountWithPassword {
            account,
            password_hash,
        } = whole;
        let owned = |text: &str| text.to_owned();
        Self {
            id: account.id.0.as_bytes().to_vec(),
            email: owned(account.email.as_str()),
            email_key: owned(account.email.key()),
            username: account.username.as_ref().map(|name| owned(name.as_str())),
            username_key: account.username.as_ref().map(Username::key),
            password_hash: owned(password_hash.as_str()),
            display_name: account.display_name.as_ref().map(|name| owned(name.as_str())),
            display_name_key: account.display_name.as_ref().map(DisplayName::key),
            native_language: account.native_language.as_ref().map(|tag| owned(tag.as_str())),
            target_language: account.target_language.as_ref().map(|tag| owned(tag.as_str())),
            proficiency_level: account.proficiency_level.map(|level| owned(level.as_str())),
            time_zone: owned(account.time_zone.name()),
            roles: roles_to(&account.roles),
            is_premium: account.is_premium,
            email_verified: account.email_verified,
            created_at: account.created_at.timestamp_millis(),
            updated_at: account.updated_at.timestamp_millis(),
            last_login_at: account.last_login_at.map(|at| at.timestamp_millis()),
            revision: to_i64(account.revision),
            standing: StandingColumns::from(&account.standing),
        }
    }
}
