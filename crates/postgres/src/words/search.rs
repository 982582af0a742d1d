//! The search for words, over their folded texts.

use diesel::sql_types::{BigInt, Integer, Text};
use parlance_domain::words::{MatchRank, WordCursor, WordHit, WordQuery};

use super::row::{WordColumns, WordRow, word_columns};
use crate::convert::{CorruptRow, RowOf};
use crate::statement::statement;

// `strpos` compares as it is: no character of what is looked for has a special meaning. An empty text begins
// every term. The ranks are those of `MatchRank`.
statement!(
    pub(super) Search(
        text: &'a str => Text,
        language: &'a str => Text,
        after_rank: i32 => Integer,
        after_frequency: i64 => BigInt,
        after_id: &'a str => Text,
        limit: i64 => BigInt,
    ) -> (WordColumns, Integer) = concat!(
        "WITH wanted (text, language) AS (VALUES (?, ?)), \
         ranked AS (SELECT w.id, coalesce(w.frequency_rank, 4294967295) AS frequency, CASE \
            WHEN wanted.text = '' THEN 1 \
            WHEN w.term_key = wanted.text OR w.reading_key = wanted.text \
                OR wanted.text = ANY (w.form_keys) THEN 0 \
            WHEN starts_with(w.term_key, wanted.text) OR starts_with(w.reading_key, wanted.text) THEN 1 \
            WHEN strpos(w.term_key, wanted.text) > 0 OR strpos(w.reading_key, wanted.text) > 0 \
                OR strpos(w.gloss_key, wanted.text) > 0 THEN 2 END AS match_rank \
            FROM wanted CROSS JOIN words w WHERE wanted.language IN ('', w.language_key)), \
         found AS MATERIALIZED (SELECT id, frequency, match_rank FROM ranked WHERE match_rank IS NOT NULL \
            AND (match_rank, frequency, id) > (?, ?, ?) ORDER BY match_rank, frequency, id LIMIT ?) \
         SELECT ", word_columns!(), ", found.match_rank FROM found JOIN words w ON w.id = found.id \
         ORDER BY found.match_rank, found.frequency, found.id"
    )
);

/// What lies before every word.
const BEFORE_ALL: (i32, i64, &str) = (-1, -1, "");

/// The question for a page of the words that answer a query; `language` is its [`language_key`].
pub(super) fn search<'a>(
    query: &'a WordQuery,
    language: &'a str,
    after: Option<&'a WordCursor>,
    limit: u32,
) -> Search<'a> {
    let (rank, frequency, id) = after.map_or(BEFORE_ALL, |after| {
        (
            after.rank as i32,
            i64::from(after.frequency_rank),
            after.id.as_str(),
        )
    });
    Search::new(&query.text, language, rank, frequency, id, i64::from(limit))
}

/// A word with how well it answers.
pub(super) fn hit((row, rank): (WordRow, i32)) -> Result<WordHit, CorruptRow> {
    let word: parlance_domain::words::Word = row.try_into()?;
    let of = RowOf {
        table: "words",
        id: &word.id,
    };
    let rank = match rank {
        0 => MatchRank::Exact,
        1 => MatchRank::Prefix,
        2 => MatchRank::Contains,
        _ => return Err(of.corrupt("match_rank")),
    };
    Ok(WordHit { word, rank })
}

/// A language tag as it is compared.
pub(super) fn language_key(tag: &str) -> String {
    tag.to_ascii_lowercase()
}
