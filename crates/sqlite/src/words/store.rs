//! The store of words and lists.

use std::time::Duration;

use async_trait::async_trait;
use diesel::result::OptionalExtension;
use diesel::sql_types::{BigInt, Text};
use diesel::{RunQueryDsl, SqliteConnection};
use parlance_domain::ids::{ListId, WordId};
use parlance_domain::port::PortError;
use parlance_domain::words::{
    ImportSummary, Vocabulary, Word, WordCursor, WordHit, WordList, WordQuery, WordStore,
};

use super::import::{self, Prepared};
use super::row::{ListRow, WordColumns, WordRow, word_columns};
use super::search;
use crate::convert::{CorruptRow, json_texts, limit_to_i64};
use crate::database::{NoRefusal, SqliteDatabase};
use crate::statement::statement;

const PORT: &str = "WordStore";
/// How long an installation may take: it is one write of thousands of rows, at a start.
const INSTALL_DEADLINE: Duration = Duration::from_mins(1);

statement!(
    Lists() -> (Text, Text, Text, Text, Text, Text, BigInt)
        = "SELECT id, name, description, language, difficulty, tags, word_count FROM word_lists \
           ORDER BY position"
);
statement!(
    List(id: &'a str => Text) -> (Text, Text, Text, Text, Text, Text, BigInt)
        = "SELECT id, name, description, language, difficulty, tags, word_count FROM word_lists WHERE id = ?"
);
statement!(
    WordsOf(list: &'a str => Text, after: i64 => BigInt, limit: i64 => BigInt) -> (BigInt, WordColumns)
        = concat!(
            "SELECT place.position, ", word_columns!(), " FROM list_words place \
             JOIN words w ON w.id = place.word_id WHERE place.list_id = ? AND place.position > ? \
             ORDER BY place.position LIMIT ?"
        )
);
statement!(
    WordsById(ids: &'a str => Text) -> (WordColumns,)
        = concat!(
            "SELECT ", word_columns!(), " FROM words w WHERE w.id IN (SELECT value FROM json_each(?))"
        )
);
statement!(
    WordsAfter(after: &'a str => Text, limit: i64 => BigInt) -> (WordColumns,)
        = concat!("SELECT ", word_columns!(), " FROM words w WHERE w.id > ? ORDER BY w.id LIMIT ?")
);

/// The words in the database.
#[derive(Clone)]
pub struct SqliteWords {
    database: SqliteDatabase,
}

impl SqliteWords {
    /// The words in this database.
    pub fn new(database: SqliteDatabase) -> Self {
        Self { database }
    }
}

#[async_trait]
impl WordStore for SqliteWords {
    async fn lists(&self) -> Result<Vec<WordList>, PortError> {
        self.database
            .read(|connection| {
                let rows: Vec<ListRow> = Lists::new().load(connection)?;
                collect(rows)
            })
            .await
            .map_err(|error: NoRefusal| error.into_port(PORT))
    }

    async fn list(&self, id: &ListId) -> Result<Option<WordList>, PortError> {
        let id = id.clone();
        self.database
            .read(move |connection| {
                let row: Option<ListRow> = List::new(id.as_str()).get_result(connection).optional()?;
                Ok(row.map(TryInto::try_into).transpose()?)
            })
            .await
            .map_err(|error: NoRefusal| error.into_port(PORT))
    }

    async fn words_of(
        &self,
        id: &ListId,
        after: Option<u32>,
        limit: Option<u32>,
    ) -> Result<Vec<(u32, Word)>, PortError> {
        let (id, after) = (id.clone(), after.map_or(-1, i64::from));
        self.database
            .read(move |connection| {
                let statement = WordsOf::new(id.as_str(), after, limit_to_i64(limit));
                let rows: Vec<(i64, WordRow)> = statement.load(connection)?;
                let placed = rows.into_iter().map(|(place, row)| {
                    let word = Word::try_from(row)?;
                    Ok((u32::try_from(place).unwrap_or(u32::MAX), word))
                });
                Ok(placed.collect::<Result<_, CorruptRow>>()?)
            })
            .await
            .map_err(|error: NoRefusal| error.into_port(PORT))
    }

    async fn word(&self, id: &WordId) -> Result<Option<Word>, PortError> {
        Ok(self.words(std::slice::from_ref(id)).await?.pop())
    }

    async fn words(&self, ids: &[WordId]) -> Result<Vec<Word>, PortError> {
        let ids = json_texts(ids.iter().map(WordId::as_str));
        self.database
            .read(move |connection| {
                let rows: Vec<(WordRow,)> = WordsById::new(&ids).load(connection)?;
                collect(rows.into_iter().map(|(row,)| row))
            })
            .await
            .map_err(|error: NoRefusal| error.into_port(PORT))
    }

    async fn search(
        &self,
        query: &WordQuery,
        after: Option<&WordCursor>,
        limit: u32,
    ) -> Result<Vec<WordHit>, PortError> {
        let (query, after) = (query.clone(), after.cloned());
        self.database
            .read(move |connection| search::search(connection, &query, after.as_ref(), limit))
            .await
            .map_err(|error| error.into_port(PORT))
    }

    async fn import(&self, vocabulary: &Vocabulary) -> Result<ImportSummary, PortError> {
        let prepared = Prepared::from(vocabulary);
        self.database
            .write(move |connection| import::import(connection, &prepared))
            .await
            .map_err(|error| error.into_port(PORT))
    }

    async fn release(&self) -> Result<Option<String>, PortError> {
        self.database
            .read(import::release)
            .await
            .map_err(|error| error.into_port(PORT))
    }

    async fn install(&self, digest: &str, lists: &[Vocabulary]) -> Result<bool, PortError> {
        let digest = digest.to_owned();
        let prepared: Vec<Prepared> = lists.iter().map(Prepared::from).collect();
        self.database
            .write_within(INSTALL_DEADLINE, move |connection| {
                import::install(connection, &digest, &prepared)
            })
            .await
            .map_err(|error| error.into_port(PORT))
    }
}

/// The words behind one in order of their ids, on a list or not.
pub(crate) fn words_after(
    connection: &mut SqliteConnection,
    after: &str,
    limit: u32,
) -> Result<Vec<Word>, NoRefusal> {
    let rows: Vec<(WordRow,)> = WordsAfter::new(after, i64::from(limit)).load(connection)?;
    collect(rows.into_iter().map(|(row,)| row))
}

fn collect<R, T>(rows: impl IntoIterator<Item = R>) -> Result<Vec<T>, NoRefusal>
where
    T: TryFrom<R, Error = CorruptRow>,
{
    Ok(rows
        .into_iter()
        .map(TryInto::try_into)
        .collect::<Result<_, _>>()?)
}
