//! Speaks by `espeak-ng`.

use async_trait::async_trait;
use parlance_domain::providers::{ProviderError, ProviderErrorKind};
use parlance_domain::speech::{Audio, AudioFormat, SpeakingRate, SpeechSynthesizer, Synthesis, Voice};
use tokio::sync::OnceCell;

use super::program::{EspeakConfig, Program, RunError};
use super::voices::{self, Listed};
use super::wav::{self, NoSound};
use crate::PROVIDER;

/// Words a minute at the usual rate; the program's own default.
const USUAL_SPEED: f64 = 175.0;
/// The program takes what is slower for this.
const SLOWEST: f64 = 80.0;
/// What is faster can hardly be understood.
const FASTEST: f64 = 450.0;

/// Speaks by `espeak-ng`, a program that is run once for each text.
///
/// The rate of speech is 175 words a minute times the rate that is asked for, but between 80 and 450: what is below
/// 0.46 or above 2.57 sounds as these do.
pub struct EspeakSpeech {
    program: Program,
    voices: OnceCell<Vec<Listed>>,
}

#[derive(Debug, thiserror::Error)]
enum Unknown {
    #[error("espeak-ng has no such voice")]
    Voice,
    #[error("espeak-ng has no voice for the language")]
    Language,
}

#[derive(Debug, thiserror::Error)]
#[error("espeak-ng lists no voices")]
struct NoVoices;

impl EspeakSpeech {
    /// Looks for the program; without it every call is [`ProviderErrorKind::Missing`].
    pub fn new(config: &EspeakConfig) -> Self {
        let program = Program::find(config);
        let path = program.path().map(std::path::Path::display);
        tracing::debug!(
            program = path.map(tracing::field::display),
            "looked for espeak-ng"
        );
        Self {
            program,
            voices: OnceCell::new(),
        }
    }

    /// Whether the program was found.
    pub fn is_there(&self) -> bool {
        self.program.path().is_some()
    }

    /// The voices, asked for until they were told once.
    async fn listed(&self) -> Result<&[Listed], ProviderError> {
        let listed = self.voices.get_or_try_init(|| async {
            let list = self.program.run(&["--voices"], "").await.map_err(failed)?;
            let voices = voices::read(&String::from_utf8_lossy(&list));
            if voices.is_empty() {
                return Err(error(ProviderErrorKind::Invalid).caused_by(NoVoices));
            }
            Ok(voices)
        });
        listed.await.map(Vec::as_slice)
    }

    /// The voice that is asked for; the language matters only where none is.
    async fn voice(&self, synthesis: &Synthesis) -> Result<&str, ProviderError> {
        let listed = self.listed().await?;
        let voice = match &synthesis.voice {
            Some(name) => {
                let mut voices = listed.iter().map(|listed| &listed.voice);
                voices.find(|voice| voice.name == *name).ok_or(Unknown::Voice)
            }
            None => voices::for_language(listed, &synthesis.language).ok_or(Unknown::Language),
        };
        voice
            .map(|voice| voice.name.as_str())
            .map_err(|unknown| error(ProviderErrorKind::Refused).caused_by(unknown))
    }
}

#[async_trait]
impl SpeechSynthesizer for EspeakSpeech {
    fn provider(&self) -> &'static str {
        PROVIDER
    }

    async fn voices(&self) -> Result<Vec<Voice>, ProviderError> {
        let listed = self.listed().await?;
        Ok(listed.iter().map(|listed| listed.voice.clone()).collect())
    }

    async fn synthesize(&self, synthesis: &Synthesis) -> Result<(Audio, String), ProviderError> {
        // The name comes from the program's own list, so that no client chooses an argument.
        let voice = self.voice(synthesis).await?;
        let speed = speed(synthesis.rate);
        let arguments = ["-v", voice, "-s", &speed, "-b", "1", "--stdin", "--stdout"];
        let text = plain(synthesis.text.as_str());
        let written = self.program.run(&arguments, &text).await.map_err(failed)?;
        let content = wav::finished(written).map_err(unheard)?;
        let audio = Audio {
            format: AudioFormat::Wav,
            content,
        };
        Ok((audio, voice.to_owned()))
    }
}

/// Words a minute.
fn speed(rate: SpeakingRate) -> String {
    let speed = (USUAL_SPEED * rate.factor()).clamp(SLOWEST, FASTEST);
    format!("{speed:.0}")
}

/// A text in which nothing is a command: between two opening brackets the program expects phonemes.
fn plain(text: &str) -> String {
    let mut plain = String::with_capacity(text.len());
    for character in text.chars() {
        if character == '[' && plain.ends_with('[') {
            plain.push(' ');
        }
        plain.push(character);
    }
    plain
}

fn error(kind: ProviderErrorKind) -> ProviderError {
    ProviderError::new(PROVIDER, kind)
}

fn failed(cause: RunError) -> ProviderError {
    let kind = match cause {
        RunError::NotThere => ProviderErrorKind::Missing,
        RunError::Broken(_) | RunError::Failed(_) => ProviderErrorKind::Unavailable,
        // It would be as long the next time.
        RunError::TooMuch(_) => ProviderErrorKind::Refused,
        RunError::TooSlow(_) => ProviderErrorKind::Timeout,
        RunError::Full => ProviderErrorKind::Full,
    };
    error(kind).caused_by(cause)
}

fn unheard(cause: NoSound) -> ProviderError {
    let kind = match cause {
        NoSound::Malformed | NoSound::Empty => ProviderErrorKind::Invalid,
        // Punctuation alone, which it reads by not speaking.
        NoSound::Silence => ProviderErrorKind::Refused,
    };
    error(kind).caused_by(cause)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_speed_follows_the_rate_within_bounds() {
        for (rate, words) in [
            (1.0, "175"),
            (0.5, "88"),
            (2.0, "350"),
            (0.25, "80"),
            (4.0, "450"),
        ] {
            assert_eq!(speed(rate.try_into().unwrap()), words, "{rate}");
        }
    }

    #[test]
    fn no_two_opening_brackets_are_left_together() {
        for (text, expected) in [
            ("[[h@l'oU]]", "[ [h@l'oU]]"),
            ("[[[[", "[ [ [ ["),
            ("a[b]c", "a[b]c"),
            ("", ""),
        ] {
            assert_eq!(plain(text), expected);
        }
    }
}
