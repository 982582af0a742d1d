//! The voices as Cloud Text-to-Speech lists them.

use parlance_domain::providers::ProviderError;
use parlance_domain::speech::{Gender, LanguageTag, Voice};
use serde::Deserialize;
use url::form_urlencoded::Serializer;

use super::PROVIDER;
use crate::connection::{Call, Connection};
use crate::failure;

/// The longest list, in bytes: it has thousands of voices.
const LARGEST: usize = 4 * 1024 * 1024;

#[derive(Deserialize)]
struct Listed {
    #[serde(default)]
    voices: Vec<ListedVoice>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct ListedVoice {
    #[serde(default)]
    language_codes: Vec<String>,
    name: String,
    #[serde(default)]
    ssml_gender: String,
}

impl ListedVoice {
    /// The voice; none, if it speaks no language that has a tag.
    fn voice(self) -> Option<Voice> {
        let language: LanguageTag = self.language_codes.iter().find_map(|code| code.parse().ok())?;
        Some(Voice {
            name: self.name,
            language,
            gender: Gender::named(&self.ssml_gender.to_ascii_lowercase()),
        })
    }
}

/// The voices that speak a language, or all.
pub(super) async fn list(google: &Connection, language: Option<&str>) -> Result<Vec<Voice>, ProviderError> {
    let mut url = format!("{}/v1/voices", google.config.endpoints.text_to_speech);
    if let Some(language) = language {
        let query = Serializer::new(String::new())
            .append_pair("languageCode", language)
            .finish();
        url = format!("{url}?{query}");
    }
    let body = google.ask(Call::get(PROVIDER, url), LARGEST).await?;
    let listed: Listed = serde_json::from_slice(&body)
        .map_err(|_| failure::invalid(PROVIDER, "the answer is no list of voices"))?;
    Ok(listed.voices.into_iter().filter_map(ListedVoice::voice).collect())
}
