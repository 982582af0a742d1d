//! The store of accounts.

use std::sync::Arc;

use async_trait::async_trait;
use diesel::result::OptionalExtension;
use diesel::sql_types::{Bool, Nullable, Text, Uuid as SqlUuid};
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use futures_util::FutureExt;
use parlance_domain::accounts::{
    Account, AccountChange, AccountStore, AccountWithPassword, Email, InsertAccountError, PasswordHash,
    SaveAccountError, Session, Username,
};
use parlance_domain::consequences::Consequences;
use parlance_domain::ids::{SessionId, UserId};
use parlance_domain::port::PortError;
use uuid::Uuid;

use super::change::save;
use super::insert::insert;
use super::row::{AccountColumns, AccountRow, account_columns};
use crate::consequences;
use crate::database::{Fail, NoRefusal, PgDatabase, Repeat, StoreError};
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
    WhoHas(email_key: &'a str => Text, username_key: Option<&'a str> => Nullable<Text>) -> (Nullable<Bool>,)
        = "WITH wanted (email_key, username_key) AS (VALUES (?, ?)) \
           SELECT bool_or(account.email_key = wanted.email_key) \
           FROM wanted JOIN accounts account ON account.email_key = wanted.email_key \
             OR account.username_key = wanted.username_key"
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
            let looked = WhoHas::new(account.email.key(), username_key.as_deref());
            async move { looked.get_result(&mut &*connection).await }
        };
        let looked = self.database.run(Repeat::Safe, look).await;
        let found: (Option<bool>,) = looked.map_err(|error| error.into_port(PORT))?;
        match found {
            (Some(true),) => Err(InsertAccountError::EmailTaken),
            (Some(false),) if username_key.is_some() => Err(InsertAccountError::UsernameTaken),
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
        consequences: &Consequences,
    ) -> Result<(), InsertAccountError> {
        let work = Arc::new((account.clone(), session.clone(), consequences.clone()));
        let inserted = self.database.transact(move |connection| {
            let work = Arc::clone(&work);
            async move {
                let (account, session, consequences) = &*work;
                let statement = insert(account, std::slice::from_ref(session));
                statement.execute(&mut &*connection).await?;
                Ok(consequences::keep(connection, consequences).await?)
            }
            .boxed()
        });
        match inserted.await {
            Ok(()) => Ok(()),
            Err(NoRefusal::Store(error)) if error.is_taken() => self.refusal(&account.account, error).await,
            Err(error) => Err(error.into_port(PORT).into()),
        }
    }

    async fn by_id(&self, id: UserId) -> Result<Option<Account>, PortError> {
        let found = self.with_password(id).await?;
        Ok(found.map(|found| found.account))
    }

    async fn with_password(&self, id: UserId) -> Result<Option<AccountWithPassword>, PortError> {
        let read = |connection: Arc<AsyncPgConnection>| async move {
            ById::new(id.0).get_result(&mut &*connection).await.optional()
        };
        account(self.database.run(Repeat::Safe, read).await)
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

    async fn save(&self, change: &AccountChange) -> Result<Vec<SessionId>, SaveAccountError> {
        let change = Arc::new(change.clone());
        let saved = self.database.transact(move |connection| {
            let change = Arc::clone(&change);
            async move { save(connection, &change).await }.boxed()
        });
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

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::ById;
    use crate::script::{assert_sends, text};

    #[test]
    fn the_benchmark_reads_an_account_as_the_store_does() {
        let script = include_str!("../../../../xtask/bench/pgbench/me.sql");
        assert_sends(script, &[text(&ById::new(Uuid::nil()))]);
    }
}
