//! The use-cases of speech: speak, list voices, write down what was said, hand out audio.

use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;

use super::record::{SpokenRecord, read_recipe, read_voices, write_recipe, write_voices};
use super::{
    Audio, AudioId, AudioStore, LanguageTag, Recognition, SpeakingRate, SpeechRecognizer, SpeechSynthesizer,
    SpokenText, Synthesis, Transcript, Voice, VoiceName,
};
use crate::caching::{
    Answer, Answers, CacheKey, Freshness, KeyBuilder, Make, MakeError, Policy, Question, SPEECH, VOICES,
};
use crate::ids::UserId;
use crate::port::PortError;
use crate::providers::{ProviderError, ProviderErrorKind};
use crate::spending::{Allowance, Meter, Reservation};
use crate::time::{Clock, Timestamp};

/// What is spoken in which language when none is named: Chinese if it is written so, else English.
const CHINESE: &str = "cmn-CN";
const ENGLISH: &str = "en-US";

/// What is to be spoken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Speak {
    /// What.
    pub text: SpokenText,
    /// By whom; the provider's choice for the language, if nobody is named.
    pub voice: Option<VoiceName>,
    /// In which language; what the text looks like, if none is named.
    pub language: Option<LanguageTag>,
    /// How fast.
    pub rate: SpeakingRate,
}

/// What was spoken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Spoken {
    /// The audio.
    pub audio: AudioId,
    /// Where clients fetch it themselves, if not through us.
    pub public_url: Option<String>,
    /// Who speaks.
    pub voice: String,
    /// Who made it.
    pub provider: String,
    /// When it was made.
    pub made_at: Timestamp,
    /// Whether it was there already.
    pub cached: bool,
}

/// Why nothing was spoken.
#[derive(Debug, Clone, thiserror::Error)]
pub enum SpeakError {
    /// The provider has no such voice.
    #[error("there is no such voice")]
    UnknownVoice,
    /// The provider does not speak this language.
    #[error("the language is not spoken")]
    UnknownLanguage,
    /// The provider does not speak this text.
    #[error("the text is not spoken")]
    Refused,
    /// It was not made.
    #[error(transparent)]
    NotMade(MakeError),
}

/// What speech needs.
pub struct SpeechPorts {
    /// Speaks.
    pub synthesizer: Arc<dyn SpeechSynthesizer>,
    /// Listens.
    pub recognizer: Arc<dyn SpeechRecognizer>,
    /// Keeps audio.
    pub audio: Arc<dyn AudioStore>,
    /// Keeps answers.
    pub answers: Arc<dyn Answers>,
    /// Says what may be spent.
    pub allowance: Arc<Allowance>,
    /// Tells the time.
    pub clock: Arc<dyn Clock>,
}

/// The use-cases of speech.
#[derive(Clone)]
pub struct Speech {
    ports: Arc<SpeechPorts>,
}

impl Speech {
    /// The use-cases over these ports.
    pub fn new(ports: SpeechPorts) -> Self {
        Self {
            ports: Arc::new(ports),
        }
    }

    /// Who speaks.
    pub fn provider(&self) -> &'static str {
        self.ports.synthesizer.provider()
    }

    /// Who listens.
    pub fn recognizing_provider(&self) -> &'static str {
        self.ports.recognizer.provider()
    }

    /// Speaks a text on behalf of a user, unless somebody had it spoken before.
    pub async fn speak(&self, user: UserId, speak: Speak) -> Result<Spoken, SpeakError> {
        self.speak_for(Some(user), speak).await
    }

    /// Speaks a text ahead of time, on behalf of nobody: only the budget of the installation applies.
    pub async fn prewarm(&self, speak: Speak) -> Result<Spoken, SpeakError> {
        self.speak_for(None, speak).await
    }

    /// The voices of the provider; those that serve a language, if one is named.
    pub async fn voices(&self, language: Option<&LanguageTag>) -> Result<Vec<Voice>, MakeError> {
        let key = KeyBuilder::new("voices")
            .field("provider", self.provider())
            .finish();
        let make = MakeVoices(Arc::clone(&self.ports.synthesizer));
        let answer = self
            .ports
            .answers
            .answer(question(&key, &VOICES), Arc::new(make))
            .await?;
        let mut voices = read_voices(&answer.value)?;
        if let Some(language) = language {
            voices.retain(|voice| voice.language.serves(language));
        }
        Ok(voices)
    }

    /// Writes down what a user said. Nobody else's business: neither the recording nor the transcript is kept.
    pub async fn transcribe(&self, user: UserId, recognition: &Recognition) -> Result<Transcript, MakeError> {
        self.ports.allowance.call(user).await?;
        Ok(self.ports.recognizer.recognize(recognition).await?)
    }

    /// The audio of an id, and its own id: made again from its recipe if it is gone, it is perhaps not the same to the
    /// byte, and then has another.
    pub async fn audio(&self, id: &AudioId) -> Result<Option<(AudioId, Audio)>, MakeError> {
        if let Some(audio) = self.ports.audio.read(id).await? {
            return Ok(Some((id.clone(), audio)));
        }
        let Some(recipe) = self.ports.audio.recipe(id).await? else {
            return Ok(None);
        };
        let synthesis = read_recipe(&recipe)?;
        self.make_again(id, synthesis).await.map(Some)
    }

    async fn speak_for(&self, user: Option<UserId>, speak: Speak) -> Result<Spoken, SpeakError> {
        let synthesis = synthesis_of(speak);
        let key = self.key(&synthesis);
        let make = MakeSpeech {
            ports: Arc::clone(&self.ports),
            user,
            synthesis: synthesis.clone(),
        };
        let answer = self
            .ports
            .answers
            .answer(question(&key, &SPEECH), Arc::new(make))
            .await;
        match answer {
            Ok(answer) => self
                .spoken(&answer)
                .map_err(|error| SpeakError::NotMade(error.into())),
            Err(MakeError::Provider(error)) if error.kind == ProviderErrorKind::Refused => {
                Err(self.why_refused(&synthesis).await)
            }
            Err(error) => Err(SpeakError::NotMade(error)),
        }
    }

    /// Everything that the sound follows from, and nothing of who asks.
    fn key(&self, synthesis: &Synthesis) -> CacheKey {
        let Synthesis {
            text,
            language,
            voice,
            rate,
        } = synthesis;
        KeyBuilder::new("tts")
            .field("provider", self.provider())
            .field("text", text.as_str())
            .field("language", language.as_str())
            .field("voice", voice.as_deref().unwrap_or_default())
            .field("rate", &rate.to_string())
            .finish()
    }

    fn spoken(&self, answer: &Answer) -> Result<Spoken, PortError> {
        let SpokenRecord {
            audio,
            voice,
            provider,
            made_at,
        } = SpokenRecord::read(&answer.value)?;
        Ok(Spoken {
            public_url: self.ports.audio.public_url(&audio),
            audio,
            voice,
            provider,
            made_at,
            cached: answer.freshness != Freshness::New,
        })
    }

    /// What of a request the provider does not know.
    async fn why_refused(&self, synthesis: &Synthesis) -> SpeakError {
        let Ok(voices) = self.voices(None).await else {
            return SpeakError::Refused;
        };
        let has_voice = |name: &String| voices.iter().any(|voice| voice.name == *name);
        if !synthesis.voice.as_ref().is_none_or(has_voice) {
            SpeakError::UnknownVoice
        } else if !voices
            .iter()
            .any(|voice| voice.language.serves(&synthesis.language))
        {
            SpeakError::UnknownLanguage
        } else {
            SpeakError::Refused
        }
    }

    /// Makes lost audio again, once for all who ask for it.
    async fn make_again(&self, id: &AudioId, synthesis: Synthesis) -> Result<(AudioId, Audio), MakeError> {
        let key = KeyBuilder::new("audio").field("id", &id.to_string()).finish();
        let make = Arc::new(MakeSpeech {
            ports: Arc::clone(&self.ports),
            user: None,
            synthesis,
        });
        let answers = &self.ports.answers;
        let answer = answers
            .answer(question(&key, &SPEECH), Arc::clone(&make) as Arc<dyn Make>)
            .await?;
        if let Some(audio) = self.read_of(&answer.value).await? {
            return Ok(audio);
        }
        // It was made before and is gone again.
        let record = make.make().await?;
        answers.keep(question(&key, &SPEECH), record.clone()).await;
        let gone = || PortError::unavailable("AudioStore", "audio is gone as soon as it is kept");
        Ok(self.read_of(&record).await?.ok_or_else(gone)?)
    }

    async fn read_of(&self, record: &[u8]) -> Result<Option<(AudioId, Audio)>, PortError> {
        let id = SpokenRecord::read(record)?.audio;
        let audio = self.ports.audio.read(&id).await?;
        Ok(audio.map(|audio| (id, audio)))
    }
}

fn question<'a>(key: &'a CacheKey, policy: &'static Policy) -> Question<'a> {
    Question {
        key,
        policy,
        group: None,
    }
}

fn synthesis_of(speak: Speak) -> Synthesis {
    let Speak {
        text,
        voice,
        language,
        rate,
    } = speak;
    let language =
        language.unwrap_or_else(|| LanguageTag::usual(if text.is_chinese() { CHINESE } else { ENGLISH }));
    Synthesis {
        text,
        language,
        voice: voice.map(|voice| voice.as_str().to_owned()),
        rate,
    }
}

/// Has a text spoken, and keeps the sound.
struct MakeSpeech {
    ports: Arc<SpeechPorts>,
    user: Option<UserId>,
    synthesis: Synthesis,
}

impl MakeSpeech {
    async fn synthesize(&self) -> Result<(Audio, String), MakeError> {
        let SpeechPorts {
            allowance,
            synthesizer,
            ..
        } = &*self.ports;
        let characters = self.synthesis.text.characters();
        let reservation = allowance
            .reserve(self.user, Meter::Characters, characters)
            .await?;
        match synthesizer.synthesize(&self.synthesis).await {
            Ok(spoken) => Ok(spoken),
            Err(error) => {
                settle_failure(allowance, reservation, &error).await;
                Err(error.into())
            }
        }
    }
}

/// Gives back what was reserved, unless the provider may have done its work all the same.
pub(crate) async fn settle_failure(allowance: &Allowance, reservation: Reservation, error: &ProviderError) {
    if !matches!(
        error.kind,
        ProviderErrorKind::Timeout | ProviderErrorKind::Invalid
    ) {
        allowance.settle(reservation, 0).await;
    }
}

#[async_trait]
impl Make for MakeSpeech {
    async fn make(&self) -> Result<Bytes, MakeError> {
        let (audio, voice) = self.synthesize().await?;
        let recipe = write_recipe(&self.synthesis)?;
        let record = SpokenRecord {
            audio: self.ports.audio.keep(&audio, &recipe).await?,
            voice,
            provider: self.ports.synthesizer.provider().to_owned(),
            made_at: self.ports.clock.now(),
        };
        Ok(record.write()?)
    }
}

struct MakeVoices(Arc<dyn SpeechSynthesizer>);

#[async_trait]
impl Make for MakeVoices {
    async fn make(&self) -> Result<Bytes, MakeError> {
        Ok(write_voices(&self.0.voices().await?)?)
    }
}
