//! The path parameters of progress, and the query parameters that several routes share.

use apistos::ApiComponent;
use parlance_domain::ids::WordId;
use schemars::JsonSchema;
use serde::Deserialize;
use validator::Validate;

use crate::error::ApiError;
use crate::fields::{Fault, Faults, place, whole, word_id};

const DEFAULT_FEED_LIMIT: u32 = 100;

/// What is said of a limit that is none.
pub(super) const LIMIT: Fault = Fault::new("range", "must be a whole number from 1 to 1000");

/// Names a word.
#[derive(Debug, Deserialize, JsonSchema, ApiComponent, Validate)]
#[serde(rename_all = "camelCase")]
pub(super) struct WordPath {
    /// The word's id; it need not be in the vocabulary. `stats`, `due`, `activity`, `changes`, `batch` and
    /// `import` are not word ids.
    #[schemars(regex(pattern = "^[A-Za-z0-9._:-]{1,64}$"), example = "example_word_id")]
    word_id: String,
}

impl WordPath {
    /// The word's id.
    pub(super) fn read(&self) -> Result<WordId, ApiError> {
        word_id(&self.word_id).map_err(|fault| Faults::single("wordId", fault))
    }
}

/// Which part of a feed is wanted.
#[derive(Debug, Deserialize, JsonSchema, ApiComponent, Validate)]
pub(super) struct FeedQuery {
    /// The `cursor` of the page before; absent or `0` for the beginning.
    #[schemars(regex(pattern = "^[0-9]{1,19}$"), example = "example_after")]
    after: Option<String>,
    /// The most entries of a page; 100 when absent.
    #[schemars(with = "Option<u32>", range(min = 1, max = 1000))]
    limit: Option<String>,
}

impl FeedQuery {
    /// The place behind which the page begins, and the most entries of it.
    pub(super) fn read(&self) -> Result<(u64, u32), ApiError> {
        let mut faults = Faults::default();
        let page = read_page(&mut faults, self.after.as_deref(), self.limit.as_deref());
        faults.finish(page)
    }
}

/// The place behind which a page of a feed begins, and the most entries of it.
pub(super) fn read_page(faults: &mut Faults, after: Option<&str>, limit: Option<&str>) -> Option<(u64, u32)> {
    let after = faults.take("after", place(after));
    let limit = faults.take("limit", whole(limit, 1, 1000, LIMIT));
    Some((after?, limit?.unwrap_or(DEFAULT_FEED_LIMIT)))
}

fn example_word_id() -> &'static str {
    "zh-00001"
}

fn example_after() -> &'static str {
    "42"
}
