//! The store of learners' own keys of providers.

use async_trait::async_trait;
use diesel::result::Error as DieselError;
use diesel::sql_types::{BigInt, Binary, Text};
use diesel::{Queryable, RunQueryDsl, SqliteConnection};
use parlance_domain::consequences::Consequences;
use parlance_domain::ids::UserId;
use parlance_domain::port::PortError;
use parlance_domain::sealing::{KeptSecret, KeyId, Sealed, SealedSecrets};
use parlance_domain::settings::{KeyProvider, LastFour, ProviderKey, ProviderKeyStore};
use uuid::Uuid;

use crate::consequences;
use crate::convert::{CorruptRow, RowOf};
use crate::database::{NoRefusal, SqliteDatabase, StoreError};
use crate::statement::statement;

const PORT: &str = "ProviderKeyStore";

statement!(
    List(user_id: &'a [u8] => Binary) -> (Text, Text, Text, BigInt)
        = "SELECT provider, sealed, last_four, set_at FROM provider_keys WHERE user_id = ? ORDER BY provider"
);
statement!(
    Keep(
        user_id: &'a [u8] => Binary,
        provider: &'a str => Text,
        sealed: String => Text,
        key_id: &'a str => Text,
        last_four: &'a str => Text,
        set_at: i64 => BigInt,
    ) = "INSERT INTO provider_keys (user_id, provider, sealed, key_id, last_four, set_at) VALUES (?, ?, ?, ?, ?, ?) \
         ON CONFLICT (user_id, provider) DO UPDATE SET sealed = excluded.sealed, key_id = excluded.key_id, \
            last_four = excluded.last_four, set_at = excluded.set_at"
);
statement!(
    Remove(user_id: &'a [u8] => Binary, provider: &'a str => Text)
        = "DELETE FROM provider_keys WHERE user_id = ? AND provider = ?"
);
statement!(
    Forget(user_id: &'a [u8] => Binary) = "DELETE FROM provider_keys WHERE user_id = ?"
);
statement!(
    SealedOtherwise(
        key_id: &'a str => Text,
        user_id: &'a [u8] => Binary,
        provider: &'a str => Text,
        limit: i64 => BigInt,
    ) -> (Binary, Text, Text)
        = "SELECT user_id, provider, sealed FROM provider_keys WHERE key_id <> ? AND (user_id, provider) > (?, ?) \
           ORDER BY user_id, provider LIMIT ?"
);
statement!(
    Replace(
        after: String => Text,
        key_id: &'a str => Text,
        user_id: &'a [u8] => Binary,
        provider: &'a str => Text,
        before: String => Text,
    ) = "UPDATE provider_keys SET sealed = ?, key_id = ? WHERE user_id = ? AND provider = ? AND sealed = ?"
);

/// Learners' own keys of providers, in the database.
#[derive(Clone)]
pub struct SqliteProviderKeys {
    database: SqliteDatabase,
}

impl SqliteProviderKeys {
    /// The keys in this database.
    pub fn new(database: SqliteDatabase) -> Self {
        Self { database }
    }
}

#[async_trait]
impl ProviderKeyStore for SqliteProviderKeys {
    async fn list(&self, user: UserId) -> Result<Vec<ProviderKey>, PortError> {
        let found = self.database.read(move |connection| keys(connection, user));
        found.await.map_err(|error: NoRefusal| error.into_port(PORT))
    }

    async fn keep(
        &self,
        user: UserId,
        key: &ProviderKey,
        consequences: &Consequences,
    ) -> Result<(), PortError> {
        let (key, consequences) = (key.clone(), consequences.clone());
        let kept = self.database.write(move |connection| {
            keep_key(connection, user, &key).map_err(StoreError::of_owner)?;
            Ok(consequences::keep(connection, &consequences)?)
        });
        kept.await.map_err(|error: NoRefusal| error.into_port(PORT))
    }

    async fn remove(
        &self,
        user: UserId,
        provider: KeyProvider,
        consequences: &Consequences,
    ) -> Result<bool, PortError> {
        let consequences = consequences.clone();
        let removed = self.database.write(move |connection| {
            let removed = Remove::new(user.0.as_bytes(), provider.as_str()).execute(connection)?;
            if removed > 0 {
                consequences::keep(connection, &consequences)?;
            }
            Ok(removed > 0)
        });
        removed.await.map_err(|error: NoRefusal| error.into_port(PORT))
    }
}

#[async_trait]
impl SealedSecrets for SqliteProviderKeys {
    fn kind(&self) -> &'static str {
        "keys of providers"
    }

    async fn sealed_otherwise(
        &self,
        than: &KeyId,
        after: Option<&str>,
        limit: u32,
    ) -> Result<Vec<KeptSecret>, PortError> {
        let (than, after) = (than.clone(), after.map(str::to_owned));
        let found = self.database.read(move |connection| {
            let (user, provider) = place_of(after.as_deref())?;
            let statement = SealedOtherwise::new(than.as_str(), user.as_bytes(), provider, i64::from(limit));
            let rows: Vec<(Vec<u8>, String, String)> = statement.load(connection)?;
            let read = rows
                .iter()
                .map(|(user, provider, sealed)| kept(user, provider, sealed));
            Ok(read.collect::<Result<_, CorruptRow>>()?)
        });
        found.await.map_err(|error: NoRefusal| error.into_port(PORT))
    }

    async fn replace(&self, secret: &KeptSecret, sealed: &Sealed) -> Result<bool, PortError> {
        let (place, before, sealed) = (secret.place.clone(), secret.sealed.encode(), sealed.clone());
        let replaced = self.database.write(move |connection| {
            let (user, provider) = place_of(Some(&place))?;
            let (after, key_id) = (sealed.encode(), sealed.key_id.as_str());
            let statement = Replace::new(after, key_id, user.as_bytes(), provider, before.clone());
            Ok(statement.execute(connection)? > 0)
        });
        replaced.await.map_err(|error: NoRefusal| error.into_port(PORT))
    }
}

/// The keys of a learner, as they are in the transaction under way.
pub(crate) fn keys(connection: &mut SqliteConnection, user: UserId) -> Result<Vec<ProviderKey>, NoRefusal> {
    let rows: Vec<KeyRow> = List::new(user.0.as_bytes()).load(connection)?;
    let read = rows.into_iter().map(|row| row.read(user));
    Ok(read.collect::<Result<_, CorruptRow>>()?)
}

/// Takes all keys of a learner away, in the transaction under way.
pub(crate) fn forget_keys(connection: &mut SqliteConnection, user: UserId) -> Result<(), DieselError> {
    Forget::new(user.0.as_bytes()).execute(connection)?;
    Ok(())
}

/// Keeps a key of a learner, in the transaction under way.
pub(crate) fn keep_key(
    connection: &mut SqliteConnection,
    user: UserId,
    key: &ProviderKey,
) -> Result<(), DieselError> {
    let statement = Keep::new(
        user.0.as_bytes(),
        key.provider.as_str(),
        key.sealed.encode(),
        key.sealed.key_id.as_str(),
        key.last_four.as_str(),
        key.set_at.timestamp_millis(),
    );
    statement.execute(connection)?;
    Ok(())
}

#[derive(Queryable)]
struct KeyRow {
    provider: String,
    sealed: String,
    last_four: String,
    set_at: i64,
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
            set_at: of.time(self.set_at, "set_at")?,
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

fn kept(user: &[u8], provider: &str, sealed: &str) -> Result<KeptSecret, CorruptRow> {
    let nobody = UserId(Uuid::nil());
    let user = UserId(row_of(&nobody).uuid(user, "user_id")?);
    let of = row_of(&user);
    let provider: KeyProvider = of.parse(provider, "provider")?;
    Ok(KeptSecret {
        place: format!("{user} {provider}"),
        label: ProviderKey::label(user, provider),
        sealed: of.parse(sealed, "sealed")?,
    })
}
