//! What is asked of conversations.

use apistos::ApiComponent;
use parlance_domain::conversations::{Generate, GeneratorVersion, SpeakTurn, SubjectWord};
use parlance_domain::idempotency::Fingerprint;
use parlance_domain::ids::WordId;
use parlance_domain::speech::{SpokenText, VoiceName};
use schemars::JsonSchema;
use serde::Deserialize;
use validator::{Validate, ValidationError, ValidationErrors};

use crate::error::ApiError;
use crate::extract::{check_form, complaint, parsed};
use crate::fields::{one_of, word_id};
use crate::idempotency::Fingerprinter;

const GENERATE: &str = "/conversations/text/generate";
const SPEAK: &str = "/conversations/audio/generate";

/// Which conversation is wanted.
#[derive(Default, Deserialize, Validate, JsonSchema, ApiComponent)]
#[serde(rename_all = "camelCase")]
#[schemars(rename = "GenerateConversation", example = "example_text")]
pub(super) struct TextBody {
    /// The word's id; it need not be in the vocabulary.
    #[validate(required, custom(function = "check_word_id"))]
    #[schemars(required, regex(pattern = "^[A-Za-z0-9._:-]{1,64}$"))]
    word_id: Option<String>,
    /// The word that the conversation uses: 1 to 40 characters, a letter among them.
    #[validate(required, custom(function = "check_form::<SubjectWord>"))]
    #[schemars(required, length(min = 1, max = 40))]
    word: Option<String>,
    /// By which rules; `v1` when absent.
    #[validate(custom(function = "check_version"))]
    #[schemars(regex(pattern = "^v1$"))]
    generator_version: Option<String>,
}

/// Which turn of a conversation is to be spoken.
#[derive(Default, Deserialize, Validate, JsonSchema, ApiComponent)]
#[serde(rename_all = "camelCase")]
#[schemars(rename = "SpeakTurn", example = "example_audio")]
pub(super) struct AudioBody {
    /// The word's id.
    #[validate(required, custom(function = "check_word_id"))]
    #[schemars(required, regex(pattern = "^[A-Za-z0-9._:-]{1,64}$"))]
    word_id: Option<String>,
    /// The place of the turn, from 0.
    #[validate(required)]
    #[schemars(required)]
    turn_index: Option<u32>,
    /// What it says: `chinese` of the turn.
    #[validate(required, custom(function = "check_form::<SpokenText>"))]
    #[schemars(required, length(min = 1, max = 300))]
    text: Option<String>,
    /// One of the voices of `GET /tts/voices`; the provider's choice when absent.
    #[validate(custom(function = "check_form::<VoiceName>"))]
    #[schemars(length(min = 1, max = 64))]
    voice: Option<String>,
}

/// A conversation that is wanted (`text`), or one of its turns that is to be spoken (`audio`).
#[derive(Clone, Default, Deserialize, JsonSchema, ApiComponent)]
#[serde(rename_all = "camelCase")]
#[schemars(rename = "GenerateEither", example = "example_either")]
pub(super) struct EitherBody {
    /// `text` or `audio`.
    #[schemars(schema_with = "kinds")]
    r#type: Option<String>,
    /// The word's id.
    #[schemars(required, regex(pattern = "^[A-Za-z0-9._:-]{1,64}$"))]
    word_id: Option<String>,
    /// With `text`, required: the word that the conversation uses.
    #[schemars(length(min = 1, max = 40))]
    word: Option<String>,
    /// With `text`: by which rules; `v1` when absent.
    #[schemars(regex(pattern = "^v1$"))]
    generator_version: Option<String>,
    /// With `audio`, required: the place of the turn, from 0.
    turn_index: Option<u32>,
    /// With `audio`, required: what the turn says.
    #[schemars(length(min = 1, max = 300))]
    text: Option<String>,
    /// With `audio`: one of the voices of `GET /tts/voices`.
    #[schemars(length(min = 1, max = 64))]
    voice: Option<String>,
}

/// One of the two.
pub(super) enum Either {
    Text(TextBody),
    Audio(AudioBody),
}

fn example_text() -> serde_json::Value {
    serde_json::json!({ "wordId": "zh-00001", "word": "学习" })
}

fn example_audio() -> serde_json::Value {
    serde_json::json!({ "wordId": "zh-00001", "turnIndex": 0, "text": "你在学习吗？" })
}

fn example_either() -> serde_json::Value {
    serde_json::json!({ "type": "text", "wordId": "zh-00001", "word": "学习" })
}

fn kinds(_: &mut schemars::r#gen::SchemaGenerator) -> schemars::schema::Schema {
    one_of(&["text", "audio"])
}

fn check_word_id(text: &str) -> Result<(), ValidationError> {
    let id = word_id(text).map(drop);
    id.map_err(|fault| complaint(fault.code, fault.message))
}

fn check_version(text: &str) -> Result<(), ValidationError> {
    let version = text.parse::<GeneratorVersion>().map(drop);
    version.map_err(|error| complaint("unknown", error))
}

impl TextBody {
    /// What is asked for.
    pub(super) fn command(&self) -> Result<Generate, ApiError> {
        let version = self.generator_version.as_deref();
        Ok(Generate {
            word_id: read_word_id(self.word_id.as_deref())?,
            word: parsed("word", self.word.as_deref().unwrap_or_default())?,
            version: version
                .map(|text| parsed("generatorVersion", text))
                .transpose()?
                .unwrap_or_default(),
        })
    }

    /// Tells it from other requests.
    pub(super) fn fingerprint(&self) -> Fingerprint {
        Fingerprinter::new(GENERATE)
            .field(self.word_id.as_deref())
            .field(self.word.as_deref())
            .field(self.generator_version.as_deref())
            .finish()
    }
}

impl AudioBody {
    /// What is asked for.
    pub(super) fn command(&self) -> Result<SpeakTurn, ApiError> {
        let index = self.turn_index.unwrap_or_default();
        Ok(SpeakTurn {
            word_id: read_word_id(self.word_id.as_deref())?,
            turn_index: usize::try_from(index).unwrap_or(usize::MAX),
            text: parsed("text", self.text.as_deref().unwrap_or_default())?,
            voice: self
                .voice
                .as_deref()
                .map(|voice| parsed("voice", voice))
                .transpose()?,
        })
    }

    /// Tells it from other requests.
    pub(super) fn fingerprint(&self) -> Fingerprint {
        Fingerprinter::new(SPEAK)
            .field(self.word_id.as_deref())
            .field(self.turn_index.map(u32::to_be_bytes))
            .field(self.text.as_deref())
            .field(self.voice.as_deref())
            .finish()
    }
}

fn read_word_id(text: Option<&str>) -> Result<WordId, ApiError> {
    parsed("wordId", text.unwrap_or_default())
}

impl EitherBody {
    /// The one of the two that it is; what belongs to the other is ignored, as unknown members are.
    pub(super) fn into_either(self) -> Either {
        let Self {
            r#type,
            word_id,
            word,
            generator_version,
            turn_index,
            text,
            voice,
        } = self;
        if r#type.as_deref() == Some("audio") {
            Either::Audio(AudioBody {
                word_id,
                turn_index,
                text,
                voice,
            })
        } else {
            Either::Text(TextBody {
                word_id,
                word,
                generator_version,
            })
        }
    }
}

/// By hand, because it depends on the type what must be there.
impl Validate for EitherBody {
    fn validate(&self) -> Result<(), ValidationErrors> {
        let kind = match self.r#type.as_deref() {
            Some("text" | "audio") => {
                return match self.clone().into_either() {
                    Either::Text(body) => body.validate(),
                    Either::Audio(body) => body.validate(),
                };
            }
            Some(_) => complaint("unknown", "must be text or audio"),
            None => complaint("required", "is required"),
        };
        let mut errors = ValidationErrors::new();
        errors.add("type", kind);
        // Whichever it was to be, it has a word.
        match self.word_id.as_deref().map(check_word_id) {
            None => errors.add("word_id", complaint("required", "is required")),
            Some(Err(error)) => errors.add("word_id", error),
            Some(Ok(())) => {}
        }
        Err(errors)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn complaints(body: Value) -> Vec<String> {
        let body: EitherBody = serde_json::from_value(body).unwrap();
        let errors = body.validate().err().map_or_else(Vec::new, |errors| {
            errors.errors().keys().map(ToString::to_string).collect()
        });
        let mut errors: Vec<String> = errors;
        errors.sort();
        errors
    }

    #[test]
    fn each_type_has_members_of_its_own() {
        let good = [
            json!({ "type": "text", "wordId": "w", "word": "好" }),
            json!({ "type": "text", "wordId": "w", "word": "好", "generatorVersion": "v1", "text": "" }),
            json!({ "type": "audio", "wordId": "w", "turnIndex": 0, "text": "你好", "voice": "alloy" }),
        ];
        for body in good {
            assert_eq!(complaints(body.clone()), [""; 0], "{body}");
        }
    }

    #[test]
    fn every_bad_member_is_complained_of() {
        let cases = [
            (json!({ "type": "text" }), &["word", "word_id"][..]),
            (
                json!({ "type": "text", "wordId": "../x", "word": "1", "generatorVersion": "v2" }),
                &["generator_version", "word", "word_id"],
            ),
            (json!({ "type": "audio" }), &["text", "turn_index", "word_id"]),
            (
                json!({ "type": "audio", "wordId": "w", "turnIndex": 0, "text": " ", "voice": "-v x" }),
                &["text", "voice"],
            ),
            (json!({}), &["type", "word_id"]),
            (json!({ "type": "video", "wordId": "w" }), &["type"]),
        ];
        for (body, fields) in cases {
            assert_eq!(complaints(body.clone()), fields, "{body}");
        }
    }

    #[test]
    fn an_absent_version_is_the_first() {
        let body: TextBody = serde_json::from_value(json!({ "wordId": "w", "word": " 好 " })).unwrap();
        let command = body.command().unwrap();
        assert_eq!(command.version, GeneratorVersion::V1);
        assert_eq!(command.word.as_str(), "好");
    }
}
