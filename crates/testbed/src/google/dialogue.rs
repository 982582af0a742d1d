//! Gemini: dialogues around the word that it is told, good ones and bad ones.

use bytes::Bytes;
use serde_json::{Value, json};

use super::script::GoogleBehaviour;

/// The answer to `generateContent`, or why there is none.
pub(super) fn generate(model: &str, request: &Value, behaviour: &GoogleBehaviour) -> Result<Value, String> {
    let config = &request["generationConfig"];
    if config["responseSchema"].is_object() && config["responseMimeType"] != "application/json" {
        return Err("A response schema needs the response mime type application/json.".to_owned());
    }
    let question = request["contents"][0]["parts"][0]["text"]
        .as_str()
        .unwrap_or_default();
    if question.is_empty() {
        return Err("contents is not specified.".to_owned());
    }
    let mut answer = match behaviour {
        GoogleBehaviour::Blocked => json!({ "promptFeedback": { "blockReason": "SAFETY" } }),
        GoogleBehaviour::Withheld => json!({ "candidates": [{ "index": 0, "finishReason": "SAFETY" }] }),
        GoogleBehaviour::Empty => candidate("", "STOP"),
        GoogleBehaviour::Garbage => candidate("Sure! Here is your dialogue:", "STOP"),
        GoogleBehaviour::TooLong => candidate("{\"turns\":[{\"speaker\":\"A\",\"chi", "MAX_TOKENS"),
        behaviour => candidate(&dialogue(question, behaviour), "STOP"),
    };
    let written = text(&answer).len() / 4;
    let read = (question.len() + request["systemInstruction"].to_string().len()) / 4;
    answer["usageMetadata"] = json!({ "promptTokenCount": read, "totalTokenCount": read + written });
    if written > 0 {
        answer["usageMetadata"]["candidatesTokenCount"] = json!(written);
    }
    answer["modelVersion"] = json!(model);
    Ok(answer)
}

fn candidate(text: &str, finish: &str) -> Value {
    let mut candidate = json!({ "content": { "role": "model" }, "finishReason": finish, "index": 0 });
    if !text.is_empty() {
        candidate["content"]["parts"] = json!([{ "text": text }]);
    }
    json!({ "candidates": [candidate] })
}

fn text(answer: &Value) -> &str {
    answer["candidates"][0]["content"]["parts"][0]["text"]
        .as_str()
        .unwrap_or_default()
}

fn dialogue(question: &str, behaviour: &GoogleBehaviour) -> String {
    let data: Value = serde_json::from_str(question).unwrap_or_default();
    let word = data["word"].as_str().unwrap_or("学习");
    // What is not Chinese is talked about rather than used.
    let word = if word.chars().any(is_han) {
        word
    } else {
        "这个词"
    };
    let turn = |speaker: &str, chinese: String, pinyin: &str, english: &str| json!({ "speaker": speaker, "chinese": chinese, "pinyin": pinyin, "english": english });
    let mut turns = vec![
        turn(
            "A",
            format!("你知道{word}吗？"),
            "Nǐ zhīdào zhè ge cí ma?",
            "Do you know this word?",
        ),
        turn(
            "B",
            format!("知道，我喜欢{word}。"),
            "Zhīdào, wǒ xǐhuan.",
            "Yes, I like it.",
        ),
        turn("A", "我也喜欢。".to_owned(), "Wǒ yě xǐhuan.", "I like it too."),
        turn("B", "太好了！".to_owned(), "Tài hǎo le!", "Great!"),
    ];
    match behaviour {
        GoogleBehaviour::TwoTurns => turns.truncate(2),
        GoogleBehaviour::Markup => {
            turns[1]["chinese"] = json!(format!("<b>{word}</b><script>alert(1)</script>"));
        }
        GoogleBehaviour::WrongLanguage => turns[1]["english"] = json!("是的，我喜欢。"),
        _ => {}
    }
    json!({ "turns": turns }).to_string()
}

fn is_han(character: char) -> bool {
    matches!(character, '\u{3400}'..='\u{9FFF}' | '\u{20000}'..='\u{323AF}')
}

/// An answer in the events of a stream: its text comes in three parts, the reason why it ends with the last.
pub(super) fn events(answer: &Value) -> Vec<Bytes> {
    let text = text(answer).to_owned();
    if text.is_empty() {
        return vec![event(answer)];
    }
    let characters: Vec<char> = text.chars().collect();
    let parts: Vec<&[char]> = characters.chunks(characters.len().div_ceil(3)).collect();
    let last = parts.len() - 1;
    let one = |(place, part): (usize, &&[char])| {
        let mut answer = answer.clone();
        let candidate = &mut answer["candidates"][0];
        candidate["content"]["parts"] = json!([{ "text": part.iter().collect::<String>() }]);
        if let (true, Some(candidate)) = (place < last, candidate.as_object_mut()) {
            candidate.remove("finishReason");
        }
        event(&answer)
    };
    parts.iter().enumerate().map(one).collect()
}

fn event(answer: &Value) -> Bytes {
    format!("data: {answer}\r\n\r\n").into()
}
