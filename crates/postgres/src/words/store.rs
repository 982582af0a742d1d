//! The store of words and lists.

use std::sync::Arc;

use async_trait::async_trait;
use diesel::result::OptionalExtension;
use diesel::sql_types::{Array, BigInt, Integer, Nullable, Text};
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use futures_util::FutureExt;
use parlance_domain::ids::{ListId, WordId};
use parlance_domain::port::PortError;
use parlance_domain::words::{
    ImportSummary, Vocabulary, Word, WordCursor, WordHit, WordList, WordQuery, WordStore,
};

use super::import;
use super::row::{ListColumns, ListRow, WordColumns, WordRow, list_columns, word_columns};
use super::search::{hit, language_key, search};
use crate::convert::CorruptRow;
use crate::database::{PgDatabase, Repeat, StoreError, WRITES};
use crate::statement::statement;

const PORT: &str = "WordStore";

statement!(
    Lists() -> (ListColumns,)
        = concat!("SELECT ", list_columns!(), " FROM word_lists ORDER BY position")
);
statement!(
    List(id: &'a str => Text) -> (ListColumns,)
        = concat!("SELECT ", list_columns!(), " FROM word_lists WHERE id = ?")
);
statement!(
    WordsOf(list: &'a str => Text, after: i32 => Integer, limit: Option<i64> => Nullable<BigInt>)
        -> (Integer, WordColumns)
        = concat!(
            "SELECT place.position, ", word_columns!(), " FROM list_words place \
             JOIN words w ON w.id = place.word_id WHERE place.list_id = ? AND place.position > ? \
             ORDER BY place.position LIMIT ?"
        )
);
statement!(
    WordsById(ids: &'a [&'a str] => Array<Text>) -> (WordColumns,)
        = concat!("SELECT ", word_columns!(), " FROM words w WHERE w.id = ANY (?)")
);

/// The words in the database.
#[derive(Clone)]
pub struct PgWords {
    database: PgDatabase,
}

impl PgWords {
    /// The words in this database.
    pub fn new(database: PgDatabase) -> Self {
        Self { database }
    }
}

#[async_trait]
impl WordStore for PgWords {
    async fn lists(&self) -> Result<Vec<WordList>, PortError> {
        let read =
            |connection: Arc<AsyncPgConnection>| async move { Lists::new().load(&mut &*connection).await };
        let rows = self.database.run(Repeat::Safe, read).await;
        collect(rows, |(row,): (ListRow,)| row.try_into())
    }

    async fn list(&self, id: &ListId) -> Result<Option<WordList>, PortError> {
        let read = |connection: Arc<AsyncPgConnection>| async move {
            let found = List::new(id.as_str()).get_result(&mut &*connection);
            found.await.optional()
        };
        let row = self.database.run(Repeat::Safe, read).await;
        let lists = collect(row, |(row,): (ListRow,)| row.try_into())?;
        Ok(lists.into_iter().next())
    }

    async fn words_of(
        &self,
        id: &ListId,
        after: Option<u32>,
        limit: Option<u32>,
    ) -> Result<Vec<(u32, Word)>, PortError> {
        let after = after.map_or(-1, |after| i32::try_from(after).unwrap_or(i32::MAX));
        let read = |connection: Arc<AsyncPgConnection>| async move {
            let statement = WordsOf::new(id.as_str(), after, limit.map(i64::from));
            statement.load(&mut &*connection).await
        };
        let rows = self.database.run(Repeat::Safe, read).await;
        collect(rows, |(place, row): (i32, WordRow)| {
            Ok((u32::try_from(place).unwrap_or_default(), row.try_into()?))
        })
    }

    async fn word(&self, id: &WordId) -> Result<Option<Word>, PortError> {
        Ok(self.words(std::slice::from_ref(id)).await?.pop())
    }

    async fn words(&self, ids: &[WordId]) -> Result<Vec<Word>, PortError> {
        let ids: &[&str] = &ids.iter().map(WordId::as_str).collect::<Vec<_>>();
        let read = |connection: Arc<AsyncPgConnection>| async move {
            WordsById::new(ids).load(&mut &*connection).await
        };
        let rows = self.database.run(Repeat::Safe, read).await;
        collect(rows, |(row,): (WordRow,)| row.try_into())
    }

    async fn search(
        &self,
        query: &WordQuery,
        after: Option<&WordCursor>,
        limit: u32,
    ) -> Result<Vec<WordHit>, PortError> {
        let language = &*query.language.as_deref().map(language_key).unwrap_or_default();
        // No text of PostgreSQL holds it; asked for, it is an error there.
        if query.text.contains('\0') || language.contains('\0') {
            return Ok(Vec::new());
        }
        let read = |connection: Arc<AsyncPgConnection>| async move {
            let statement = search(query, language, after, limit);
            statement.load(&mut &*connection).await
        };
        let rows = self.database.run(Repeat::Safe, read).await;
        collect(rows, hit)
    }

    async fn import(&self, vocabulary: &Vocabulary) -> Result<ImportSummary, PortError> {
        let vocabulary = vocabulary.clone();
        let imported = self
            .database
            .bulk()
            .transaction(WRITES, move |connection| {
                async move { import::import(connection, &vocabulary).await }.boxed()
            })
            .await;
        imported.map_err(|error| error.into_port(PORT))
    }

    async fn release(&self) -> Result<Option<String>, PortError> {
        let read = |connection: Arc<AsyncPgConnection>| async move { import::release(&connection).await };
        let release = self.database.run(Repeat::Safe, read).await;
        release.map_err(|error| error.into_port(PORT))
    }

    async fn install(&self, digest: &str, lists: &[Vocabulary]) -> Result<bool, PortError> {
        if self.release().await?.as_deref() == Some(digest) {
            return Ok(false);
        }
        let (digest, lists) = (digest.to_owned(), lists.to_vec());
        let installed = self
            .database
            .bulk()
            .transaction(WRITES, move |connection| {
                async move { import::install(connection, &digest, &lists).await }.boxed()
            })
            .await;
        installed.map_err(|error| error.into_port(PORT))
    }
}

fn collect<R, T>(
    rows: Result<impl IntoIterator<Item = R>, StoreError>,
    convert: impl Fn(R) -> Result<T, CorruptRow>,
) -> Result<Vec<T>, PortError> {
    let converted = rows.and_then(|rows| Ok(rows.into_iter().map(convert).collect::<Result<_, _>>()?));
    converted.map_err(|error: StoreError| error.into_port(PORT))
}
