//! `GET /vocabulary/words`

use actix_web::HttpRequest;
use apistos::{ApiComponent, api_operation};
use parlance_domain::words::{MatchRank, WordCursor, WordQuery, fold_query};
use schemars::JsonSchema;
use serde::Deserialize;
use validator::Validate;

use super::view::WordView;
use crate::error::ApiError;
use crate::extract::ApiQuery;
use crate::fields::{Fault, Faults, language, search_text, whole, word_id};
use crate::paging::{decode_cursor, encode_cursor};
use crate::reply::Reply;
use crate::state::State;

const DEFAULT_LIMIT: u32 = 100;

/// Which words are looked for.
#[derive(Debug, Deserialize, JsonSchema, ApiComponent, Validate)]
pub(super) struct Query {
    /// Part of the term, of the reading with or without tone marks, or of the gloss. Empty finds all.
    #[schemars(length(max = 200), example = "example_text")]
    q: Option<String>,
    /// Only words of this language (BCP 47). Empty filters nothing.
    #[schemars(length(max = 35), example = "example_language")]
    language: Option<String>,
    /// The most words of a page; 100 when absent.
    #[schemars(with = "Option<u32>", range(min = 1, max = 500))]
    limit: Option<String>,
    /// Where the page begins: as in the `Link` of the page before.
    cursor: Option<String>,
}

struct Search {
    query: WordQuery,
    after: Option<WordCursor>,
    limit: u32,
}

impl Query {
    fn read(&self) -> Result<Search, ApiError> {
        const LIMIT: Fault = Fault::new("range", "must be a whole number from 1 to 500");
        let mut faults = Faults::default();
        let text = faults.take("q", search_text(self.q.as_deref()));
        let language = faults.take("language", language(self.language.as_deref()));
        let limit = faults.take("limit", whole(self.limit.as_deref(), 1, 500, LIMIT));
        let after = faults.take("cursor", read_cursor(self.cursor.as_deref()));
        let search = (|| {
            Some(Search {
                query: WordQuery {
                    text: fold_query(text?),
                    language: language?,
                },
                after: after?,
                limit: limit?.unwrap_or(DEFAULT_LIMIT),
            })
        })();
        faults.finish(search)
    }
}

/// Finds words.
#[api_operation(tag = "words", operation_id = "searchWords", no_security, error_code = 400)]
pub(super) async fn handler(
    request: HttpRequest,
    ApiQuery(query): ApiQuery<Query>,
    state: State,
) -> Result<Reply<Vec<WordView<'static>>>, ApiError> {
    let Search { query, after, limit } = query.read()?;
    let page = state.services.words.search(&query, after.as_ref(), limit).await?;
    let views: Vec<_> = page.words.iter().map(WordView::from).collect();
    let next = page.next.as_ref().map(write_cursor);
    Reply::public(&request, &views).map(|reply| reply.with_next(&request, next))
}

fn write_cursor(cursor: &WordCursor) -> String {
    let WordCursor {
        rank,
        frequency_rank,
        id,
    } = cursor;
    encode_cursor(&format!("{},{frequency_rank},{id}", *rank as u8))
}

fn read_cursor(text: Option<&str>) -> Result<Option<WordCursor>, Fault> {
    const FAULT: Fault = Fault::new("format", "must be the cursor of a page of this search");
    let Some(text) = text else { return Ok(None) };
    let plain = decode_cursor(text).ok_or(FAULT)?;
    let mut parts = plain.splitn(3, ',');
    let mut part = || parts.next().ok_or(FAULT);
    let rank = match part()? {
        "0" => MatchRank::Exact,
        "1" => MatchRank::Prefix,
        "2" => MatchRank::Contains,
        _ => return Err(FAULT),
    };
    let frequency_rank = whole(Some(part()?), 0, u32::MAX, FAULT)?.ok_or(FAULT)?;
    let id = word_id(part()?).map_err(|_| FAULT)?;
    Ok(Some(WordCursor {
        rank,
        frequency_rank,
        id,
    }))
}

fn example_text() -> &'static str {
    "nihao"
}

fn example_language() -> &'static str {
    "zh-CN"
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_is_read_as_it_was_written() {
        let cursor = WordCursor {
            rank: MatchRank::Contains,
            frequency_rank: u32::MAX,
            id: "zh-00001".parse().unwrap(),
        };
        let text = write_cursor(&cursor);
        assert_eq!(read_cursor(Some(&text)), Ok(Some(cursor)));
        assert_eq!(read_cursor(None), Ok(None));
    }

    #[test]
    fn threat_45_an_edited_cursor_is_refused() {
        for plain in [
            "",
            "3,1,a",
            "0,x,a",
            "0,4294967296,a",
            "0,1",
            "0,1,",
            "0,1,a b",
            "0,1,';--",
        ] {
            assert!(read_cursor(Some(&encode_cursor(plain))).is_err(), "{plain}");
        }
        for text in ["", "0", "'; drop table words;--", "%%%", "ééé"] {
            assert!(read_cursor(Some(text)).is_err(), "{text}");
        }
    }
}
