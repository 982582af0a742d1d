//! Cloud Text-to-Speech: the voices, and the sound of a text.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use super::script::GoogleBehaviour;
use crate::audio;

/// The voices: name, language, gender. The dear ones come first, as they do at Google.
const VOICES: [(&str, &str, &str); 10] = [
    ("cmn-CN-Chirp3-HD-Achernar", "cmn-CN", "FEMALE"),
    ("cmn-CN-Standard-A", "cmn-CN", "FEMALE"),
    ("cmn-CN-Standard-B", "cmn-CN", "MALE"),
    ("cmn-TW-Standard-A", "cmn-TW", "FEMALE"),
    ("de-DE-Wavenet-G", "de-DE", "FEMALE"),
    ("en-AU-Standard-A", "en-AU", "FEMALE"),
    ("en-GB-Standard-A", "en-GB", "FEMALE"),
    ("en-US-Chirp3-HD-Achernar", "en-US", "FEMALE"),
    ("en-US-Standard-A", "en-US", "MALE"),
    ("en-US-Standard-C", "en-US", "FEMALE"),
];

/// The voices that speak a language, or all.
pub(super) fn voices(language: Option<&str>, behaviour: &GoogleBehaviour) -> Value {
    let serves = |code: &str| {
        language.is_none_or(|language| {
            code.eq_ignore_ascii_case(language) || code.starts_with(&format!("{language}-"))
        })
    };
    let voices: Vec<Value> = VOICES
        .iter()
        .filter(|(_, code, _)| serves(code) && *behaviour != GoogleBehaviour::Empty)
        .map(|(name, code, gender)| {
            json!({ "languageCodes": [code], "name": name, "ssmlGender": gender, "naturalSampleRateHertz": 24_000 })
        })
        .collect();
    // As everywhere, members without content are left out.
    if voices.is_empty() {
        json!({})
    } else {
        json!({ "voices": voices })
    }
}

/// The sound of a text, or why there is none.
pub(super) fn synthesize(request: &Value, behaviour: &GoogleBehaviour) -> Result<Value, String> {
    let (text, ssml) = (
        request["input"]["text"].as_str(),
        request["input"]["ssml"].as_str(),
    );
    let (Some(input), true) = (text.or(ssml), text.is_none() || ssml.is_none()) else {
        return Err("Either `input.text` or `input.ssml` must be supplied.".to_owned());
    };
    if input.is_empty() || input.len() > 5_000 {
        return Err("`input.text` is empty or longer than the limit of 5000 bytes.".to_owned());
    }
    let voice = voice(&request["voice"])?;
    let rate = request["audioConfig"]["speakingRate"].as_f64().unwrap_or(1.0);
    if !(0.25..=2.0).contains(&rate) {
        return Err("`speakingRate` must be between 0.25 and 2.0.".to_owned());
    }
    let sound = match behaviour {
        GoogleBehaviour::Empty => return Ok(json!({})),
        GoogleBehaviour::Garbage => b"<html>no sound</html>".to_vec(),
        _ => sound(&heard(text, input), voice, rate, &request["audioConfig"])?,
    };
    Ok(json!({ "audioContent": STANDARD.encode(sound) }))
}

/// The voice that is asked for, or the first of the language.
fn voice(wanted: &Value) -> Result<&'static str, String> {
    let language = wanted["languageCode"].as_str().unwrap_or_default();
    let speaks =
        |code: &str| code.eq_ignore_ascii_case(language) || code.starts_with(&format!("{language}-"));
    let name = wanted["name"].as_str();
    let found = VOICES.iter().find(|(voice, code, _)| match name {
        Some(name) => *voice == name,
        None => speaks(code),
    });
    match (found, name) {
        (Some((voice, code, _)), _) if speaks(code) => Ok(voice),
        (Some((voice, ..)), _) => Err(format!(
            "Requested language code '{language}' doesn't match the voice '{voice}'."
        )),
        (None, Some(name)) => Err(format!("Voice '{name}' does not exist. Is it misspelled?")),
        (None, None) => Err(format!("Language code '{language}' is not supported.")),
    }
}

/// What is heard of the input: of SSML only what is between the tags.
fn heard(text: Option<&str>, input: &str) -> String {
    let mut is_tag = false;
    let outside = input.chars().filter(|&character| {
        let was_tag = is_tag;
        is_tag = (is_tag || character == '<') && character != '>';
        !was_tag && !is_tag
    });
    text.map_or_else(|| outside.collect(), str::to_owned)
}

fn sound(text: &str, voice: &str, rate: f64, config: &Value) -> Result<Vec<u8>, String> {
    let seed = audio::seed((text, voice, rate.to_bits()));
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        clippy::cast_precision_loss,
        reason = "a text is short"
    )]
    let milliseconds = (text.chars().count() as f64 * 80.0 / rate) as u64;
    match config["audioEncoding"].as_str() {
        Some("MP3") => Ok(audio::mp3(seed, milliseconds)),
        Some("LINEAR16") => Ok(audio::wav(seed, milliseconds)),
        _ => Err("The encoding is not one that this server speaks.".to_owned()),
    }
}
