//! The store of accounts.

use std::sync::Arc;

use async_trait::async_trait;
use diesel::result::OptionalExtension;
use diesel::sql_types::{BigInt, Bool, Nullable, Text, Timestamptz, Uuid as SqlUuid};
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use parlance_domain::accounts::{
    Account, AccountStore, AccountWithPassword, CefrLevel, DisplayName, Email, InsertAccountError,
    LanguageTag, PasswordHash, SaveAccountError, Session, Username,
};
use parlance_domain::ids::UserId;
use parlance_domain::port::PortError;
use parlance_domain::time::Timestamp;
use uuid::Uuid;

use super::insert::insert;
use super::row::{AccountColumns, AccountRow, account_columns};
use crate::convert::to_i64;
use crate::database::{PgDatabase, Repeat, StoreError};
use crate::statement::statement;

const PORT: &str = "AccountStore";

statement!(
    ById(id: Uuid => SqlUuid) -> (AccountColumns,)
        = concat!("SELECT ", account_columns!(), " FROM accounts WHERE id = ?")
);
statement!(
    ByEmail(key: &'a str => Text) -> (AccountColumns,)
        = concat!("SELECT ", account_columns!(), " FROM accounts WHERE email_key = ?")
);
statement!(
    ByUsername(key: &'a str => Text) -> (AccountColumns,)
        = concat!("SELECT ", account_columns!(), " FROM accounts WHERE username_key = ?")
);
statement!(
    WhoHas(id: Uuid => SqlUuid, email_key: &'a str => Text, username_key: Option<&'a str> => Nullable<Text>)
        -> (Nullable<Bool>, Nullable<Bool>)
        = "WITH wanted (id, email_key, username_key) AS (VALUES (?, ?, ?)) \
           SELECT bool_or(account.id = wanted.id AND account.email_key = wanted.email_key), \
                  bool_or(account.email_key = wanted.email_key) \
           FROM wanted JOIN accounts account ON account.id = wanted.id \
             OR account.email_key = wanted.email_key OR account.username_key = wanted.username_key"
);
statement!(
    #[expect(clippy::too_many_arguments, reason = "one for each column of the profile")]
    SaveProfile(
        display_name: Option<&'a str> => Nullable<Text>,
        native_language: Option<&'a str> => Nullable<Text>,
        target_language: Option<&'a str> => Nullable<Text>,
        proficiency_level: Option<&'a str> => Nullable<Text>,
        time_zone: &'a str => Text,
        updated_at: Timestamp => Timestamptz,
        revision: i64 => BigInt,
        id: Uuid => SqlUuid,
        expected: i64 => BigInt,
    ) = "UPDATE accounts SET display_name = ?, native_language = ?, target_language = ?, \
         proficiency_level = ?, time_zone = ?, updated_at = ?, revision = ? WHERE id = ? AND revision = ?"
);
statement!(
    ReplaceHash(new: &'a str => Text, id: Uuid => SqlUuid, old: &'a str => Text)
        = "UPDATE accounts SET password_hash = ? WHERE id = ? AND password_hash = ?"
);

/// The accounts in the database.
#[derive(Clone)]
pub struct PgAccounts {
    database: PgDatabase,
}

impl PgAccounts {
    /// The accounts in this database.
    pub fn new(database: PgDatabase) -> Self {
        Self { database }
    }

    /// Why an account could not be kept whose keys somebody has.
    async fn refusal(&self, account: &Account, error: StoreError) -> Result<(), InsertAccountError> {
        let username_key = account.username.as_ref().map(Username::key);
        let look = |connection: Arc<AsyncPgConnection>| {
            let looked = WhoHas::new(account.id.0, account.email.key(), username_key.as_deref());
            async move { looked.get_result(&mut &*connection).await }
        };
        let looked = self.database.run(Repeat::Safe, look).await;
        let found: (Option<bool>, Option<bool>) = looked.map_err(|error| error.into_port(PORT))?;
        match found {
            // The connection broke behind a statement that had taken effect, and it was sent once more.
            (Some(true), _) => Ok(()),
            (_, Some(true)) => Err(InsertAccountError::EmailTaken),
            (_, Some(false)) if username_key.is_some() => Err(InsertAccountError::UsernameTaken),
            _ => Err(error.into_port(PORT).into()),
        }
    }
}

#[async_trait]
impl AccountStore for PgAccounts {
    async fn insert(
        &self,
        account: &AccountWithPassword,
        session: &Session,
    ) -> Result<(), InsertAccountError> {
        let send = |connection: Arc<AsyncPgConnection>| async move {
            insert(account, std::slice::from_ref(session))
                .execute(&mut &*connection)
                .await
        };
        match self.database.run(Repeat::Safe, send).await {
            Ok(_) => Ok(()),
            Err(error) if error.is_taken() => self.refusal(&account.account, error).await,
            Err(error) => Err(error.into_port(PORT).into()),
        }
    }

    async fn by_id(&self, id: UserId) -> Result<Option<Account>, PortError> {
        let read = |connection: Arc<AsyncPgConnection>| async move {
            ById::new(id.0).get_result(&mut &*connection).await.optional()
        };
        let found = account(self.database.run(Repeat::Safe, read).await)?;
        Ok(found.map(|found| found.account))
    }

    async fn by_email(&self, email: &Email) -> Result<Option<AccountWithPassword>, PortError> {
        let read = |connection: Arc<AsyncPgConnection>| async move {
            let found = ByEmail::new(email.key()).get_result(&mut &*connection);
            found.await.optional()
        };
        account(self.database.run(Repeat::Safe, read).await)
    }

    async fn by_username(&self, username: &Username) -> Result<Option<AccountWithPassword>, PortError> {
        let key = &*username.key();
        let read = |connection: Arc<AsyncPgConnection>| async move {
            let found = ByUsername::new(key).get_result(&mut &*connection);
            found.await.optional()
        };
        account(self.database.run(Repeat::Safe, read).await)
    }

    async fn save(&self, account: &Account, expected: u64) -> Result<(), SaveAccountError> {
        let send = |connection: Arc<AsyncPgConnection>| async move {
            let statement = save_profile(account, expected);
            statement.execute(&mut &*connection).await
        };
        // Sent twice, it would call its own change that of somebody else.
        let saved = self.database.run(Repeat::Never, send).await;
        match saved.map_err(|error| error.into_port(PORT))? {
            0 => Err(SaveAccountError::Conflict),
            _ => Ok(()),
        }
    }

    async fn replace_password_hash(
        &self,
        id: UserId,
        old: &PasswordHash,
        new: &PasswordHash,
    ) -> Result<(), PortError> {
        let send = |connection: Arc<AsyncPgConnection>| async move {
            let statement = ReplaceHash::new(new.as_str(), id.0, old.as_str());
            statement.execute(&mut &*connection).await
        };
        let replaced = self.database.run(Repeat::Safe, send).await;
        replaced.map(|_| ()).map_err(|error| error.into_port(PORT))
    }
}

fn account(
    read: Result<Option<(AccountRow,)>, StoreError>,
) -> Result<Option<AccountWithPassword>, PortError> {
    let converted = read.and_then(|found| Ok(found.map(|(row,)| row.try_into()).transpose()?));
    converted.map_err(|error: StoreError| error.into_port(PORT))
}

fn save_profile(account: &Account, expected: u64) -> SaveProfile<'_> {
    SaveProfile::new(
        account.display_name.as_ref().map(DisplayName::as_str),
        account.native_language.as_ref().map(LanguageTag::as_str),
        account.target_language.as_ref().map(LanguageTag::as_str),
        account.proficiency_level.map(CefrLevel::as_str),
        account.time_zone.name(),
        account.updated_at,
        to_i64(account.revision),
        account.id.0,
        to_i64(expected),
    )
}
