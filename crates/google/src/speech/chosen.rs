//! Who speaks when nobody is named: looked up once for each language.

use std::collections::HashMap;

use parking_lot::Mutex;
use parlance_domain::providers::ProviderError;
use parlance_domain::speech::{LanguageTag, Voice};

use super::{PROVIDER, voices};
use crate::connection::Connection;
use crate::{failure, language};

/// The kinds of voices, the cheapest first; a learner's words need no more.
const KINDS: [&str; 4] = ["-Standard-", "-Wavenet-", "-Neural2-", "-Chirp"];

/// The voices that were chosen, by what Google calls their languages.
#[derive(Default)]
pub(crate) struct Chosen {
    known: Mutex<HashMap<String, Voice>>,
    /// Held by who looks one up.
    asking: tokio::sync::Mutex<()>,
}

impl Chosen {
    /// The voice for a language.
    pub(super) async fn voice(
        &self,
        google: &Connection,
        wanted: &LanguageTag,
    ) -> Result<Voice, ProviderError> {
        let code = language::for_synthesis(wanted);
        if let Some(voice) = self.known(&code) {
            return Ok(voice);
        }
        let _asking = self.asking.lock().await;
        if let Some(voice) = self.known(&code) {
            return Ok(voice);
        }
        let voices = voices::list(google, Some(&code)).await?;
        let voice = cheapest(voices, &code)
            .ok_or_else(|| failure::refused(PROVIDER, "no voice speaks the language"))?;
        self.known.lock().insert(code, voice.clone());
        Ok(voice)
    }

    fn known(&self, code: &str) -> Option<Voice> {
        self.known.lock().get(code).cloned()
    }
}

/// The cheapest voice that speaks the language; of equals, the first by name.
fn cheapest(voices: Vec<Voice>, code: &str) -> Option<Voice> {
    let wanted: LanguageTag = code.parse().ok()?;
    let rank = |name: &str| {
        KINDS
            .iter()
            .position(|kind| name.contains(kind))
            .unwrap_or(KINDS.len())
    };
    voices
        .into_iter()
        .filter(|voice| voice.language.serves(&wanted))
        .min_by_key(|voice| (rank(&voice.name), voice.name.clone()))
}
