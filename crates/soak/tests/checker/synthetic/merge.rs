//! States as folds, by the oracle.

use std::collections::BTreeSet;
use std::path::Path;

use chrono::DateTime;
use parlance_soak::checker::Kind;
use parlance_soak::history::{Call, Outcome, Set};
use parlance_soak::oracle::{Case, Fixed, Memory, Placed, Reviewed, State, disagreements};
use serde_json::Value;

use super::{BEGAN, DAY, KEPT, Story, row};

fn set(study_count: Option<u32>, confidence: Option<f64>) -> Call {
    let sets = vec![Set {
        word: KEPT.into(),
        study_count,
        correct_count: None,
        confidence,
    }];
    Call::Put {
        sets,
        rows: Vec::new(),
        revision: None,
    }
}

#[test]
fn a_count_a_memory_and_a_next_review_that_the_log_does_not_give_are_found() {
    for (alter, reason) in [
        (
            (|row| row.study_count = 2) as fn(&mut parlance_soak::history::WordState),
            "study count",
        ),
        (|row| row.correct_count = 0, "correct count"),
        (|row| row.memory = Some((2.31, 2.1181, BEGAN, 0)), "memory"),
        (|row| row.memory = Some((2.3065, 2.1181, BEGAN, 1)), "memory"),
        (|row| row.memory = None, "memory"),
        (|row| row.next_review = BEGAN + 3 * DAY, "confidence"),
        (|row| row.confidence = 0.1, "confidence"),
    ] {
        let mut story = Story::new();
        alter(&mut story.ending().lists[0].rows[0]);
        story.breaks_the_fold(reason);
    }
}

#[test]
fn a_word_that_nothing_began_is_found() {
    let mut story = Story::new();
    story.ending().lists[0].rows[0].word = "u0000.w005".into();
    story.breaks_the_fold("nothing began it");
}

#[test]
fn devices_that_read_different_bytes_are_found() {
    let mut story = Story::new();
    story.ending().lists[2].digest = 2;
    story.breaks(Kind::Merge, "2 different lists");
}

#[test]
fn a_set_of_which_nobody_knows_may_have_happened_or_not() {
    let mut story = Story::new();
    story.add(0, KEPT, set(Some(40), Some(0.5))).outcome = Outcome::Info;
    story.is_clean();
    // Before the review it would count one more, and the review would decide on the confidence.
    let row = &mut story.ending().lists[0].rows[0];
    (row.study_count, row.confidence, row.next_review) = (40, 0.5, BEGAN + 160 + 8 * DAY);
    let found = parlance_soak::checker::check(&story.0).unwrap();
    assert!(found.iter().all(|one| one.kind != Kind::Merge), "{found:#?}");
    story.ending().lists[0].rows[0].study_count = 42;
    story.breaks_the_fold("study count: [1, 40]");
}

#[test]
fn an_acknowledged_set_has_happened_when_its_answer_says() {
    let mut story = Story::new();
    let op = story.add(0, KEPT, set(None, Some(0.5)));
    let Call::Put { rows, .. } = &mut op.call else {
        panic!("the story is another")
    };
    let mut after = row(KEPT, 11);
    after.next_review = BEGAN + 165 + 8 * DAY;
    rows.push(after);
    story.breaks_the_fold("0.5 set from 1800000000165 to 1800000000165");
    let row = &mut story.ending().lists[0].rows[0];
    (row.confidence, row.next_review) = (0.5, BEGAN + 165 + 8 * DAY);
    let found = parlance_soak::checker::check(&story.0).unwrap();
    assert!(found.iter().all(|one| one.kind != Kind::Merge), "{found:#?}");
}

/// A moment of the specification's vectors.
fn millis(value: &Value) -> i64 {
    DateTime::parse_from_rfc3339(value.as_str().unwrap())
        .unwrap()
        .timestamp_millis()
}

fn whole(value: &Value) -> Option<u32> {
    value.as_u64().map(|number| u32::try_from(number).unwrap())
}

fn case(vector: &Value) -> Case {
    let mut events: Vec<&Value> = vector["events"].as_array().unwrap().iter().collect();
    events.sort_by_key(|event| (millis(&event["at"]), event["id"].as_str()));
    let mut ids = BTreeSet::new();
    events.retain(|event| ids.insert(event["id"].as_str()));
    let of_type = |wanted: &'static str| {
        events
            .iter()
            .copied()
            .filter(move |event| event["type"] == wanted)
    };
    let placed = |event: &Value| Placed {
        lo: millis(&event["at"]),
        hi: Some(millis(&event["at"])),
        certain: true,
    };
    let reviews = of_type("review").map(|event| Reviewed {
        id: event["id"].as_str().unwrap().to_owned(),
        at: millis(&event["at"]),
        rating: match event["rating"].as_str().unwrap() {
            "again" => 1,
            "hard" => 2,
            "good" => 3,
            _ => 4,
        },
        undone: of_type("undo").any(|undo| undo["review"] == event["id"]),
        retention: event["retention"].as_f64().unwrap_or(0.9),
    });
    let sets = of_type("set").map(|event| Fixed {
        placed: placed(event),
        study: whole(&event["studyCount"]),
        correct: whole(&event["correctCount"]),
        confidence: event["confidence"].as_f64(),
    });
    Case {
        key: vector["name"].as_str().unwrap().to_owned(),
        reviews: reviews.collect(),
        sets: sets.collect(),
        forgets: of_type("forget").map(placed).collect(),
        state: state(&vector["state"]),
    }
}

fn state(value: &Value) -> Option<State> {
    let memory = value["memory"].as_object().map(|memory| Memory {
        stability: memory["stability"].as_f64().unwrap(),
        difficulty: memory["difficulty"].as_f64().unwrap(),
        last: millis(&memory["lastReview"]),
        lapses: whole(&memory["lapses"]).unwrap(),
    });
    value.is_object().then(|| State {
        study: value["studyCount"].as_u64().unwrap(),
        correct: value["correctCount"].as_u64().unwrap(),
        confidence: value["confidence"].as_f64().unwrap(),
        next: millis(&value["nextReview"]),
        memory,
    })
}

#[test]
fn the_oracle_agrees_with_the_vectors_of_the_specification_and_with_nothing_beside_them() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/specification/vectors/progress.json");
    let vectors: Value = serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap();
    let cases: Vec<Case> = vectors["cases"].as_array().unwrap().iter().map(case).collect();
    assert!(cases.len() > 20);
    assert_eq!(disagreements(&cases).unwrap(), []);
    let alterations: [fn(&mut State); 4] = [
        |state| state.study += 1,
        |state| state.correct += 1,
        |state| state.confidence += 0.001,
        |state| state.next += DAY,
    ];
    for alter in alterations {
        let mut altered: Vec<Case> = cases
            .iter()
            .filter(|case| case.state.is_some())
            .cloned()
            .collect();
        for case in &mut altered {
            alter(case.state.as_mut().unwrap());
        }
        assert_eq!(disagreements(&altered).unwrap().len(), altered.len());
    }
}
