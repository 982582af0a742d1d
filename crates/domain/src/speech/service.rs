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
    Answer, Answers, CacheKey, Freshness, KeyBuilder, Make, MakeError, OWN_SPEECH, OWN_VOICES, Policy,
    Question, SPEECH, VOICES,
};
use crate::ids::UserId;
use crate::port::PortError;
use crate::providers::{OwnKey, OwnKeys, ProviderError, ProviderErrorKind, Service};
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
    /// Whether the user's own key paid for it: nobody else is told where it is.
    pub own: bool,
}

/// What was heard, and by whom.
#[derive(Debug, Clone, PartialEq)]
pub struct Heard {
    /// What.
    pub transcript: Transcript,
    /// Who listened.
    pub provider: &'static str,
}

/// The voices that a user may name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Voices {
    /// The voices.
    pub voices: Vec<Voice>,
    /// Whose they are.
    pub provider: &'static str,
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
    /// Knows users' own keys.
    pub own: Arc<OwnKeys>,
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

    /// Speaks a text on behalf of a user, unless somebody had it spoken before.
    ///
    /// With a key of their own it is that which pays, and nobody else hears of it.
    pub async fn speak(&self, user: UserId, speak: Speak) -> Result<Spoken, SpeakError> {
        let own = self.own_key(user, Service::Speech).await;
        let own = own.map_err(SpeakError::NotMade)?;
        self.speak_for(Some(user), own, speak).await
    }

    /// Speaks a text ahead of time, on behalf of nobody: only the budget of the installation applies.
    pub async fn prewarm(&self, speak: Speak) -> Result<Spoken, SpeakError> {
        self.speak_for(None, None, speak).await
    }

    /// The voices that a user may name; those that serve a language, if one is named.
    pub async fn voices(&self, user: UserId, language: Option<&LanguageTag>) -> Result<Voices, MakeError> {
        let own = self.own_key(user, Service::Speech).await?;
        let provider = own.as_ref().map_or_else(|| self.provider(), OwnKey::provider);
        let mut voices = self.all_voices(Some(user), own.as_ref()).await?;
        if let Some(language) = language {
            voices.retain(|voice| voice.language.serves(language));
        }
        Ok(Voices { voices, provider })
    }

    /// Writes down what a user said. Nobody else's business: neither the recording nor the transcript is kept.
    pub async fn transcribe(&self, user: UserId, recognition: &Recognition) -> Result<Heard, MakeError> {
        let own = self.own_key(user, Service::Recognition).await?;
        self.ports.allowance.call(user).await?;
        let (recognizer, failure): (_, fn(ProviderError) -> MakeError) = match &own {
            Some(own) => (self.ports.own.recognizer(own)?, OwnKey::failure),
            None => (Arc::clone(&self.ports.recognizer), MakeError::from),
        };
        let transcript = recognizer.recognize(recognition).await.map_err(failure)?;
        Ok(Heard {
            transcript,
            provider: recognizer.provider(),
        })
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

    async fn own_key(&self, user: UserId, service: Service) -> Result<Option<OwnKey>, MakeError> {
        Ok(self.ports.own.serving(user, service).await?)
    }

    async fn speak_for(
        &self,
        user: Option<UserId>,
        own: Option<OwnKey>,
        speak: Speak,
    ) -> Result<Spoken, SpeakError> {
        let synthesis = synthesis_of(speak);
        let key = self.key(&synthesis, own.as_ref());
        let make = Arc::new(MakeSpeech {
            ports: Arc::clone(&self.ports),
            user,
            own: own.clone(),
            synthesis: synthesis.clone(),
        });
        match self.answer(&key, make).await {
            Ok(answer) => self
                .spoken(&answer, own.is_some())
                .map_err(|error| SpeakError::NotMade(error.into())),
            Err(MakeError::Provider(error)) if error.kind == ProviderErrorKind::Refused => {
                Err(self.why_refused(&synthesis, own.as_ref()).await)
            }
            Err(error) => Err(SpeakError::NotMade(error)),
        }
    }

    /// An answer whose audio is there, or can be made again by whoever fetches it.
    async fn answer(&self, key: &CacheKey, make: Arc<MakeSpeech>) -> Result<Answer, MakeError> {
        let answers = &self.ports.answers;
        let is_own = make.own.is_some();
        let question = question(key, if is_own { &OWN_SPEECH } else { &SPEECH });
        let answer = answers
            .answer(question, Arc::clone(&make) as Arc<dyn Make>)
            .await?;
        let may_be_gone = is_own && answer.freshness != Freshness::New;
        if !may_be_gone || self.read_of(&answer.value).await?.is_some() {
            return Ok(answer);
        }
        let value = make.make().await?;
        answers.keep(question, value.clone()).await;
        Ok(Answer {
            value,
            freshness: Freshness::New,
        })
    }

    /// Everything that the sound follows from, and nothing of who asks, unless it is for them alone.
    fn key(&self, synthesis: &Synthesis, own: Option<&OwnKey>) -> CacheKey {
        let Synthesis {
            text,
            language,
            voice,
            rate,
        } = synthesis;
        let shared = || KeyBuilder::new("tts").field("provider", self.provider());
        own.map_or_else(shared, |own| own.private("own-tts"))
            .field("text", text.as_str())
            .field("language", language.as_str())
            .field("voice", voice.as_deref().unwrap_or_default())
            .field("rate", &rate.to_string())
            .finish()
    }

    fn spoken(&self, answer: &Answer, own: bool) -> Result<Spoken, PortError> {
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
            own,
        })
    }

    /// All voices: of the installation's provider, or of the one that is asked with a user's own key.
    async fn all_voices(
        &self,
        counted: Option<UserId>,
        own: Option<&OwnKey>,
    ) -> Result<Vec<Voice>, MakeError> {
        let shared = || KeyBuilder::new("voices").field("provider", self.provider());
        let key = own.map_or_else(shared, |own| own.private("own-voices")).finish();
        let make = MakeVoices {
            ports: Arc::clone(&self.ports),
            counted,
            own: own.cloned(),
        };
        let policy = if own.is_some() { &OWN_VOICES } else { &VOICES };
        let answers = &self.ports.answers;
        let answer = answers.answer(question(&key, policy), Arc::new(make)).await?;
        Ok(read_voices(&answer.value)?)
    }

    /// What of a request the provider does not know.
    async fn why_refused(&self, synthesis: &Synthesis, own: Option<&OwnKey>) -> SpeakError {
        let Ok(voices) = self.all_voices(None, own).await else {
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
            own: None,
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
    /// What pays in the place of the installation.
    own: Option<OwnKey>,
    synthesis: Synthesis,
}

impl MakeSpeech {
    /// At the installation's cost: the sound, and the voice.
    async fn by_house(&self) -> Result<(Audio, String), MakeError> {
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

    /// At the user's own cost: no budget applies, only the limit.
    async fn by_own(&self, own: &OwnKey) -> Result<(Audio, String), MakeError> {
        let SpeechPorts {
            allowance, own: keys, ..
        } = &*self.ports;
        allowance.call(own.user()).await?;
        let synthesizer = keys.synthesizer(own)?;
        let spoken = synthesizer.synthesize(&self.synthesis).await;
        spoken.map_err(OwnKey::failure)
    }
}

/// Gives back what was reserved, unless the provider may have done its work all the same.
async fn settle_failure(allowance: &Allowance, reservation: Reservation, error: &ProviderError) {
    if !error.may_be_paid() {
        allowance.settle(reservation, 0).await;
    }
}

#[async_trait]
impl Make for MakeSpeech {
    async fn make(&self) -> Result<Bytes, MakeError> {
        let store = &self.ports.audio;
        // What cannot be kept is not paid for.
        store.ready().await?;
        let (audio, voice, provider) = if let Some(own) = &self.own {
            let (audio, voice) = self.by_own(own).await?;
            // The installation does not make it again.
            let audio = store.keep_without_recipe(&audio).await?;
            (audio, voice, own.provider())
        } else {
            let (audio, voice) = self.by_house().await?;
            let recipe = write_recipe(&self.synthesis)?;
            let audio = store.keep(&audio, &recipe).await?;
            (audio, voice, self.ports.synthesizer.provider())
        };
        let record = SpokenRecord {
            audio,
            voice,
            provider: provider.to_owned(),
            made_at: self.ports.clock.now(),
        };
        Ok(record.write()?)
    }
}

struct MakeVoices {
    ports: Arc<SpeechPorts>,
    /// Whose limit it counts towards; nobody's where it only tells why a request was refused that counted itself.
    counted: Option<UserId>,
    own: Option<OwnKey>,
}

#[async_trait]
impl Make for MakeVoices {
    async fn make(&self) -> Result<Bytes, MakeError> {
        if let Some(user) = self.counted {
            self.ports.allowance.call(user).await?;
        }
        let voices = match &self.own {
            Some(own) => {
                let synthesizer = self.ports.own.synthesizer(own)?;
                synthesizer.voices().await.map_err(OwnKey::failure)?
            }
            None => self.ports.synthesizer.voices().await?,
        };
        Ok(write_voices(&voices)?)
    }
}
