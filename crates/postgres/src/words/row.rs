//! The rows of words and lists.

use diesel::Queryable;
use diesel::sql_types as sql;
use parlance_domain::words::{Word, WordList};

use crate::convert::{CorruptRow, RowOf};

/// The columns of a word, in the order of [`WordRow`], out of a table named `w`.
macro_rules! word_columns {
    () => {
        "w.id, w.language, w.term, w.reading, w.gloss, w.alternate_forms, w.part_of_speech, w.frequency_rank, \
         ARRAY(SELECT on_list.list_id FROM list_words on_list JOIN word_lists list ON list.id = on_list.list_id \
               WHERE on_list.word_id = w.id ORDER BY list.position)"
    };
}
pub(crate) use word_columns;

/// The types of the columns of a word.
pub(crate) type WordColumns = (
    sql::Text,
    sql::Text,
    sql::Text,
    sql::Nullable<sql::Text>,
    sql::Text,
    sql::Array<sql::Text>,
    sql::Array<sql::Text>,
    sql::Nullable<sql::BigInt>,
    sql::Array<sql::Text>,
);

#[derive(Queryable)]
pub(crate) struct WordRow {
    id: String,
    language: String,
    term: String,
    reading: Option<String>,
    gloss: String,
    alternate_forms: Vec<String>,
    part_of_speech: Vec<String>,
    frequency_rank: Option<i64>,
    list_ids: Vec<String>,
}

impl TryFrom<WordRow> for Word {
    type Error = CorruptRow;

    fn try_from(row: WordRow) -> Result<Self, CorruptRow> {
        let of = RowOf {
            table: "words",
            id: &row.id,
        };
        Ok(Self {
            id: of.parse(&row.id, "id")?,
            frequency_rank: of.number_some(row.frequency_rank, "frequency_rank")?,
            list_ids: row
                .list_ids
                .iter()
                .map(|id| of.parse(id, "list_id"))
                .collect::<Result<_, _>>()?,
            language: row.language,
            term: row.term,
            reading: row.reading,
            gloss: row.gloss,
            alternate_forms: row.alternate_forms,
            part_of_speech: row.part_of_speech,
        })
    }
}

/// The columns of a list, in the order of [`ListRow`].
macro_rules! list_columns {
    () => {
        "id, name, description, language, difficulty, tags, word_count"
    };
}
pub(super) use list_columns;

/// The types of the columns of a list.
pub(super) type ListColumns = (
    sql::Text,
    sql::Text,
    sql::Text,
    sql::Text,
    sql::Text,
    sql::Array<sql::Text>,
    sql::Integer,
);

#[derive(Queryable)]
pub(super) struct ListRow {
    id: String,
    name: String,
    description: String,
    language: String,
    difficulty: String,
    tags: Vec<String>,
    word_count: i32,
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
            word_count: of.number(row.word_count, "word_count")?,
            name: row.name,
            description: row.description,
            language: row.language,
            tags: row.tags,
        })
    }
}
