//! The log as a set.

use parlance_soak::checker::Kind;
use parlance_soak::history::{Call, Outcome};
use uuid::Uuid;

use super::{BEGAN, KEPT, Story, logged, reviewing, row, sent};

#[test]
fn an_acknowledged_review_that_is_not_in_the_log_is_lost() {
    let mut story = Story::new();
    let again = reviewing(vec![sent(3, KEPT)], vec![row(KEPT, 10)], 3);
    story.add(0, "", again);
    story.breaks(Kind::Set, "lost: acknowledged by operation 8");
}

#[test]
fn a_review_of_which_nobody_knows_may_be_in_the_log_or_not() {
    let mut story = Story::new();
    let unsure = reviewing(vec![sent(3, KEPT)], Vec::new(), 0);
    story.add(0, "", unsure).outcome = Outcome::Info;
    assert_eq!(story.violations(), []);
    story.ending().reviews.push(logged(&sent(3, KEPT)));
    assert!(story.violations().iter().all(|one| one.kind == Kind::Counters));
}

#[test]
fn a_review_that_was_refused_must_not_be_in_the_log() {
    let mut story = Story::new();
    let refused = reviewing(vec![sent(3, KEPT)], Vec::new(), 0);
    story.add(0, "", refused).outcome = Outcome::Fail;
    story.ending().reviews.push(logged(&sent(3, KEPT)));
    let found = story.violations();
    assert!(
        found
            .iter()
            .any(|one| one.kind == Kind::Set && one.evidence.contains("phantom"))
    );
}

#[test]
fn a_review_in_the_log_twice_is_found() {
    let mut story = Story::new();
    story.ending().reviews.push(logged(&sent(1, KEPT)));
    let found = story.violations();
    assert!(
        found
            .iter()
            .any(|one| one.kind == Kind::Set && one.evidence.contains("duplicated"))
    );
}

#[test]
fn the_first_content_of_a_review_wins() {
    let mut story = Story::new();
    let mut other = sent(1, KEPT);
    other.rating = "easy".into();
    story.add(0, "", reviewing(vec![other], vec![row(KEPT, 10)], 3));
    assert_eq!(story.violations(), []);
    story.ending().reviews[0].rating = "easy".into();
    story.breaks(Kind::Set, "altered");
}

#[test]
fn a_review_ahead_of_the_server_is_taken_as_of_its_arrival_and_no_other() {
    let mut story = Story::new();
    let Call::Review { reviews, .. } = &mut story.0.ops[3].call else {
        panic!("the story is another")
    };
    reviews[0].at = BEGAN + 3_600_000;
    story.ending().reviews[0].at = BEGAN + 62;
    assert_eq!(story.violations(), []);
    story.ending().reviews[0].at = BEGAN + 3_000;
    story.breaks(Kind::Set, "altered");
}

#[test]
fn what_is_taken_back_was_asked_for_and_stays_so() {
    let mut story = Story::new();
    story.ending().reviews[1].undone = true;
    let found = story.violations();
    assert!(
        found.iter().any(|one| one.evidence.contains("nobody asked")),
        "{found:#?}"
    );
    let mut story = Story::new();
    let undo = Call::Undo {
        review: Uuid::from_u128(1),
        row: Some(row(KEPT, 10)),
        revision: Some(1),
    };
    story.add(0, KEPT, undo);
    story.breaks(Kind::Set, "it is not taken back");
}

#[test]
fn an_answer_must_account_for_every_review() {
    let mut story = Story::new();
    let Call::Review {
        answer: Some(answer), ..
    } = &mut story.0.ops[3].call
    else {
        panic!("the story is another")
    };
    answer.accepted = 0;
    story.breaks(Kind::Set, "0 were called new and 0 known");
}
