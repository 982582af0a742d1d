//! The schedule of reviews: FSRS-6 with its default weights.
//!
//! Source: the `fsrs` crate of open-spaced-repetition. Stability and difficulty are rounded to 4 decimals
//! after each step, and the interval follows from the rounded stability, so that another language's
//! implementation comes to the same states.

use std::sync::LazyLock;

use chrono::TimeDelta;
use fsrs::{FSRS, MemoryState};

use super::Rating;
use crate::time::Timestamp;

/// The retention that learners want unless they say otherwise.
pub const DEFAULT_RETENTION: f64 = 0.9;

const SECONDS_PER_DAY: i64 = 86_400;
/// FSRS-6 with its default weights.
static MODEL: LazyLock<FSRS> = LazyLock::new(FSRS::default);
/// The longest interval, in days: a hundred years.
const MAX_INTERVAL_DAYS: f64 = 36_500.0;
/// The stability, in days, at which a word counts as mature.
const MATURE_STABILITY: f64 = 21.0;

/// What FSRS knows of a word.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Memory {
    /// The days until the chance to remember it falls to 90 %, rounded to 4 decimals.
    pub stability: f64,
    /// How hard it is, 1 to 10, rounded to 4 decimals.
    pub difficulty: f64,
    /// When it was last reviewed.
    pub last_review: Timestamp,
    /// How often it was rated `again` after its first review.
    pub lapses: u32,
}

/// The memory after a review, and when the next one is due.
pub(super) fn review(
    memory: Option<&Memory>,
    rating: Rating,
    at: Timestamp,
    retention: f64,
) -> (Memory, Timestamp) {
    let model = &*MODEL;
    let before = memory.map(|memory| MemoryState {
        stability: to_f32(memory.stability),
        difficulty: to_f32(memory.difficulty),
    });
    let days = memory.map_or(0, |memory| whole_days(memory.last_review, at));
    let retention = to_f32(retention);
    let after = model.next_states(before, retention, days).map_or_else(
        // FSRS refuses only states that are not finite, which rounding has kept out of the log.
        |_| {
            before.unwrap_or(MemoryState {
                stability: 0.001,
                difficulty: 5.0,
            })
        },
        |states| match rating {
            Rating::Again => states.again.memory,
            Rating::Hard => states.hard.memory,
            Rating::Good => states.good.memory,
            Rating::Easy => states.easy.memory,
        },
    );
    let lapsed = memory.is_some() && !rating.is_correct();
    let next = Memory {
        stability: round_to_4(after.stability),
        difficulty: round_to_4(after.difficulty),
        last_review: at,
        lapses: memory.map_or(0, |memory| memory.lapses) + u32::from(lapsed),
    };
    let interval = model.next_interval(Some(to_f32(next.stability)), retention, rating as u32);
    (next, at + days_from(f64::from(interval), MAX_INTERVAL_DAYS))
}

/// The confidence that a stability stands for: 0.8, the threshold of mastery, at 21 days.
pub(super) fn confidence(stability: f64) -> f64 {
    (0.8 * stability / MATURE_STABILITY).min(1.0)
}

/// When to review a word whose confidence was set by hand: after `round(1 + 29·confidence²)` days.
pub(super) fn next_review_by_confidence(at: Timestamp, confidence: f64) -> Timestamp {
    at + days_from(1.0 + 29.0 * confidence * confidence, 30.0)
}

fn whole_days(from: Timestamp, to: Timestamp) -> u32 {
    let days = (to - from).num_seconds() / SECONDS_PER_DAY;
    u32::try_from(days.max(0)).unwrap_or(u32::MAX)
}

#[expect(
    clippy::cast_possible_truncation,
    reason = "clamped to whole days far inside i64"
)]
fn days_from(days: f64, most: f64) -> TimeDelta {
    TimeDelta::seconds(days.round().clamp(1.0, most) as i64 * SECONDS_PER_DAY)
}

#[expect(
    clippy::cast_possible_truncation,
    reason = "FSRS computes in single precision"
)]
fn to_f32(value: f64) -> f32 {
    value as f32
}

fn round_to_4(value: f32) -> f64 {
    (f64::from(value) * 10_000.0).round() / 10_000.0
}

#[cfg(test)]
mod tests {
    use super::*;

    const RATINGS: [Rating; 6] = [
        Rating::Again,
        Rating::Good,
        Rating::Good,
        Rating::Good,
        Rating::Good,
        Rating::Good,
    ];

    fn run(reviews: &[(Rating, i64)]) -> (Memory, Timestamp) {
        let mut at: Timestamp = "2026-01-01T00:00:00Z".parse().unwrap();
        let mut last = None;
        for (rating, days) in reviews {
            at += TimeDelta::days(*days);
            last = Some(review(last.as_ref().map(|(memory, _)| memory), *rating, at, 0.9));
        }
        last.unwrap()
    }

    fn close(actual: f64, expected: f64, within: f64) {
        assert!((actual - expected).abs() < within, "{actual} is not {expected}");
    }

    /// `src/inference.rs`, `test_memory_state`, of fsrs-rs 6.6, and `tests/test_basic.py`, `test_memo_state`, of
    /// py-fsrs 6: stability 53.62691, difficulty 6.3574867. Rounding at each step moves the last digits.
    #[test]
    fn the_reference_history_gives_the_reference_memory() {
        let history: Vec<_> = RATINGS.into_iter().zip([0, 0, 1, 3, 8, 21]).collect();
        let (memory, _) = run(&history);
        close(memory.stability, 53.62691, 5e-3);
        close(memory.difficulty, 6.357_486_7, 5e-4);
    }

    /// The first states of the example of `FSRS::next_states` in fsrs-rs 6.6.
    #[test]
    fn the_first_rating_gives_the_reference_memory() {
        for (rating, stability, difficulty, days) in [
            (Rating::Again, 0.212, 6.4133, 1),
            (Rating::Hard, 1.2931, 5.1122, 1),
            (Rating::Good, 2.3065, 2.1181, 2),
            (Rating::Easy, 8.2956, 1.0, 8),
        ] {
            let (memory, next) = run(&[(rating, 0)]);
            close(memory.stability, stability, 1e-9);
            close(memory.difficulty, difficulty, 1e-9);
            assert_eq!((next - memory.last_review).num_days(), days, "{rating:?}");
        }
    }

    /// `tests/test_basic.py`, `test_review_card`, of py-fsrs 6 with the learning steps left out: what is due is
    /// reviewed `good` on its day.
    #[test]
    fn good_reviews_on_their_day_grow_as_in_the_reference() {
        let mut at: Timestamp = "2022-11-29T12:30:00Z".parse().unwrap();
        let mut memory = None;
        let mut intervals = Vec::new();
        for _ in 0..5 {
            let (next, due) = review(memory.as_ref(), Rating::Good, at, 0.9);
            intervals.push((due - at).num_days());
            (memory, at) = (Some(next), due);
        }
        assert_eq!(intervals, [2, 11, 46, 163, 497]);
    }

    #[test]
    fn a_review_within_the_day_counts_no_day() {
        let at: Timestamp = "2026-01-01T00:00:00Z".parse().unwrap();
        let (first, _) = review(None, Rating::Good, at, 0.9);
        let late = at + TimeDelta::seconds(86_399);
        let (same_day, _) = review(Some(&first), Rating::Good, late, 0.9);
        let (next_day, _) = review(Some(&first), Rating::Good, late + TimeDelta::seconds(1), 0.9);
        assert!(next_day.stability > same_day.stability);
    }

    #[test]
    fn only_forgetting_what_was_reviewed_before_is_a_lapse() {
        assert_eq!(run(&[(Rating::Again, 0)]).0.lapses, 0);
        assert_eq!(
            run(&[(Rating::Good, 0), (Rating::Again, 3), (Rating::Again, 1)])
                .0
                .lapses,
            2
        );
    }

    #[test]
    fn confidence_set_by_hand_gives_one_to_thirty_days() {
        let at: Timestamp = "2026-01-01T00:00:00Z".parse().unwrap();
        for (confidence, days) in [(0.0, 1), (0.5, 8), (0.8, 20), (1.0, 30)] {
            assert_eq!((next_review_by_confidence(at, confidence) - at).num_days(), days);
        }
    }

    #[test]
    fn a_stability_of_21_days_is_mastery() {
        close(confidence(21.0), 0.8, 1e-12);
        close(confidence(400.0), 1.0, 1e-12);
    }
}
