//! The import of lists with their words.

use diesel::result::{Error as DieselError, OptionalExtension};
use diesel::sql_types::{Array, BigInt, Integer, Nullable, Text};
use diesel_async::{AsyncPgConnection, RunQueryDsl, SimpleAsyncConnection};
use parlance_domain::words::{ImportSummary, Vocabulary, Word, WordList, fold_text};

use super::search::language_key;
use crate::convert::array_literal;
use crate::database::StoreError;
use crate::statement::statement;

/// Names the right to change the vocabulary among the advisory locks of a database.
const LOCK: i64 = 0x766f_6361_6275_6c61;

/// How many words one statement writes.
const CHUNK: usize = 1_000;

statement!(
    // Held to the end of the transaction.
    Lock(lock: i64 => BigInt) = "SELECT pg_advisory_xact_lock(?)"
);
statement!(
    UpsertList(
        id: &'a str => Text,
        name: &'a str => Text,
        description: &'a str => Text,
        language: &'a str => Text,
        difficulty: &'a str => Text,
        tags: &'a [String] => Array<Text>,
        word_count: i32 => Integer,
    ) = "INSERT INTO word_lists (position, id, name, description, language, difficulty, tags, word_count) \
         VALUES ((SELECT coalesce(max(position), 0) + 1 FROM word_lists), ?, ?, ?, ?, ?, ?, ?) \
         ON CONFLICT (id) DO UPDATE SET name = excluded.name, description = excluded.description, \
         language = excluded.language, difficulty = excluded.difficulty, tags = excluded.tags, \
         word_count = excluded.word_count"
);
statement!(
    // Arrays of arrays would all have to be of one length, so that these come as texts. A row that is new has no
    // earlier version (xmax).
    #[expect(clippy::too_many_arguments, reason = "one for each column")]
    UpsertWords(
        ids: Vec<&'a str> => Array<Text>,
        languages: Vec<&'a str> => Array<Text>,
        terms: Vec<&'a str> => Array<Text>,
        readings: Vec<Option<&'a str>> => Array<Nullable<Text>>,
        glosses: Vec<&'a str> => Array<Text>,
        alternate_forms: Vec<String> => Array<Text>,
        parts_of_speech: Vec<String> => Array<Text>,
        frequency_ranks: Vec<Option<i64>> => Array<Nullable<BigInt>>,
        language_keys: Vec<String> => Array<Text>,
        term_keys: Vec<String> => Array<Text>,
        reading_keys: Vec<String> => Array<Text>,
        gloss_keys: Vec<String> => Array<Text>,
        form_keys: Vec<String> => Array<Text>,
    ) -> (BigInt)
        = "WITH kept AS (INSERT INTO words AS word (id, language, term, reading, gloss, alternate_forms, \
              part_of_speech, frequency_rank, language_key, term_key, reading_key, gloss_key, form_keys) \
              SELECT id, language, term, reading, gloss, alternate_forms::TEXT[], part_of_speech::TEXT[], \
                 frequency_rank, language_key, term_key, reading_key, gloss_key, form_keys::TEXT[] \
              FROM unnest(?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) AS new (id, language, term, reading, gloss, \
                 alternate_forms, part_of_speech, frequency_rank, language_key, term_key, reading_key, gloss_key, \
                 form_keys) \
              ON CONFLICT (id) DO UPDATE SET language = excluded.language, term = excluded.term, \
                 reading = excluded.reading, gloss = excluded.gloss, alternate_forms = excluded.alternate_forms, \
                 part_of_speech = excluded.part_of_speech, frequency_rank = excluded.frequency_rank, \
                 language_key = excluded.language_key, term_key = excluded.term_key, \
                 reading_key = excluded.reading_key, gloss_key = excluded.gloss_key, \
                 form_keys = excluded.form_keys \
              RETURNING word.xmax = 0 AS added) \
           SELECT count(*) FROM kept WHERE added"
);
statement!(EmptyList(id: &'a str => Text) = "DELETE FROM list_words WHERE list_id = ?");
statement!(
    FillList(list_id: &'a str => Text, word_ids: Vec<&'a str> => Array<Text>)
        = "INSERT INTO list_words (list_id, position, word_id) SELECT ?, place - 1, word_id \
           FROM unnest(?) WITH ORDINALITY AS new (word_id, place)"
);
statement!(
    pub(super) Release() -> (Text) = "SELECT digest FROM vocabulary_release"
);
statement!(
    NoteRelease(digest: &'a str => Text)
        = "INSERT INTO vocabulary_release (digest) VALUES (?) \
           ON CONFLICT (only_row) DO UPDATE SET digest = excluded.digest"
);

/// Keeps a list and its words, within a transaction.
pub(super) async fn import(
    connection: &AsyncPgConnection,
    vocabulary: &Vocabulary,
) -> Result<ImportSummary, StoreError> {
    lock(connection).await?;
    let summary = keep(connection, vocabulary).await?;
    analyze(connection).await?;
    Ok(summary)
}

/// Keeps words without putting them on a list, within a transaction.
pub(crate) async fn import_words(connection: &AsyncPgConnection, words: &[Word]) -> Result<(), StoreError> {
    lock(connection).await?;
    upsert(connection, words).await?;
    Ok(())
}

/// Keeps the lists of a release and notes its digest, within a transaction; whether it was not there before.
pub(super) async fn install(
    mut connection: &AsyncPgConnection,
    digest: &str,
    lists: &[Vocabulary],
) -> Result<bool, StoreError> {
    lock(connection).await?;
    if release(connection).await?.as_deref() == Some(digest) {
        return Ok(false);
    }
    for vocabulary in lists {
        keep(connection, vocabulary).await?;
    }
    analyze(connection).await?;
    NoteRelease::new(digest).execute(&mut connection).await?;
    Ok(true)
}

/// The digest of the release that was installed last.
pub(super) async fn release(mut connection: &AsyncPgConnection) -> Result<Option<String>, DieselError> {
    let found = Release::new().get_result(&mut connection).await.optional()?;
    Ok(found.map(|(digest,): (String,)| digest))
}

/// Waits until nobody else changes the vocabulary: imports that share words would wait for each other crosswise.
async fn lock(mut connection: &AsyncPgConnection) -> Result<(), DieselError> {
    Lock::new(LOCK).execute(&mut connection).await?;
    Ok(())
}

/// Lets the server see how much there is now: by what it saw of empty tables it would read them a thousand times over.
async fn analyze(mut connection: &AsyncPgConnection) -> Result<(), DieselError> {
    connection
        .batch_execute("ANALYZE words, word_lists, list_words")
        .await
}

async fn keep(
    mut connection: &AsyncPgConnection,
    vocabulary: &Vocabulary,
) -> Result<ImportSummary, DieselError> {
    let Vocabulary { list, words } = vocabulary;
    upsert_list(list, words.len()).execute(&mut connection).await?;
    let added = upsert(connection, words).await?;
    EmptyList::new(list.id.as_str()).execute(&mut connection).await?;
    let ids = words.iter().map(|word| word.id.as_str()).collect();
    FillList::new(list.id.as_str(), ids)
        .execute(&mut connection)
        .await?;
    let count = u32::try_from(words.len()).unwrap_or(u32::MAX);
    Ok(ImportSummary {
        added,
        updated: count - added,
    })
}

/// Keeps words; says how many were not there before.
async fn upsert(mut connection: &AsyncPgConnection, words: &[Word]) -> Result<u32, DieselError> {
    let mut added = 0;
    for chunk in words.chunks(CHUNK) {
        let (new,): (i64,) = upsert_words(chunk).get_result(&mut connection).await?;
        added += u32::try_from(new).unwrap_or_default();
    }
    Ok(added)
}

fn upsert_list(list: &WordList, words: usize) -> UpsertList<'_> {
    UpsertList::new(
        list.id.as_str(),
        &list.name,
        &list.description,
        &list.language,
        list.difficulty.as_str(),
        &list.tags,
        i32::try_from(words).unwrap_or(i32::MAX),
    )
}

fn upsert_words(words: &[Word]) -> UpsertWords<'_> {
    fn column<'a, T>(words: &'a [Word], of: impl Fn(&'a Word) -> T) -> Vec<T> {
        words.iter().map(of).collect()
    }
    let folded_forms = |word: &Word| array_literal(word.alternate_forms.iter().map(|form| fold_text(form)));
    UpsertWords::new(
        column(words, |word| word.id.as_str()),
        column(words, |word| &*word.language),
        column(words, |word| &*word.term),
        column(words, |word| word.reading.as_deref()),
        column(words, |word| &*word.gloss),
        column(words, |word| array_literal(&word.alternate_forms)),
        column(words, |word| array_literal(&word.part_of_speech)),
        column(words, |word| word.frequency_rank.map(i64::from)),
        column(words, |word| language_key(&word.language)),
        column(words, |word| fold_text(&word.term)),
        column(words, |word| {
            word.reading.as_deref().map(fold_text).unwrap_or_default()
        }),
        column(words, |word| fold_text(&word.gloss)),
        column(words, folded_forms),
    )
}
