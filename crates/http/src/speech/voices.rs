//! `GET /tts/voices`

use apistos::{ApiComponent, api_operation};
use parlance_domain::speech::{LanguageTag, Voices};
use schemars::JsonSchema;
use serde::Deserialize;
use validator::Validate;

use super::view::VoiceView;
use crate::error::ApiError;
use crate::extract::{ApiQuery, Scoped, check_form, parsed, scopes};
use crate::reply::Reply;
use crate::state::State;
use crate::upstream::{FETCHING, refusal};

/// Which voices are looked for.
#[derive(Debug, Deserialize, JsonSchema, ApiComponent, Validate)]
pub(super) struct Query {
    /// Only voices that speak this language (BCP 47), in this region if one is named.
    #[validate(custom(function = "check_form::<LanguageTag>"))]
    #[schemars(length(max = 35), example = "example_language")]
    language: Option<String>,
}

fn example_language() -> &'static str {
    "zh-CN"
}

/// The voices that there are.
///
/// For whoever has a key of their own, those of its provider.
#[api_operation(tag = "speech", operation_id = "listVoices")]
pub(super) async fn handler(
    caller: Scoped<scopes::Speech>,
    ApiQuery(query): ApiQuery<Query>,
    state: State,
) -> Result<Reply<Vec<VoiceView>>, ApiError> {
    let language = query.language.as_deref();
    let language: Option<LanguageTag> = language.map(|text| parsed("language", text)).transpose()?;
    let speech = &state.services.speech;
    let voices = speech.voices(caller.user_id(), language.as_ref()).await;
    let Voices { voices, provider } = voices.map_err(|error| refusal(&state, &FETCHING, error))?;
    let views = voices.into_iter().map(|voice| VoiceView::of(voice, provider));
    Reply::private(&views.collect::<Vec<_>>())
}
