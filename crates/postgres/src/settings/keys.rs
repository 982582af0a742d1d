//! The store of learners' own keys of providers.

use std::sync::Arc;

use async_trait::async_trait;
use diesel::Queryable;
use diesel::result::Error as DieselError;
use diesel::sql_types::{BigInt, Text, Timestamptz, Uuid as SqlUuid};
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use futures_util::FutureExt;
use parlance_domain::consequences::Consequences;
use parlance_domain::ids::UserId;
use parlance_domain::port::PortError;
use parlance_domain::sealing::{KeptSecret, KeyId, Sealed, SealedSecrets};
use parlance_domain::settings::{KeyProvider, LastFour, ProviderKey, ProviderKeyStore};
use parlance_domain::time::Timestamp;
use uuid::Uuid;

use crate::consequences;
use crate::convert::{CorruptRow, RowOf};
use crate::database::{NoRefusal, PgDatabase, Repeat, StoreError};
use crate::statement::statement;

const PORT: &str = "ProviderKeyStore";

statement!(
    List(user_id: Uuid => SqlUuid) -> (Text, Text, Text, Timestamptz)
        = "SELECT provider, sealed, last_four, set_at FROM provider_keys WHERE user_id = ? ORDER BY provider"
);
statement!(
    Keep(
        user_id: Uuid => SqlUuid,
        provider: &'a str => Text,
        sealed: String => Text,
        key_id: &'a str => Text,
        last_four: &'a str => Text,
        set_at: Timestamp => Timestamptz,
    ) = "INSERT INTO provider_keys (user_id, provider, sealed, key_id, last_four, set_at) VALUES (?, ?, ?, ?, ?, ?) \
         ON CONFLICT (user_id, provider) DO UPDATE SET sealed = excluded.sealed, key_id = excluded.key_id, \
            last_four = excluded.last_four, set_at = excluded.set_at"
);
statement!(
    Remove(user_id: Uuid => SqlUuid, provider: &'a str => Text)
        = "DELETE FROM provider_keys WHERE user_id = ? AND provider = ?"
);
statement!(
    Forget(user_id: Uuid => SqlUuid) = "DELETE FROM provider_keys WHERE user_id = ?"
);
statement!(
    SealedOtherwise(
        key_id: &'a str => Text,
        user_id: Uuid => SqlUuid,
        provider: &'a str => Text,
        limit: i64 => BigInt,
    ) -> (SqlUuid, Text, Text)
        = "SELECT user_id, provider, sealed FROM provider_keys WHERE key_id <> ? AND (user_id, provider) > (?, ?) \
           ORDER BY user_id, provider LIMIT ?"
);
statement!(
    Replace(
        after: String => Text,
        key_id: &'a str => Text,
        user_id: Uuid => SqlUuid,
        provider: &'a str => Text,
        before: String => Text,
    ) = "UPDATE provider_keys SET sealed = ?, key_id = ? WHERE user_id = ? AND provider = ? AND sealed = ?"
);

/// Learners' own keys of providers, in the database.
#[derive(Clone)]
pub struct PgProviderKeys {
    database: PgDatabase,
}

impl PgProviderKeys {
    /// The keys in this database.
    pub fn new(database: PgDatabase) -> Self {
        Self { database }
    }
}

#[async_trait]
impl ProviderKeyStore for PgProviderKeys {
    async fn list(&self, user: UserId) -> Result<Vec<ProviderKey>, PortError> {
        let read = |connection: Arc<AsyncPgConnection>| async move { key_rows(&connection, user).await };
        let rows = self.database.run(Repeat::Safe, read).await;
        let read = rows.and_then(|rows| read_keys(user, rows));
        read.map_err(|error| error.into_port(PORT))
    }

    async fn keep(
        &self,
        user: UserId,
        key: &ProviderKey,
        consequences: &Consequences,
    ) -> Result<(), PortError> {
        let work = Arc::new((key.clone(), consequences.clone()));
        let kept = self.database.transact(move |connection| {
            let work = Arc::clone(&work);
            async move {
                let (key, consequences) = &*work;
                let kept = keep_key(connection, user, key).await;
                kept.map_err(|error| StoreError::from(error).for_owner())?;
                Ok(consequences::keep(connection, consequences).await?)
            }
            .boxed()
        });
        kept.await.map_err(|error: NoRefusal| error.into_port(PORT))
    }

    async fn remove(
        &self,
        user: UserId,
        provider: KeyProvider,
        consequences: &Consequences,
    ) -> Result<bool, PortError> {
        let consequences = Arc::new(consequences.clone());
        let removed = self.database.transact(move |connection| {
            let consequences = Arc::clone(&consequences);
            async move {
                let statement = Remove::new(user.0, provider.as_str());
                let removed = statement.execute(&mut &*connection).await?;
                if removed > 0 {
                    consequences::keep(connection, &consequences).await?;
                }
                Ok(removed > 0)
            }
            .boxed()
        });
        removed.await.map_err(|error: NoRefusal| error.into_port(PORT))
    }
}

#[async_trait]
impl SealedSecrets for PgProviderKeys {
    fn kind(&self) -> &'static str {
        "keys of providers"
    }

    async fn sealed_otherwise(
        &self,
        than: &KeyId,
        after: Option<&str>,
        limit: u32,
    ) -> Result<Vec<KeptSecret>, PortError> {
        let (user, provider) = place_of(after).map_err(|error| StoreError::from(error).into_port(PORT))?;
        let read = |connection: Arc<AsyncPgConnection>| async move {
            let statement = SealedOtherwise::new(than.as_str(), user, provider, i64::from(limit));
            statement.load(&mut &*connection).await
        };
        let rows: Result<Vec<(Uuid, String, String)>, _> = self.database.run(Repeat::Safe, read).await;
        let read = rows.and_then(|rows| {
            let read = rows
                .iter()
                .map(|(user, provider, sealed)| kept(*user, provider, sealed));
            Ok(read.collect::<Result<_, CorruptRow>>()?)
        });
        read.map_err(|error: StoreError| error.into_port(PORT))
    }

    async fn replace(&self, secret: &KeptSecret, sealed: &Sealed) -> Result<bool, PortError> {
        let place = place_of(Some(&secret.place));
        let (user, provider) = place.map_err(|error| StoreError::from(error).into_port(PORT))?;
        let send = |connection: Arc<AsyncPgConnection>| async move {
            let (after, key_id) = (sealed.encode(), sealed.key_id.as_str());
            let statement = Replace::new(after, key_id, user, provider, secret.sealed.encode());
            statement.execute(&mut &*connection).await
        };
        let replaced = self.database.run(Repeat::Safe, send).await;
        Ok(replaced.map_err(|error| error.into_port(PORT))? > 0)
    }
}

/// The rows of a learner, as they are in the transaction under way.
pub(crate) async fn key_rows(
    connection: &AsyncPgConnection,
    user: UserId,
) -> Result<Vec<KeyRow>, DieselError> {
    List::new(user.0).load(&mut &*connection).await
}

/// The keys that a learner's rows hold.
pub(crate) fn read_keys(user: UserId, rows: Vec<KeyRow>) -> Result<Vec<ProviderKey>, StoreError> {
    let read = rows.into_iter().map(|row| row.read(user));
    Ok(read.collect::<Result<_, CorruptRow>>()?)
}

/// Takes all keys of a learner away, in the transaction under way.
pub(crate) async fn forget_keys(connection: &AsyncPgConnection, user: UserId) -> Result<(), DieselError> {
    Forget::new(user.0).execute(&mut &*connection).await?;
    Ok(())
}

/// Keeps a key of a learner, in the transaction under way.
pub(crate) async fn keep_key(
    connection: &AsyncPgConnection,
    user: UserId,
    key: &ProviderKey,
) -> Result<(), DieselError> {
    let statement = Keep::new(
        user.0,
        key.provider.as_str(),
        key.sealed.encode(),
        key.sealed.key_id.as_str(),
        key.last_four.as_str(),
        key.set_at,
    );
    statement.execute(&mut &*connection).await?;
    Ok(())
}

/// A key, as it was read.
#[derive(Queryable)]
pub(crate) struct KeyRow {
    provider: String,
    sealed: String,
    last_four: String,
    set_at: Timestamp,
}

fn row_of(user: &UserId) -> RowOf<'_> {
    RowOf {
        table: "provider_keys",
        id: user,
    }
}

impl KeyRow {
    fn read(self, user: UserId) -> Result<ProviderKey, CorruptRow> {
        let of = row_of(&user);
        Ok(ProviderKey {
            provider: of.parse(&self.provider, "provider")?,
            sealed: of.parse(&self.sealed, "sealed")?,
            last_four: of.parse::<LastFour>(&self.last_four, "last_four")?,
            set_at: self.set_at,
        })
    }
}

/// A place is the learner's id, a blank, and the provider; all places are behind that of nobody.
fn place_of(place: Option<&str>) -> Result<(Uuid, &str), CorruptRow> {
    let Some(place) = place else {
        return Ok((Uuid::nil(), ""));
    };
    let of = RowOf {
        table: "provider_keys",
        id: &place,
    };
    let (user, provider) = of.some(place.split_once(' '), "user_id")?;
    Ok((of.parse(user, "user_id")?, provider))
}

fn kept(user: Uuid, provider: &str, sealed: &str) -> Result<KeptSecret, CorruptRow> {
    let user = UserId(user);
    let of = row_of(&user);
    let provider: KeyProvider = of.parse(provider, "provider")?;
    Ok(KeptSecret {
        place: format!("{user} {provider}"),
        label: ProviderKey::label(user, provider),
        sealed: of.parse(sealed, "sealed")?,
    })
}
