//! How a breaker opens, rests and closes.

use std::io;
use std::sync::Arc;

use parlance_contract::fakes::TestElapsed;

use super::*;

const CONFIG: BreakerConfig = BreakerConfig::new("test");

fn breaker() -> (Breaker, Arc<TestElapsed>) {
    let time = Arc::new(TestElapsed::default());
    let told = Arc::clone(&time);
    (
        Breaker::with_clock(CONFIG, Arc::new(move || told.elapsed())),
        time,
    )
}

fn failure(kind: PortErrorKind) -> Result<(), PortError> {
    Err(PortError::new("Cache", kind, io::Error::other("gone")))
}

fn note(breaker: &Breaker, result: &Result<(), PortError>) {
    breaker.enter().expect("the call may be made").note(result);
}

fn fail(breaker: &Breaker, times: u32) {
    for _ in 0..times {
        note(breaker, &failure(PortErrorKind::Timeout));
    }
}

/// Longer than any rest of this length is.
fn rested(rest: Duration) -> Duration {
    rest * 13 / 10
}

#[test]
fn it_opens_after_so_many_failures_in_a_row() {
    let (breaker, _) = breaker();
    fail(&breaker, 2);
    note(&breaker, &Ok(()));
    fail(&breaker, 2);
    assert_eq!(breaker.state(), CircuitState::Closed);
    fail(&breaker, 1);
    assert_eq!(breaker.state(), CircuitState::Open);
    assert!(breaker.enter().is_none());
}

#[test]
fn threat_63_while_half_open_one_call_is_tried() {
    let (breaker, time) = breaker();
    fail(&breaker, 3);
    time.advance(CONFIG.rest * 7 / 10);
    assert!(breaker.enter().is_none());
    time.advance(CONFIG.rest);
    let trial = breaker.enter().unwrap();
    assert_eq!(breaker.state(), CircuitState::HalfOpen);
    assert!((0..100).all(|_| breaker.enter().is_none()));
    trial.note(&Ok(()));
    assert_eq!(breaker.state(), CircuitState::Closed);
    // Failures are counted anew.
    fail(&breaker, 2);
    assert_eq!(breaker.state(), CircuitState::Closed);
}

#[test]
fn a_first_rest_is_a_little_longer_and_a_longest_a_little_shorter_so_that_copies_come_back_apart() {
    let instant = Duration::from_millis(1);
    let (mut first, mut longest) = (Vec::new(), Vec::new());
    for _ in 0..200 {
        let (breaker, time) = breaker();
        let rest_of = || {
            let began = time.elapsed();
            while breaker.enter().is_none() {
                time.advance(instant);
            }
            time.elapsed().saturating_sub(began)
        };
        fail(&breaker, 3);
        first.push(rest_of());
        for _ in 0..2 {
            fail(&breaker, 1);
            time.advance(CONFIG.longest_rest);
        }
        fail(&breaker, 1);
        longest.push(rest_of());
    }
    let within = |rests: &[Duration], least: Duration, most: Duration| {
        let is_within = |rest: &Duration| (least..=most + instant).contains(rest);
        rests.iter().all(is_within) && rests.iter().any(|rest| *rest != rests[0])
    };
    assert!(within(&first, CONFIG.rest, CONFIG.rest * 6 / 5), "{first:?}");
    let most = CONFIG.longest_rest;
    assert!(within(&longest, most * 4 / 5, most), "{longest:?}");
}

#[test]
fn a_trial_that_fails_makes_the_rest_longer_up_to_a_bound() {
    let (breaker, time) = breaker();
    fail(&breaker, 3);
    let mut rest = CONFIG.rest;
    for _ in 0..6 {
        time.advance(rested(rest));
        fail(&breaker, 1);
        rest = (rest * 2).min(CONFIG.longest_rest);
        time.advance(rest * 7 / 10);
        assert!(breaker.enter().is_none());
    }
    time.advance(CONFIG.longest_rest * 6 / 10);
    assert!(breaker.enter().is_some());
}

#[test]
fn threat_63_what_fails_as_soon_as_it_worked_is_left_alone_for_longer() {
    let (breaker, time) = breaker();
    let mut changes = 0;
    let mut before = breaker.state();
    // A minute in which every call but those tried fails.
    for _ in 0..600 {
        time.advance(Duration::from_millis(100));
        if let Some(permit) = breaker.enter() {
            let is_trial = permit.is_trial;
            permit.note(&if is_trial {
                Ok(())
            } else {
                failure(PortErrorKind::Unavailable)
            });
        }
        changes += u32::from(breaker.state() != before);
        before = breaker.state();
    }
    assert!(changes <= 2 * 60 / 4, "{changes}");
}

#[test]
fn a_trial_that_is_given_up_leaves_room_for_the_next() {
    let (breaker, time) = breaker();
    fail(&breaker, 3);
    time.advance(rested(CONFIG.rest));
    drop(breaker.enter().unwrap());
    assert_eq!(breaker.state(), CircuitState::HalfOpen);
    note(&breaker, &Ok(()));
    assert_eq!(breaker.state(), CircuitState::Closed);
}

#[test]
fn calls_from_before_it_opened_change_nothing() {
    let (breaker, time) = breaker();
    let (early, late) = (breaker.enter().unwrap(), breaker.enter().unwrap());
    fail(&breaker, 3);
    early.note(&Ok(()));
    assert_eq!(breaker.state(), CircuitState::Open);
    time.advance(rested(CONFIG.rest));
    let _trial = breaker.enter().unwrap();
    late.note(&failure(PortErrorKind::Timeout));
    assert_eq!(breaker.state(), CircuitState::HalfOpen);
}

#[test]
fn an_answer_about_its_owner_is_no_failure() {
    let (breaker, _) = breaker();
    for _ in 0..10 {
        note(&breaker, &failure(PortErrorKind::OwnerGone));
    }
    assert_eq!(breaker.state(), CircuitState::Closed);
}

#[test]
fn each_change_is_logged_once() {
    let lines = crate::tests::lines_of(|| {
        let (breaker, time) = breaker();
        fail(&breaker, 3);
        for _ in 0..5 {
            time.advance(rested(CONFIG.longest_rest));
            fail(&breaker, 1);
            assert!(breaker.enter().is_none());
        }
        time.advance(rested(CONFIG.longest_rest));
        note(&breaker, &Ok(()));
        note(&breaker, &Ok(()));
    });
    assert_eq!(lines.len(), 2, "{lines:?}");
    assert!(lines[0].contains("WARN") && lines[0].contains("left alone") && lines[0].contains("gone"));
    assert!(lines[1].contains("INFO") && lines[1].contains("works again"));
}

#[test]
fn threat_74_the_time_of_a_breaker_is_monotonic() {
    // `Instant` cannot be set, unlike the wall clock; nothing else tells a breaker the time.
    let breaker = Breaker::new(CONFIG);
    let instants: Vec<_> = (0..1_000).map(|_| (breaker.elapsed)()).collect();
    assert!(instants.is_sorted() && instants[0] < Duration::from_mins(1));
}

fn provider_breaker() -> (Breaker, Arc<TestElapsed>) {
    let time = Arc::new(TestElapsed::default());
    let told = Arc::clone(&time);
    let config = BreakerConfig::of_provider("test");
    let breaker = Breaker::with_clock(config, Arc::new(move || told.elapsed()));
    (breaker, time)
}

#[test]
fn it_opens_when_half_of_the_calls_of_late_fail() {
    let (breaker, time) = provider_breaker();
    for _ in 0..100 {
        note(&breaker, &Ok(()));
    }
    fail(&breaker, 99);
    assert_eq!(breaker.state(), CircuitState::Closed);
    time.advance(Duration::from_secs(31));
    note(&breaker, &Ok(()));
    fail(&breaker, 8);
    assert_eq!(breaker.state(), CircuitState::Closed, "nine calls tell nothing");
    assert_eq!(breaker.left_alone_for(), None);
    fail(&breaker, 1);
    assert_eq!(breaker.state(), CircuitState::Open);
    let left = breaker.left_alone_for().unwrap();
    assert!((24..=36).contains(&left.as_secs()), "{left:?}");
    time.advance(left);
    assert_eq!(breaker.left_alone_for(), None);
    note(&breaker, &Ok(()));
    // What was before it opened is forgotten.
    fail(&breaker, 9);
    assert_eq!(breaker.state(), CircuitState::Closed);
}

/// The instants at which a breaker changed within ten minutes, with ten calls a second.
fn changes(is_well: impl Fn(u32, bool) -> bool) -> Vec<Duration> {
    let (breaker, time) = provider_breaker();
    let (mut changes, mut before, mut called) = (Vec::new(), breaker.state(), 0);
    for _ in 0..6_000 {
        time.advance(Duration::from_millis(100));
        if let Some(permit) = breaker.enter() {
            called += 1;
            let is_trial = permit.is_trial;
            permit.note(&if is_well(called, is_trial) {
                Ok(())
            } else {
                failure(PortErrorKind::Unavailable)
            });
        }
        if breaker.state() != before {
            changes.push(time.elapsed());
        }
        before = breaker.state();
    }
    changes
}

#[test]
fn threat_63_a_provider_that_comes_and_goes_changes_its_state_twice_a_minute_at_most() {
    let alternates = changes(|called, _| called % 2 == 0);
    let well_when_tried = changes(|_, is_trial| is_trial);
    for changes in [alternates, well_when_tried] {
        assert!((3..=20).contains(&changes.len()), "{changes:?}");
        // In any three minutes, beginning with the first failure.
        for (number, first) in changes.iter().enumerate() {
            let end = *first + Duration::from_mins(3);
            let within = changes[number..].iter().filter(|change| **change < end).count();
            assert!(within <= 6, "{changes:?}");
        }
    }
}

#[test]
fn fault_20_a_steady_half_of_failures_opens_it_within_ten_seconds() {
    let (breaker, time) = provider_breaker();
    // Five calls a second that are well, for a minute.
    for _ in 0..300 {
        time.advance(Duration::from_millis(200));
        note(&breaker, &Ok(()));
    }
    let began = time.elapsed();
    while breaker.state() == CircuitState::Closed {
        time.advance(Duration::from_millis(200));
        note(&breaker, &Ok(()));
        time.advance(Duration::from_millis(200));
        fail(&breaker, 1);
    }
    let took = time.elapsed().saturating_sub(began);
    assert!(took <= Duration::from_secs(10), "{took:?}");
}

#[test]
fn fault_20_a_provider_that_is_well_is_tried_within_a_minute() {
    for _ in 0..100 {
        let (breaker, time) = provider_breaker();
        fail(&breaker, 10);
        for _ in 0..4 {
            let left = breaker.left_alone_for().unwrap();
            assert!(left <= Duration::from_mins(1), "{left:?}");
            time.advance(left);
            fail(&breaker, 1);
        }
    }
}

#[test]
fn a_provider_that_was_well_for_a_while_is_left_alone_as_at_first() {
    let (breaker, time) = provider_breaker();
    fail(&breaker, 10);
    for (well_for, longest) in [(59, 120), (121, 36)] {
        time.advance(breaker.left_alone_for().unwrap());
        note(&breaker, &Ok(()));
        time.advance(Duration::from_secs(well_for));
        fail(&breaker, 10);
        let left = breaker.left_alone_for().unwrap().as_secs();
        assert!((longest * 2 / 3..=longest).contains(&left), "{left}");
    }
}
