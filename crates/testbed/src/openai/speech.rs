//! Speaking and listening: what a request may be, and what is answered.

use serde_json::{Value, json};

use crate::audio;
use crate::told::{Answer, Refusal, Request, is_heard};

const VOICES: [&str; 9] = [
    "alloy", "ash", "coral", "echo", "fable", "nova", "onyx", "sage", "shimmer",
];
const MEMBERS: [&str; 5] = ["model", "input", "voice", "response_format", "speed"];
const FIELDS: [&str; 4] = [
    "model",
    "response_format",
    "timestamp_granularities[]",
    "language",
];

/// The sound of a text.
pub(super) fn speak(request: &Value) -> Result<Answer, Refusal> {
    let members = request.as_object().ok_or_else(|| Refusal::because("no object"))?;
    let speed = members.get("speed").map_or(Some(1.0), Value::as_f64);
    let speed = speed.filter(|speed| (0.25..=4.0).contains(speed));
    let input = request["input"].as_str().unwrap_or_default();
    let voice = request["voice"].as_str().unwrap_or_default();
    let is_right = members.keys().all(|name| MEMBERS.contains(&name.as_str()))
        && request["model"] == "tts-1"
        && (1..=4_096).contains(&input.chars().count())
        && VOICES.contains(&voice)
        && request["response_format"] == "mp3";
    match speed {
        Some(speed) if is_right => {
            let sound = audio::seed((input, voice, speed.to_bits()));
            Ok(Answer::mp3(audio::mp3(sound, 80 * input.len() as u64)))
        }
        _ => Err(Refusal::because("not supported")),
    }
}

/// What is said in a recording.
pub(super) fn listen(request: &Request) -> Result<Answer, Refusal> {
    let fields = &request.body;
    let is_right = fields
        .as_object()
        .is_some_and(|fields| fields.keys().all(|name| FIELDS.contains(&name.as_str())))
        && fields["model"] == "whisper-1"
        && fields["response_format"] == "verbose_json"
        && fields["timestamp_granularities[]"] == "word";
    let language = fields["language"].as_str().unwrap_or("en");
    let heard = request.file.as_deref().and_then(is_heard);
    match heard {
        Some(is_heard) if is_right && language.len() == 2 => {
            Ok(Answer::json(&transcript(is_heard, language)))
        }
        _ => Err(Refusal::because("the audio file could not be decoded")),
    }
}

fn transcript(is_heard: bool, language: &str) -> Value {
    let (text, words) = match (is_heard, language) {
        (false, _) => ("", json!([])),
        (true, "zh") => ("你好", json!([word("你", 0.0), word("好", 0.32)])),
        (true, _) => (
            "How are you?",
            json!([word("How", 0.0), word("are", 0.32), word("you", 0.5)]),
        ),
    };
    json!({ "task": "transcribe", "language": language, "duration": 1.0, "text": text, "words": words })
}

fn word(word: &str, start: f64) -> Value {
    json!({ "word": word, "start": start, "end": start + 0.18 })
}
