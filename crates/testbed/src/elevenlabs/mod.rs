//! A local server that speaks the protocol of `ElevenLabs`, and misbehaves as it is told.

use std::fmt;
use std::sync::Arc;

use anyhow::Result;
use serde_json::{Value, json};

use crate::audio;
use crate::told::{Answer, Protocol, Refusal, Request, Told, is_heard};
pub use crate::told::{Behaviour as ElevenLabsBehaviour, Request as ElevenLabsRequest};

/// The voices of the account: id, name, gender.
const VOICES: [(&str, &str, &str); 2] = [
    ("JBFqnCBsd6RMkjVDRZzb", "George", "male"),
    ("21m00Tcm4TlvDq8ikWAM", "Rachel", "female"),
];
const FIELDS: [&str; 4] = [
    "model_id",
    "timestamps_granularity",
    "tag_audio_events",
    "language_code",
];

/// A server of `GET /v1/voices`, `POST /v1/text-to-speech/{voice}` and `POST /v1/speech-to-text` on this machine, until
/// it is dropped.
///
/// Requests that are not as the protocol has them, or not by whoever has the key, are answered with an error.
pub struct FakeElevenLabs(Told);

struct ElevenLabsProtocol;

impl FakeElevenLabs {
    /// The key that it knows.
    pub const KEY: &str = "xi-key-of-tests-that-opens-nothing";

    /// Starts one that behaves.
    pub fn start() -> Result<Self> {
        Ok(Self(Told::start("elevenlabs", Arc::new(ElevenLabsProtocol))?))
    }

    /// Its base URL.
    pub fn url(&self) -> String {
        self.0.url()
    }

    /// Lets the next call, after those that were told before, be answered like this.
    pub fn next(&self, behaviour: ElevenLabsBehaviour) {
        self.0.next(behaviour);
    }

    /// Lets all calls be answered like this from now on.
    pub fn always(&self, behaviour: ElevenLabsBehaviour) {
        self.0.always(behaviour);
    }

    /// All requests, the latest at the end.
    pub fn requests(&self) -> Vec<ElevenLabsRequest> {
        self.0.requests()
    }
}

impl fmt::Debug for FakeElevenLabs {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("FakeElevenLabs").finish_non_exhaustive()
    }
}

impl Protocol for ElevenLabsProtocol {
    fn answer(&self, request: &Request) -> Result<Answer, Refusal> {
        let key = request.headers.get("xi-api-key");
        if key.is_none_or(|key| key != FakeElevenLabs::KEY) {
            return Err(Refusal::of(401));
        }
        match request.path.as_str() {
            "GET /v1/voices" => Ok(Answer::json(&voices())),
            "POST /v1/speech-to-text" => listen(request),
            path => match path.strip_prefix("POST /v1/text-to-speech/") {
                Some(voice) => speak(voice, request),
                None => Err(Refusal::of(404)),
            },
        }
    }

    fn error(&self, refusal: &Refusal) -> Value {
        let status = match refusal.status {
            401 => "invalid_api_key",
            404 => "voice_not_found",
            429 => "too_many_concurrent_requests",
            _ => "invalid_request",
        };
        json!({ "detail": { "status": status, "message": refusal.message } })
    }
}

fn voices() -> Value {
    let voices = VOICES.map(|(id, name, gender)| {
        json!({ "voice_id": id, "name": name, "category": "premade", "labels": { "gender": gender } })
    });
    json!({ "voices": voices })
}

fn speak(voice: &str, request: &Request) -> Result<Answer, Refusal> {
    if !VOICES.iter().any(|(id, ..)| *id == voice) {
        return Err(Refusal::of(404));
    }
    let body = &request.body;
    let text = body["text"].as_str().unwrap_or_default();
    let speed = body["voice_settings"]["speed"].as_f64().unwrap_or(1.0);
    let is_right = request.query == "output_format=mp3_44100_128"
        && !text.is_empty()
        && body["model_id"] == "eleven_multilingual_v2"
        && (0.7..=1.2).contains(&speed);
    if !is_right {
        return Err(Refusal::because("not supported"));
    }
    let sound = audio::seed((text, voice, speed.to_bits()));
    Ok(Answer::mp3(audio::mp3(sound, 80 * text.len() as u64)))
}

fn listen(request: &Request) -> Result<Answer, Refusal> {
    let fields = &request.body;
    let is_right = fields
        .as_object()
        .is_some_and(|fields| fields.keys().all(|name| FIELDS.contains(&name.as_str())))
        && fields["model_id"] == "scribe_v1"
        && fields["timestamps_granularity"] == "word";
    match request.file.as_deref().and_then(is_heard) {
        Some(is_heard) if is_right => Ok(Answer::json(&transcript(
            is_heard,
            fields["language_code"].as_str(),
        ))),
        _ => Err(Refusal::because("the file is no audio")),
    }
}

fn transcript(is_heard: bool, language: Option<&str>) -> Value {
    let (text, words) = match (is_heard, language) {
        (false, _) => ("", json!([])),
        (true, Some("zh")) => ("你好", json!([word("你", 0.0, "word"), word("好", 0.3, "word")])),
        (true, _) => (
            "how are",
            json!([
                word("how", 0.0, "word"),
                word(" ", 0.2, "spacing"),
                word("are", 0.3, "word")
            ]),
        ),
    };
    json!({
        "language_code": language.unwrap_or("en"), "language_probability": 0.98, "text": text, "words": words,
    })
}

fn word(text: &str, start: f64, kind: &str) -> Value {
    json!({ "text": text, "start": start, "end": start + 0.2, "type": kind, "logprob": -0.1 })
}
