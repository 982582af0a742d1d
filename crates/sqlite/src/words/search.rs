//! The search for words, over their folded texts.

use diesel::sql_types::{BigInt, Text};
use diesel::{RunQueryDsl, SqliteConnection};
use parlance_domain::words::{MatchRank, WordCursor, WordHit, WordQuery};

use super::row::{WordColumns, WordRow, word_columns};
use crate::convert::{CorruptRow, RowOf};
use crate::database::NoRefusal;
use crate::statement::statement;

// `instr` compares as it is: no character of what is looked for has a special meaning. An empty text begins
// every term. The ranks are those of `MatchRank`.
statement!(
    Search(
        text: &'a str => Text,
        form: &'a str => Text,
        language: &'a str => Text,
        after_rank: i64 => BigInt,
        after_frequency: i64 => BigInt,
        after_id: &'a str => Text,
        limit: i64 => BigInt,
    ) -> (WordColumns, BigInt) = concat!(
        "WITH wanted (text, form, language) AS (VALUES (?, ?, ?)), \
         ranked AS (SELECT w.id, coalesce(w.frequency_rank, 4294967295) AS frequency, CASE \
            WHEN wanted.text = '' THEN 1 \
            WHEN w.term_key = wanted.text OR w.reading_key = wanted.text \
                OR instr(w.forms_key, wanted.form) > 0 THEN 0 \
            WHEN instr(w.term_key, wanted.text) = 1 OR instr(w.reading_key, wanted.text) = 1 THEN 1 \
            WHEN instr(w.term_key, wanted.text) > 0 OR instr(w.reading_key, wanted.text) > 0 \
                OR instr(w.gloss_key, wanted.text) > 0 THEN 2 END AS match_rank \
            FROM wanted CROSS JOIN words w WHERE wanted.language IN ('', w.language_key)), \
         found AS MATERIALIZED (SELECT id, frequency, match_rank FROM ranked WHERE match_rank IS NOT NULL \
            AND (match_rank, frequency, id) > (?, ?, ?) ORDER BY match_rank, frequency, id LIMIT ?) \
         SELECT ", word_columns!(), ", found.match_rank FROM found CROSS JOIN words w ON w.id = found.id \
         ORDER BY found.match_rank, found.frequency, found.id"
    )
);

/// What lies before every word.
const BEFORE_ALL: (i64, i64, &str) = (-1, -1, "");

/// The words that answer a query.
pub(super) fn search(
    connection: &mut SqliteConnection,
    query: &WordQuery,
    after: Option<&WordCursor>,
    limit: u32,
) -> Result<Vec<WordHit>, NoRefusal> {
    let (rank, frequency, id) = after.map_or(BEFORE_ALL, |after| {
        (
            after.rank as i64,
            i64::from(after.frequency_rank),
            after.id.as_str(),
        )
    });
    let form = form_key(&query.text);
    let language = query.language.as_deref().map(language_key).unwrap_or_default();
    let rows: Vec<(WordRow, i64)> = Search::new(
        &query.text,
        &form,
        &language,
        rank,
        frequency,
        id,
        i64::from(limit),
    )
    .load(connection)?;
    Ok(rows.into_iter().map(hit).collect::<Result<_, _>>()?)
}

fn hit((row, rank): (WordRow, i64)) -> Result<WordHit, CorruptRow> {
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

/// A folded form as the column of all forms holds it: between line breaks, which folding leaves in no text.
pub(super) fn form_key(folded: &str) -> String {
    format!("\n{folded}\n")
}

/// A language tag as it is compared.
pub(super) fn language_key(tag: &str) -> String {
    tag.to_ascii_lowercase()
}
