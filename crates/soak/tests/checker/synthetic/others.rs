//! Counters, isolation, tombstones, accounts.

use parlance_soak::checker::Kind;
use parlance_soak::history::{Call, Outcome, SignedIn};

use super::{BEGAN, FORGOTTEN, KEPT, Story, reading, row, state};

#[test]
fn statistics_that_are_not_the_sums_are_found() {
    for (alter, name) in [
        (
            (|stats| stats.total_words = 2) as fn(&mut parlance_soak::history::StatsSeen),
            "totalWords",
        ),
        (|stats| stats.studied_words = 0, "studiedWords"),
        (|stats| stats.mastered_words = 1, "masteredWords"),
        (|stats| stats.total_study_count = 7, "totalStudyCount"),
        (|stats| stats.average_confidence = 0.5, "averageConfidence"),
        (|stats| stats.words_to_review_today = 1, "wordsToReviewToday"),
        (|stats| stats.reviews_today = 1, "reviewsToday"),
        (|stats| stats.current_streak_days = 0, "streaks"),
        (|stats| stats.longest_streak_days = 3, "streaks"),
    ] {
        let mut story = Story::new();
        alter(&mut story.ending().stats);
        story.breaks(Kind::Counters, name);
    }
}

#[test]
fn activity_that_is_not_the_sum_of_the_log_is_found() {
    let mut story = Story::new();
    story.ending().activity[0].reviews = 3;
    story.breaks(Kind::Counters, "the activity is");
}

#[test]
fn days_are_those_of_the_learner() {
    let mut story = Story::new();
    // 16 hours further east, 08:00 is the next day.
    story.ending().zone_minutes = 16 * 60;
    story.breaks(Kind::Counters, "2027-01-16");
}

#[test]
fn a_word_that_is_mastered_against_the_rule_is_found() {
    let mut story = Story::new();
    story.ending().lists[0].rows[0].mastered = true;
    story.breaks(Kind::Counters, "against the rule");
}

#[test]
fn what_is_anothers_is_found_wherever_it_is_read() {
    let mut story = Story::new();
    let mut foreign = row(KEPT, 10);
    foreign.user_id = "another".into();
    story.0.ops[7].call = Call::Get {
        row: Some(foreign),
        revision: Some(1),
    };
    story.breaks(Kind::Isolation, "the user id another");
    let mut story = Story::new();
    story.ending().reviews[0].device_id = Some("u0001.d0".into());
    let found = story.violations();
    assert!(found.iter().any(|one| one.kind == Kind::Isolation), "{found:#?}");
    let mut story = Story::new();
    let mine = Call::Me {
        user_id: Some("another".into()),
    };
    story.add(0, "", mine);
    story.breaks(Kind::Isolation, "the user id another");
}

#[test]
fn a_word_that_comes_back_by_what_is_older_is_found() {
    let mut story = Story::new();
    // Reviewed a second before the beginning, reset after it.
    story.ending().reviews[1].at = BEGAN - 1_000;
    let mut back = state();
    back.word = FORGOTTEN.into();
    story.ending().lists[0].rows.push(back);
    let found = story.violations();
    let returned = found.iter().find(|one| one.kind == Kind::Tombstone).unwrap();
    assert_eq!(returned.key, FORGOTTEN);
    // A review since then begins it anew.
    story.ending().reviews[1].at = BEGAN + 500;
    let found = story.violations();
    assert!(found.iter().all(|one| one.kind != Kind::Tombstone), "{found:#?}");
}

fn registered(id: &str, session: &str) -> Call {
    Call::Register(Some(SignedIn {
        user_id: id.into(),
        session: session.into(),
        token: 9,
    }))
}

#[test]
fn two_accounts_of_one_email_are_found() {
    let mut story = Story::new();
    story.add(0, "new@example.com", registered("one", "a")).status = Some(201);
    assert_eq!(story.violations(), []);
    story.add(1, "new@example.com", registered("two", "b")).status = Some(201);
    story.breaks(Kind::Unique, "each made an account for it");
}

#[test]
fn one_account_of_two_emails_is_found() {
    let mut story = Story::new();
    story.add(0, "new@example.com", registered("one", "a")).status = Some(201);
    story.add(1, "other@example.com", registered("one", "b")).status = Some(201);
    story.breaks(Kind::Unique, "the account belongs to");
}

#[test]
fn an_email_that_is_refused_to_everybody_is_found() {
    let mut story = Story::new();
    for _ in 0..2 {
        let op = story.add(0, "new@example.com", Call::Register(None));
        (op.status, op.outcome) = (Some(409), Outcome::Fail);
    }
    story.breaks(Kind::Unique, "refused 2 times, and nobody had it");
}

#[test]
fn a_read_that_nobody_wrote_before_must_be_empty() {
    let mut story = Story::new();
    story.add(0, "u0000.w009", reading(10, 1)).key = "u0000.w009".into();
    let found = story.violations();
    assert!(found.iter().any(|one| one.kind == Kind::Session), "{found:#?}");
}
