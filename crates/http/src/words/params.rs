//! The path parameters of words.

use apistos::ApiComponent;
use schemars::JsonSchema;
use serde::Deserialize;
use validator::Validate;

/// Names a list.
#[derive(Debug, Deserialize, JsonSchema, ApiComponent, Validate)]
#[serde(rename_all = "camelCase")]
pub(super) struct ListPath {
    /// The list's id.
    #[schemars(regex(pattern = "^[A-Za-z0-9._:-]{1,64}$"), example = "example_list_id")]
    pub(super) list_id: String,
}

/// Names a word.
#[derive(Debug, Deserialize, JsonSchema, ApiComponent, Validate)]
#[serde(rename_all = "camelCase")]
pub(super) struct WordPath {
    /// The word's id.
    #[schemars(regex(pattern = "^[A-Za-z0-9._:-]{1,64}$"), example = "example_word_id")]
    pub(super) word_id: String,
}

fn example_list_id() -> &'static str {
    "hsk3-band-1"
}

fn example_word_id() -> &'static str {
    "zh-00001"
}
