//! Counters: statistics and activity are the sums over log and rows.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use chrono::{DateTime, Days, NaiveDate};

use super::clock::WallClock;
use super::merge::rows;
use super::{Kind, Violation};
use crate::history::{Call, DayActivity, Evidence, LoggedReview, StatsSeen, UserFinal};

/// The length of a bucket of activity, in milliseconds.
const BUCKET: i64 = 15 * 60_000;
/// A run touches no more days than these.
const MOST_DAYS: usize = 4;

/// Sums that are wrong.
pub(super) fn check(evidence: &Evidence) -> Vec<Violation> {
    let clock = WallClock::of(evidence);
    let mut fixed: HashMap<u32, Vec<i64>> = HashMap::new();
    for op in evidence.ops.iter().filter(|op| op.may_have_happened()) {
        if let Call::Put { .. } = op.call {
            let times = fixed.entry(op.user).or_default();
            times.push(clock.earliest(op.t_invoke));
            times.push(clock.latest(op.t_return.unwrap_or(op.t_invoke)));
        }
    }
    let mut found = Vec::new();
    for user in &evidence.finals {
        let fixed = fixed.get(&user.user).map_or(&[][..], Vec::as_slice);
        let mut faults = rows_faults(user);
        faults.extend(log_faults(user, fixed));
        faults.extend(activity_fault(user));
        let key = format!("u{:04}", user.user);
        found.extend(
            faults
                .into_iter()
                .map(|what| Violation::new(Kind::Counters, key.clone(), what)),
        );
    }
    found
}

/// What the rows add up to.
fn rows_faults(user: &UserFinal) -> Vec<String> {
    let stats = &user.stats;
    let count = |wanted: &dyn Fn(&crate::history::WordState) -> bool| -> u64 {
        rows(user).filter(|row| wanted(row)).count() as u64
    };
    let mut found = Vec::new();
    let mut expect = |name: &str, seen: u64, sum: u64| {
        if seen != sum {
            found.push(format!("{name} is {seen}, the rows give {sum}"));
        }
    };
    expect("totalWords", stats.total_words, count(&|_| true));
    expect(
        "studiedWords",
        stats.studied_words,
        count(&|row| row.study_count > 0),
    );
    expect("masteredWords", stats.mastered_words, count(&|row| row.mastered));
    let studied = rows(user).map(|row| row.study_count).sum();
    expect("totalStudyCount", stats.total_study_count, studied);
    let least = count(&|row| row.next_review <= stats.from);
    let most = count(&|row| row.next_review <= stats.to);
    if !(least..=most).contains(&stats.words_to_review_today) {
        let seen = stats.words_to_review_today;
        found.push(format!(
            "wordsToReviewToday is {seen}, the rows give {least} to {most}"
        ));
    }
    found.extend(mean_fault(user, stats));
    let odd = rows(user).find(|row| row.mastered != (row.confidence >= 0.8 || row.correct_count >= 3));
    found.extend(odd.map(|row| format!("{} is mastered: {}, against the rule", row.word, row.mastered)));
    found
}

#[expect(
    clippy::cast_precision_loss,
    reason = "a learner has far fewer words than 2^52"
)]
fn mean_fault(user: &UserFinal, stats: &StatsSeen) -> Option<String> {
    let total: f64 = rows(user).map(|row| row.confidence).sum();
    let mean = total / (rows(user).count().max(1) as f64);
    let seen = stats.average_confidence;
    ((seen - mean).abs() > 1e-6).then(|| format!("averageConfidence is {seen}, the rows give {mean}"))
}

/// What the log adds up to: reviews of the day, and streaks. `fixed`: when words were fixed, which may have
/// counted as study.
fn log_faults(user: &UserFinal, fixed: &[i64]) -> Vec<String> {
    let stats = &user.stats;
    let mut found = Vec::new();
    let todays = [stats.from, stats.to].map(|at| day_of(at, user.zone_minutes));
    let days: Vec<NaiveDate> = counted(user)
        .map(|review| day_of(bucket(review.at), user.zone_minutes))
        .collect();
    let today = todays.map(|today| days.iter().filter(|day| **day == today).count() as u64);
    if !today.contains(&stats.reviews_today) {
        found.push(format!(
            "reviewsToday is {}, the log gives {today:?}",
            stats.reviews_today
        ));
    }
    let seen = (stats.current_streak_days, stats.longest_streak_days);
    let by_reviews: BTreeSet<NaiveDate> = days.into_iter().collect();
    // Each day on which a word was fixed may count, or not.
    let mut variants = vec![by_reviews];
    let extra: BTreeSet<NaiveDate> = fixed.iter().map(|at| day_of(*at, user.zone_minutes)).collect();
    for day in extra.into_iter().take(MOST_DAYS) {
        let with_day = variants.iter().map(|days| days | &BTreeSet::from([day]));
        variants.extend(with_day.collect::<Vec<_>>());
    }
    let possible: BTreeSet<_> = todays
        .iter()
        .flat_map(|today| variants.iter().map(|days| streaks(days, *today)))
        .collect();
    if !possible.contains(&seen) {
        found.push(format!("the streaks are {seen:?}, the log gives {possible:?}"));
    }
    found
}

/// What was studied on each day, by the log.
fn activity_fault(user: &UserFinal) -> Option<String> {
    let mut days: BTreeMap<NaiveDate, DayActivity> = BTreeMap::new();
    let mut first: HashMap<&str, i64> = HashMap::new();
    for review in counted(user) {
        let at = first.entry(&review.word).or_insert(review.at);
        *at = review.at.min(*at);
        let day = day(&mut days, review.at, user.zone_minutes);
        day.reviews += 1;
        day.correct += u64::from(review.rating != "again");
    }
    for at in first.into_values() {
        day(&mut days, at, user.zone_minutes).new_words += 1;
    }
    let expected: Vec<DayActivity> = days.into_values().collect();
    (expected != user.activity)
        .then(|| format!("the activity is {:?}, the log gives {expected:?}", user.activity))
}

fn day(days: &mut BTreeMap<NaiveDate, DayActivity>, at: i64, zone_minutes: i32) -> &mut DayActivity {
    let date = day_of(bucket(at), zone_minutes);
    days.entry(date).or_insert_with(|| DayActivity {
        date: date.to_string(),
        reviews: 0,
        correct: 0,
        new_words: 0,
    })
}

fn counted(user: &UserFinal) -> impl Iterator<Item = &LoggedReview> {
    user.reviews.iter().filter(|review| !review.undone)
}

/// The beginning of the bucket that holds a time.
fn bucket(at: i64) -> i64 {
    at - at.rem_euclid(BUCKET)
}

fn day_of(at: i64, zone_minutes: i32) -> NaiveDate {
    let local = at + i64::from(zone_minutes) * 60_000;
    DateTime::from_timestamp_millis(local)
        .unwrap_or_default()
        .date_naive()
}

/// The run of days that ends today or yesterday, and the longest run.
fn streaks(days: &BTreeSet<NaiveDate>, today: NaiveDate) -> (u64, u64) {
    let before = |day: NaiveDate| day - Days::new(1);
    let run_to = |mut day: NaiveDate| {
        let mut length = 0;
        while days.contains(&day) {
            length += 1;
            day = before(day);
        }
        length
    };
    let current = match run_to(today) {
        0 => run_to(before(today)),
        length => length,
    };
    let ends = days.iter().filter(|day| !days.contains(&(**day + Days::new(1))));
    (current, ends.map(|day| run_to(*day)).max().unwrap_or(0))
}
