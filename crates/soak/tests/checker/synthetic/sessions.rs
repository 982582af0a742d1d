//! Sessions: one head, alive until ended, dead from then on.

use parlance_soak::checker::Kind;
use parlance_soak::history::{Call, Op, Outcome};

use super::{KEPT, Story, reading, session};

fn exchange(presented: u64, successor: u64) -> Call {
    Call::Refresh {
        presented,
        successor: Some(successor),
        renewed: Some(session(0)),
    }
}

fn refused(op: &mut Op) {
    (op.outcome, op.status) = (Outcome::Fail, Some(401));
}

#[test]
fn one_token_with_two_successors_is_found() {
    let mut story = Story::new();
    story.add(0, &session(0), exchange(0, 1));
    story.add(0, &session(0), exchange(0, 1));
    assert_eq!(story.violations(), []);
    story.add(0, &session(0), exchange(0, 2));
    story.breaks(Kind::Session, "token 0 was exchanged for 2 heads");
}

#[test]
fn a_token_that_leads_to_another_session_is_found() {
    let mut story = Story::new();
    let stranger = Call::Refresh {
        presented: 0,
        successor: Some(1),
        renewed: Some("another".into()),
    };
    story.add(0, &session(0), stranger);
    story.breaks(Kind::Session, "its refresh token led to session another");
}

#[test]
fn a_session_is_dead_a_second_after_it_was_ended() {
    let mut story = Story::new();
    story.add(0, &session(0), Call::Logout);
    // Within the grace.
    story.add(0, KEPT, reading(10, 1));
    assert_eq!(story.violations(), []);
    let late = story.add(0, KEPT, reading(10, 1));
    late.t_invoke += 1_000_000;
    late.t_return = Some(late.t_invoke + 10);
    story.breaks(Kind::Session, "ms after the session had ended");
}

#[test]
fn a_refresh_token_is_dead_at_once() {
    let mut story = Story::new();
    story.add(0, &session(0), Call::Logout);
    story.add(0, &session(0), exchange(0, 1));
    story.breaks(Kind::Session, "after the session had ended");
}

#[test]
fn a_session_that_nobody_ended_must_not_be_refused() {
    let mut story = Story::new();
    refused(story.add(0, KEPT, reading(10, 1)));
    story.breaks(Kind::Session, "was refused while the session was alive");
}

#[test]
fn an_expired_token_and_one_that_a_lost_request_endangered_may_be_refused() {
    let mut story = Story::new();
    let late = story.add(0, KEPT, reading(10, 1));
    refused(late);
    late.t_invoke = 901_000_000;
    late.t_return = Some(901_000_010);
    assert_eq!(story.violations(), []);
    let mut story = Story::new();
    let lost = story.add(0, &session(0), exchange(0, 1));
    (lost.outcome, lost.t_return) = (Outcome::Info, None);
    refused(story.add(0, KEPT, reading(10, 1)));
    assert_eq!(story.violations(), []);
}
