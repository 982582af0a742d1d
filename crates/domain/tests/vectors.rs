//! The vectors of the written specification (`docs/specification/vectors`), which other implementations share.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use chrono::SecondsFormat;
use parlance_domain::accounts::{Email, RefreshToken, RefreshTokens};
use parlance_domain::ids::{EventId, SessionId};
use parlance_domain::progress::{
    DEFAULT_RETENTION, Event, EventKey, EventKind, Memory, Rating, WordState, fold,
};
use parlance_domain::time::Timestamp;
use parlance_domain::words::fold_text;
use secrecy::ExposeSecret;
use serde_json::{Value, json};

const PROGRESS: &str = include_str!("../../../docs/specification/vectors/progress.json");
const ACCOUNTS: &str = include_str!("../../../docs/specification/vectors/accounts.json");
const SEARCH: &str = include_str!("../../../docs/specification/vectors/search.json");

fn cases<'a>(document: &'a Value, name: &str) -> &'a Vec<Value> {
    let cases = document[name].as_array().unwrap();
    assert!(!cases.is_empty(), "no cases under {name}");
    cases
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap()
}

fn number(value: &Value) -> Option<u32> {
    value.as_u64().map(|number| number.try_into().unwrap())
}

fn event(value: &Value) -> Event {
    let id = |name: &str| text(&value[name]).parse::<EventId>().unwrap();
    let kind = match text(&value["type"]) {
        "review" => EventKind::Review {
            rating: text(&value["rating"]).parse::<Rating>().unwrap(),
            duration_ms: None,
            retention: value["retention"].as_f64().unwrap_or(DEFAULT_RETENTION),
            clamped: false,
        },
        "set" => EventKind::Set {
            study_count: number(&value["studyCount"]),
            correct_count: number(&value["correctCount"]),
            confidence: value["confidence"].as_f64(),
            raised_study_count: false,
        },
        "forget" => EventKind::Forget,
        "undo" => EventKind::Undo { review: id("review") },
        other => panic!("no such event: {other}"),
    };
    Event {
        id: id("id"),
        word_id: "zh-00001".parse().unwrap(),
        at: text(&value["at"]).parse().unwrap(),
        device_id: None,
        kind,
    }
}

fn time(at: Timestamp) -> String {
    at.to_rfc3339_opts(SecondsFormat::Millis, true)
}

fn key(key: EventKey) -> Value {
    json!({"at": time(key.at), "id": key.id.to_string()})
}

fn memory(memory: &Memory) -> Value {
    json!({"stability": memory.stability, "difficulty": memory.difficulty, "lastReview": time(memory.last_review),
           "lapses": memory.lapses})
}

fn state(state: &WordState) -> Value {
    json!({"studyCount": state.study_count, "correctCount": state.correct_count, "confidence": state.confidence,
           "nextReview": time(state.next_review), "mastered": state.is_mastered(),
           "memory": state.memory.as_ref().map(memory)})
}

/// Whether two values are the same, numbers that are not whole within 0.0002.
fn same(one: &Value, other: &Value) -> bool {
    match (one, other) {
        (Value::Object(one), Value::Object(other)) => {
            one.len() == other.len()
                && one
                    .iter()
                    .all(|(name, value)| other.get(name).is_some_and(|found| same(value, found)))
        }
        (Value::Number(one), Value::Number(other)) => {
            (one.as_f64().unwrap() - other.as_f64().unwrap()).abs() <= 0.000_2
        }
        _ => one == other,
    }
}

#[test]
fn the_fold_gives_the_states_of_the_specification() {
    let document: Value = serde_json::from_str(PROGRESS).unwrap();
    for case in cases(&document, "cases") {
        let events: Vec<Event> = case["events"].as_array().unwrap().iter().map(event).collect();
        let folded = fold(&events);
        let found = json!({"state": folded.state.as_ref().map(state), "last": folded.last.map(key)});
        let wanted = json!({"state": case["state"], "last": case["last"]});
        assert!(same(&found, &wanted), "{}: {found} is not {wanted}", case["name"]);
    }
}

#[test]
fn emails_have_the_keys_of_the_specification() {
    let document: Value = serde_json::from_str(ACCOUNTS).unwrap();
    for case in cases(&document, "emails") {
        let email = text(&case["text"]).parse::<Email>().ok();
        assert_eq!(email.as_ref().map(Email::key), case["key"].as_str(), "{case}");
    }
}

#[test]
fn refresh_tokens_are_written_as_in_the_specification() {
    let document: Value = serde_json::from_str(ACCOUNTS).unwrap();
    for case in cases(&document, "refreshTokens") {
        let tokens = RefreshTokens::new(&text(&case["secret"]).into());
        let token = RefreshToken {
            session_id: text(&case["sessionId"]).parse::<SessionId>().unwrap(),
            counter: case["counter"].as_u64().unwrap(),
        };
        assert_eq!(
            tokens.write(token).expose_secret(),
            text(&case["token"]),
            "{case}"
        );
        assert_eq!(tokens.read(text(&case["token"])), Some(token));
    }
}

#[test]
fn texts_are_folded_as_in_the_specification() {
    let document: Value = serde_json::from_str(SEARCH).unwrap();
    for case in cases(&document, "folded") {
        assert_eq!(fold_text(text(&case["text"])), text(&case["folded"]), "{case}");
    }
}
