//! Days of study in a learner's time zone, and the streaks they form.

use std::collections::{BTreeMap, BTreeSet};

use chrono::NaiveDate;

use crate::time::{TimeZone, Timestamp};

/// The length of a bucket in milliseconds: a quarter of an hour.
///
/// Since 2000 every time zone's offset from UTC is a whole number of quarter hours, so that each bucket
/// lies on one day in any of them.
pub const BUCKET_MILLIS: i64 = 15 * 60 * 1000;

/// What was studied in a quarter of an hour that begins at a whole multiple of it since the epoch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ActivityBucket {
    /// When it begins.
    pub start: Timestamp,
    /// Reviews that were not taken back.
    pub reviews: u32,
    /// Those of them that were not rated `again`.
    pub correct: u32,
    /// Words that were reviewed for the first time.
    pub new_words: u32,
}

/// What was studied on a day.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DayActivity {
    /// The day, in the learner's time zone.
    pub date: NaiveDate,
    /// Reviews that were not taken back.
    pub reviews: u32,
    /// Those of them that were not rated `again`.
    pub correct: u32,
    /// Words that were reviewed for the first time.
    pub new_words: u32,
}

/// Days of study in a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Streak {
    /// The days in a row up to today, or up to yesterday when today is still open.
    pub current: u32,
    /// The most days in a row ever.
    pub longest: u32,
}

/// Sums buckets by day; days without any are left out.
pub fn by_day(buckets: &[ActivityBucket], zone: TimeZone) -> Vec<DayActivity> {
    let mut days = BTreeMap::new();
    for bucket in buckets {
        let date = zone.day_of(bucket.start);
        let day = days.entry(date).or_insert(DayActivity {
            date,
            reviews: 0,
            correct: 0,
            new_words: 0,
        });
        day.reviews += bucket.reviews;
        day.correct += bucket.correct;
        day.new_words += bucket.new_words;
    }
    days.into_values().collect()
}

/// The streaks that these days of study form, seen from `today`.
pub fn streak(days: impl IntoIterator<Item = NaiveDate>, today: NaiveDate) -> Streak {
    let days: BTreeSet<NaiveDate> = days.into_iter().collect();
    let mut streak = Streak::default();
    let mut run = 0;
    let mut previous: Option<NaiveDate> = None;
    for day in days {
        let follows = previous.and_then(|previous| previous.succ_opt()) == Some(day);
        run = if follows { run + 1 } else { 1 };
        streak.longest = streak.longest.max(run);
        // A streak lives until the end of the following day.
        if day == today || day.succ_opt() == Some(today) {
            streak.current = run;
        }
        previous = Some(day);
    }
    streak
}

#[cfg(test)]
mod tests {
    use super::*;

    fn day(text: &str) -> NaiveDate {
        text.parse().unwrap()
    }

    fn streak_of(days: &[&str], today: &str) -> (u32, u32) {
        let streak = streak(days.iter().map(|text| day(text)), day(today));
        (streak.current, streak.longest)
    }

    #[test]
    fn no_days_no_streak() {
        assert_eq!(streak_of(&[], "2026-03-01"), (0, 0));
    }

    #[test]
    fn a_streak_lives_until_the_end_of_the_following_day() {
        let days = ["2026-02-27", "2026-02-28", "2026-03-01"];
        assert_eq!(streak_of(&days, "2026-03-01"), (3, 3));
        assert_eq!(streak_of(&days, "2026-03-02"), (3, 3));
        assert_eq!(streak_of(&days, "2026-03-03"), (0, 3));
    }

    #[test]
    fn the_longest_run_need_not_be_the_last_and_order_does_not_matter() {
        let days = [
            "2026-01-05",
            "2026-01-01",
            "2026-01-02",
            "2026-01-03",
            "2026-01-05",
        ];
        assert_eq!(streak_of(&days, "2026-01-05"), (1, 3));
    }

    #[test]
    fn a_day_is_that_of_the_learner() {
        let bucket = ActivityBucket {
            start: "2026-03-01T23:45:00Z".parse().unwrap(),
            reviews: 2,
            correct: 1,
            new_words: 1,
        };
        let date = |zone: &str| by_day(&[bucket], zone.parse().unwrap())[0].date;
        assert_eq!(date("UTC"), day("2026-03-01"));
        assert_eq!(date("Asia/Kathmandu"), day("2026-03-02"));
        assert_eq!(date("America/New_York"), day("2026-03-01"));
    }

    #[test]
    fn buckets_of_a_day_are_summed() {
        let at = |text: &str| ActivityBucket {
            start: text.parse().unwrap(),
            reviews: 1,
            correct: 1,
            new_words: 0,
        };
        let days = by_day(
            &[at("2026-03-01T08:00:00Z"), at("2026-03-01T20:15:00Z")],
            TimeZone::UTC,
        );
        assert_eq!(days.len(), 1);
        assert_eq!((days[0].reviews, days[0].correct), (2, 2));
    }
}
