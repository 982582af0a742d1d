//! What a device sends: reviews, and counts that are fixed.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use chrono::DateTime;
use rand::Rng;
use reqwest::Method;
use serde_json::{Value, json};
use uuid::Uuid;

use super::Logged;
use crate::cluster::Request;

const RATINGS: [&str; 4] = ["again", "hard", "good", "easy"];
/// A day, in milliseconds.
const DAY: u64 = 86_400_000;
/// How long ago just now is, in milliseconds.
const JUST_NOW: u64 = 1_000;

/// A review.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Event {
    /// The id that the device chose.
    pub id: Uuid,
    /// The word.
    pub word: String,
    /// How well it was remembered.
    pub(super) rating: &'static str,
    at: i64,
}

impl Event {
    /// A review of a word, of just now or, now and then, of some time of the last day.
    pub fn random(rng: &mut impl Rng, word: String) -> Self {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let span = if rng.random_range(0..10) == 0 {
            DAY
        } else {
            JUST_NOW
        };
        let ago = Duration::from_millis(rng.random_range(0..span));
        let at = now.saturating_sub(ago).as_millis();
        Self {
            id: uuid::Builder::from_random_bytes(rng.random()).into_uuid(),
            word,
            rating: RATINGS[rng.random_range(0..RATINGS.len())],
            at: i64::try_from(at).unwrap_or(i64::MAX),
        }
    }

    /// The request that sends reviews.
    pub fn submission(events: &[Self]) -> Request {
        let reviews: Vec<Value> = events.iter().map(Self::body).collect();
        Request::post("/reviews", json!({ "reviews": reviews }))
    }

    /// Whether a review in the log is this one.
    pub(super) fn is_logged_as(&self, review: &Logged) -> bool {
        self.word == review.word && self.rating == review.rating
    }

    fn body(&self) -> Value {
        let at = DateTime::from_timestamp_millis(self.at).unwrap_or_default();
        json!({
            "id": self.id,
            "wordId": self.word,
            "rating": self.rating,
            "reviewedAt": at.to_rfc3339_opts(chrono::SecondsFormat::Millis, true),
        })
    }
}

/// The request that fixes a word's count.
pub fn fix(word: &str, count: u64) -> Request {
    Request::new(Method::PUT, &format!("/progress/{word}")).body(json!({ "studyCount": count }))
}
