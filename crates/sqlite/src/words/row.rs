//! The rows of words and lists.

use diesel::Queryable;
use parlance_domain::words::{Word, WordList};

use crate::convert::{CorruptRow, RowOf};

/// The columns of a word, in the order of [`WordRow`], out of a table named `w`.
macro_rules! word_columns {
    () => {
        "w.id, w.language, w.term, w.reading, w.gloss, w.alternate_forms, w.part_of_speech, w.frequency_rank, \
         (SELECT json_group_array(on_list.list_id ORDER BY list.position) FROM list_words on_list \
          JOIN word_lists list ON list.id = on_list.list_id WHERE on_list.word_id = w.id)"
    };
}
pub(super) use word_columns;

/// The types of the columns of a word.
pub(super) type WordColumns = (
    diesel::sql_types::Text,
    diesel::sql_types::Text,
    diesel::sql_types::Text,
    diesel::sql_types::Nullable<diesel::sql_types::Text>,
    diesel::sql_types::Text,
    diesel::sql_types::Text,
    diesel::sql_types::Text,
    diesel::sql_types::Nullable<diesel::sql_types::BigInt>,
    diesel::sql_types::Text,
);

#[derive(Queryable)]
pub(super) struct WordRow {
    id: String,
    language: String,
    term: String,
    reading: Option<String>,
    gloss: String,
    alternate_forms: String,
    part_of_speech: String,
    frequency_rank: Option<i64>,
    list_ids: String,
}

impl TryFrom<WordRow> for Word {
    type Error = CorruptRow;

    fn try_from(row: WordRow) -> Result<Self, CorruptRow> {
        let of = RowOf {
            table: "words",
            id: &row.id,
        };
        let list_ids = of.texts(&row.list_ids, "list_id")?;
        Ok(Self {
            id: of.parse(&row.id, "id")?,
            alternate_forms: of.texts(&row.alternate_forms, "alternate_forms")?,
            part_of_speech: of.texts(&row.part_of_speech, "part_of_speech")?,
            frequency_rank: of.number_some(row.frequency_rank, "frequency_rank")?,
            list_ids: list_ids
                .iter()
                .map(|id| of.parse(id, "list_id"))
                .collect::<Result<_, _>>()?,
            language: row.language,
            term: row.term,
            reading: row.reading,
            gloss: row.gloss,
        })
    }
}

#[derive(Queryable)]
pub(super) struct ListRow {
    id: String,
    name: String,
    description: String,
    language: String,
    difficulty: String,
    tags: String,
    word_count: i64,
}

impl TryFrom<ListRow> for WordList {
    type Error = CorruptRow;

    fn try_from(row: ListRow) -> Result<Self, CorruptRow> {
        let of = RowOf {
            table: "word_lists",
            id: &row.id,
        };
        Ok(Self {
            id: of.parse(&row.id, "id")?,
            difficulty: of.parse(&row.difficulty, "difficulty")?,
            tags: of.texts(&row.tags, "tags")?,
            word_count: of.number(row.word_count, "word_count")?,
            name: row.name,
            description: row.description,
            language: row.language,
        })
    }
}
