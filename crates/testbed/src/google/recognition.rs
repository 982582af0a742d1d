//! Speech-to-Text: what a recording is taken to say.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use super::script::GoogleBehaviour;

const LANGUAGES: [&str; 6] = [
    "cmn-Hans-CN",
    "cmn-Hant-TW",
    "yue-Hant-HK",
    "en-US",
    "en-GB",
    "de-DE",
];
const LARGEST: usize = 10 * 1024 * 1024;

/// What is said in a recording, or why nobody can tell.
pub(super) fn recognize(request: &Value, behaviour: &GoogleBehaviour) -> Result<Value, String> {
    let config = &request["config"];
    let language = config["languageCode"].as_str().unwrap_or_default();
    if !LANGUAGES.contains(&language) {
        return Err(format!(
            "Invalid recognition 'config': bad language_code '{language}'."
        ));
    }
    let content = request["audio"]["content"].as_str().unwrap_or_default();
    if content.len() > LARGEST {
        return Err("Request payload size exceeds the limit: 10485760 bytes.".to_owned());
    }
    let content = STANDARD.decode(content).unwrap_or_default();
    let heard = match config["encoding"].as_str() {
        Some("LINEAR16") => in_wav(&content, config)?,
        Some("FLAC") if content.starts_with(b"fLaC") && content.len() > 42 => Heard::Speech,
        Some("OGG_OPUS" | "WEBM_OPUS" | "MP3") if config["sampleRateHertz"].is_null() => {
            return Err("Invalid recognition 'config': bad sample rate hertz.".to_owned());
        }
        Some("OGG_OPUS" | "WEBM_OPUS" | "MP3") if content.len() > 40 => Heard::Speech,
        _ => return Err("Invalid recognition 'config': bad encoding.".to_owned()),
    };
    Ok(match (heard, behaviour) {
        (Heard::Nothing, _) | (_, GoogleBehaviour::Empty) => {
            json!({ "requestId": "1", "totalBilledTime": "1s" })
        }
        (Heard::Speech, _) => transcript(config, language),
    })
}

enum Heard {
    Speech,
    Nothing,
}

fn in_wav(content: &[u8], config: &Value) -> Result<Heard, String> {
    if content.len() < 44 || !content.starts_with(b"RIFF") || &content[12..16] != b"fmt " {
        return Err("Invalid audio: the WAV header is incomplete.".to_owned());
    }
    let channels = u64::from(u16::from_le_bytes([content[22], content[23]]));
    if channels != config["audioChannelCount"].as_u64().unwrap_or(1) {
        return Err(format!(
            "Must use single channel (mono) audio, but WAV header indicates {channels} channels."
        ));
    }
    let is_silent = content[44..].iter().all(|byte| *byte == 0);
    Ok(if is_silent { Heard::Nothing } else { Heard::Speech })
}

/// In two results, as recordings with a pause have.
fn transcript(config: &Value, language: &str) -> Value {
    let (first, second): ([&str; 2], [&str; 1]) = match language {
        "cmn-Hans-CN" | "cmn-Hant-TW" | "yue-Hant-HK" => (["你", "好"], ["吗"]),
        _ => (["how", "are"], ["you"]),
    };
    let (space, lead) = if language.starts_with("en") || language.starts_with("de") {
        (" ", " ")
    } else {
        ("", "")
    };
    let result = |words: &[&str], begin: u32, lead: &str, confidence: f64| {
        let mut alternative = json!({
            "transcript": format!("{lead}{}", words.join(space)),
            "confidence": confidence,
        });
        if config["enableWordTimeOffsets"] == true {
            let words = (begin..).zip(words).map(
                |(place, word)| json!({ "word": word, "startTime": time(place), "endTime": time(place + 1) }),
            );
            alternative["words"] = words.collect();
        }
        json!({ "alternatives": [alternative], "languageCode": language, "resultEndTime": "0.900s" })
    };
    json!({
        "results": [result(&first, 0, "", 0.9), result(&second, 2, lead, 0.8)],
        "totalBilledTime": "1s",
        "requestId": "2",
    })
}

/// Three tenths of a second for each word.
fn time(words: u32) -> String {
    match words * 300 {
        0 => "0s".to_owned(),
        milliseconds => format!("0.{milliseconds}s"),
    }
}
