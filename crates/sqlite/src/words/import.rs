//! The import of lists with their words.

use diesel::result::{Error as DieselError, OptionalExtension};
use diesel::sql_types::{BigInt, Nullable, Text};
use diesel::{RunQueryDsl, SqliteConnection};
use parlance_domain::words::{ImportSummary, Vocabulary, Word, WordList, fold_text};

use super::search::{form_key, language_key};
use crate::convert::json_texts;
use crate::database::NoRefusal;
use crate::statement::{in_chunks, insert, statement};

statement!(
    UpsertList(
        id: &'a str => Text,
        name: &'a str => Text,
        description: &'a str => Text,
        language: &'a str => Text,
        difficulty: &'a str => Text,
        tags: &'a str => Text,
        word_count: i64 => BigInt,
    ) = "INSERT INTO word_lists (position, id, name, description, language, difficulty, tags, word_count) \
         VALUES ((SELECT coalesce(max(position), 0) + 1 FROM word_lists), ?, ?, ?, ?, ?, ?, ?) \
         ON CONFLICT (id) DO UPDATE SET name = excluded.name, description = excluded.description, \
         language = excluded.language, difficulty = excluded.difficulty, tags = excluded.tags, \
         word_count = excluded.word_count"
);
statement!(
    CountKnown(ids: &'a str => Text) -> (BigInt)
        = "SELECT count(*) FROM words WHERE id IN (SELECT value FROM json_each(?))"
);
statement!(
    Release() -> (Text) = "SELECT digest FROM vocabulary_release"
);
statement!(
    NoteRelease(digest: &'a str => Text)
        = "INSERT INTO vocabulary_release (id, digest) VALUES (1, ?) \
           ON CONFLICT (id) DO UPDATE SET digest = excluded.digest"
);
statement!(EmptyList(id: &'a str => Text) = "DELETE FROM list_words WHERE list_id = ?");

insert!(
    UpsertWords(NewWord) = "INSERT INTO words (id, language, term, reading, gloss, alternate_forms, \
        part_of_speech, frequency_rank, language_key, term_key, reading_key, gloss_key, forms_key)",
    {
        |row| &row.id => Text,
        |row| &row.language => Text,
        |row| &row.term => Text,
        |row| &row.reading => Nullable<Text>,
        |row| &row.gloss => Text,
        |row| &row.alternate_forms => Text,
        |row| &row.part_of_speech => Text,
        |row| &row.frequency_rank => Nullable<BigInt>,
        |row| &row.language_key => Text,
        |row| &row.term_key => Text,
        |row| &row.reading_key => Text,
        |row| &row.gloss_key => Text,
        |row| &row.forms_key => Text,
    },
    " ON CONFLICT (id) DO UPDATE SET language = excluded.language, term = excluded.term, \
      reading = excluded.reading, gloss = excluded.gloss, alternate_forms = excluded.alternate_forms, \
      part_of_speech = excluded.part_of_speech, frequency_rank = excluded.frequency_rank, \
      language_key = excluded.language_key, term_key = excluded.term_key, reading_key = excluded.reading_key, \
      gloss_key = excluded.gloss_key, forms_key = excluded.forms_key"
);

insert!(
    InsertPlaces(Place) = "INSERT INTO list_words (list_id, position, word_id)",
    {
        |row| &row.list_id => Text,
        |row| &row.position => BigInt,
        |row| &row.word_id => Text,
    },
    ""
);

/// A list and its words as they will be written.
///
/// Made before the turn to write has come: folding the texts takes longer than writing them.
pub(super) struct Prepared {
    list: NewList,
    /// The ids of its words, a JSON array of texts.
    ids: String,
    words: Vec<NewWord>,
    places: Vec<Place>,
}

impl From<&Vocabulary> for Prepared {
    fn from(vocabulary: &Vocabulary) -> Self {
        let Vocabulary { list, words } = vocabulary;
        let place = |(position, word): (i64, &Word)| Place {
            list_id: list.id.as_str().to_owned(),
            position,
            word_id: word.id.as_str().to_owned(),
        };
        Self {
            list: list.into(),
            ids: json_texts(words.iter().map(|word| word.id.as_str())),
            words: words.iter().map(NewWord::from).collect(),
            places: (0..).zip(words).map(place).collect(),
        }
    }
}

/// Keeps a list and its words.
pub(super) fn import(
    connection: &mut SqliteConnection,
    prepared: &Prepared,
) -> Result<ImportSummary, NoRefusal> {
    let Prepared {
        list,
        ids,
        words,
        places,
    } = prepared;
    let count = u32::try_from(words.len()).unwrap_or(u32::MAX);
    list.upsert(count).execute(connection)?;
    let (known,): (i64,) = CountKnown::new(ids).get_result(connection)?;
    upsert(connection, words)?;
    EmptyList::new(&list.id).execute(connection)?;
    for chunk in in_chunks(places) {
        InsertPlaces(chunk).execute(connection)?;
    }
    let updated = u32::try_from(known).unwrap_or(count).min(count);
    Ok(ImportSummary {
        added: count - updated,
        updated,
    })
}

/// Keeps words as they are, on whatever lists they are.
pub(crate) fn upsert(connection: &mut SqliteConnection, words: &[NewWord]) -> Result<(), DieselError> {
    for chunk in in_chunks(words) {
        UpsertWords(chunk).execute(connection)?;
    }
    Ok(())
}

/// Keeps the lists of a release and notes its digest, unless it is the one that was installed last.
pub(super) fn install(
    connection: &mut SqliteConnection,
    digest: &str,
    lists: &[Prepared],
) -> Result<bool, NoRefusal> {
    if release(connection)?.as_deref() == Some(digest) {
        return Ok(false);
    }
    for list in lists {
        import(connection, list)?;
    }
    NoteRelease::new(digest).execute(connection)?;
    Ok(true)
}

/// The digest of the release that was installed last.
pub(super) fn release(connection: &mut SqliteConnection) -> Result<Option<String>, NoRefusal> {
    let found: Option<(String,)> = Release::new().get_result(connection).optional()?;
    Ok(found.map(|(digest,)| digest))
}

struct NewList {
    id: String,
    name: String,
    description: String,
    language: String,
    difficulty: &'static str,
    tags: String,
}

impl From<&WordList> for NewList {
    fn from(list: &WordList) -> Self {
        Self {
            id: list.id.as_str().to_owned(),
            name: list.name.clone(),
            description: list.description.clone(),
            language: list.language.clone(),
            difficulty: list.difficulty.as_str(),
            tags: json_texts(&list.tags),
        }
    }
}

impl NewList {
    fn upsert(&self, word_count: u32) -> UpsertList<'_> {
        UpsertList::new(
            &self.id,
            &self.name,
            &self.description,
            &self.language,
            self.difficulty,
            &self.tags,
            i64::from(word_count),
        )
    }
}

struct Place {
    list_id: String,
    position: i64,
    word_id: String,
}

/// The row of a word as it is written, with its texts folded.
pub(crate) struct NewWord {
    id: String,
    language: String,
    term: String,
    reading: Option<String>,
    gloss: String,
    alternate_forms: String,
    part_of_speech: String,
    frequency_rank: Option<i64>,
    language_key: String,
    term_key: String,
    reading_key: String,
    gloss_key: String,
    forms_key: String,
}

impl From<&Word> for NewWord {
    fn from(word: &Word) -> Self {
        let forms = word.alternate_forms.iter().map(|form| form_key(&fold_text(form)));
        Self {
            id: word.id.as_str().to_owned(),
            language: word.language.clone(),
            term: word.term.clone(),
            reading: word.reading.clone(),
            gloss: word.gloss.clone(),
            alternate_forms: json_texts(&word.alternate_forms),
            part_of_speech: json_texts(&word.part_of_speech),
            frequency_rank: word.frequency_rank.map(i64::from),
            language_key: language_key(&word.language),
            term_key: fold_text(&word.term),
            reading_key: word.reading.as_deref().map(fold_text).unwrap_or_default(),
            gloss_key: fold_text(&word.gloss),
            forms_key: forms.collect(),
        }
    }
}
