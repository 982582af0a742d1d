//! The bodies of progress requests: what they should look like, and what is read of them.

use apistos::ApiComponent;
use chrono::{DateTime, NaiveDate, Timelike};
use parlance_domain::ids::EventId;
use parlance_domain::progress::{NewSet, Precondition, Rating, Reviewed, SetProgress};
use parlance_domain::time::{Timestamp, from_epoch_millis};
use schemars::JsonSchema;
use schemars::r#gen::SchemaGenerator;
use schemars::schema::Schema;
use serde::Deserialize;
use validator::Validate;

use super::loose::{Items, Object, Scalar};
use crate::error::ApiError;
use crate::fields::{Fault, Faults, one_of, review_id};

/// What fixes members of a word's progress; what it does not carry stays.
#[derive(Debug, Deserialize, JsonSchema, ApiComponent, Validate)]
#[serde(rename_all = "camelCase")]
#[schemars(rename = "SetProgress")]
pub(super) struct SetBody {
    /// How often it was studied.
    #[schemars(
        with = "Option<u32>",
        range(min = 0, max = 2_147_483_647),
        example = "example_count"
    )]
    study_count: Scalar,
    /// How often it was remembered.
    #[schemars(
        with = "Option<u32>",
        range(min = 0, max = 2_147_483_647),
        example = "example_count"
    )]
    correct_count: Scalar,
    /// How well it is known; fixes the next review too.
    #[schemars(with = "Option<f64>", range(min = 0, max = 1), example = "example_confidence")]
    confidence: Scalar,
}

/// One word of a batch.
#[derive(Debug, Deserialize, JsonSchema, ApiComponent, Validate)]
#[serde(rename_all = "camelCase")]
#[schemars(rename = "ProgressUpdate")]
pub(super) struct UpdateBody {
    /// The word.
    #[schemars(
        with = "String",
        regex(pattern = "^[A-Za-z0-9._:-]{1,64}$"),
        example = "example_word_id"
    )]
    word_id: Scalar,
    /// How often it was studied.
    #[schemars(
        with = "Option<u32>",
        range(min = 0, max = 2_147_483_647),
        example = "example_count"
    )]
    study_count: Scalar,
    /// How often it was remembered.
    #[schemars(
        with = "Option<u32>",
        range(min = 0, max = 2_147_483_647),
        example = "example_count"
    )]
    correct_count: Scalar,
    /// How well it is known; fixes the next review too.
    #[schemars(with = "Option<f64>", range(min = 0, max = 1), example = "example_confidence")]
    confidence: Scalar,
}

/// Words whose progress is fixed together, in this order, all or none.
#[derive(Debug, Deserialize, JsonSchema, ApiComponent, Validate)]
#[schemars(rename = "ProgressBatch")]
pub(super) struct BatchBody {
    /// The words.
    #[schemars(with = "Vec<UpdateBody>", length(min = 1, max = 1000))]
    updates: Items<UpdateBody>,
}

/// A review that was seen to happen.
#[derive(Debug, Deserialize, JsonSchema, ApiComponent, Validate)]
#[serde(rename_all = "camelCase")]
#[schemars(rename = "NewReview")]
pub(super) struct NewReviewBody {
    /// An id chosen by whoever saw it happen, best a UUIDv7; the first review of an id wins.
    #[schemars(with = "uuid::Uuid", example = "example_review_id")]
    id: Scalar,
    /// The word.
    #[schemars(
        with = "String",
        regex(pattern = "^[A-Za-z0-9._:-]{1,64}$"),
        example = "example_word_id"
    )]
    word_id: Scalar,
    /// How well it was remembered.
    #[schemars(schema_with = "rating_schema", example = "example_rating")]
    rating: Scalar,
    /// When, in RFC 3339, from the year 2000; more than 5 minutes ahead of the server it is taken as the
    /// time of arrival.
    #[schemars(with = "Timestamp", example = "example_time")]
    reviewed_at: Scalar,
    /// How long it took, in milliseconds.
    #[schemars(
        with = "Option<u32>",
        range(min = 0, max = 86_400_000),
        example = "example_duration"
    )]
    duration_ms: Scalar,
    /// The device it happened on: 1 to 64 visible characters.
    #[schemars(
        with = "Option<String>",
        length(min = 1, max = 64),
        example = "example_device"
    )]
    device_id: Scalar,
}

/// Reviews, in any order.
#[derive(Debug, Deserialize, JsonSchema, ApiComponent, Validate)]
#[schemars(rename = "ReviewBatch")]
pub(super) struct ReviewsBody {
    /// The reviews.
    #[schemars(with = "Vec<NewReviewBody>", length(min = 1, max = 1000))]
    reviews: Items<NewReviewBody>,
}

impl SetBody {
    /// The members it fixes.
    pub(super) fn read(&self) -> Result<NewSet, ApiError> {
        let mut faults = Faults::default();
        let members = [&self.study_count, &self.correct_count, &self.confidence];
        let set = read_set(&mut faults, &str::to_owned, members);
        faults.finish(set)
    }
}

impl BatchBody {
    /// The commands, in the order sent.
    pub(super) fn read(&self) -> Result<Vec<SetProgress>, ApiError> {
        let mut faults = Faults::default();
        let updates = faults.take("updates", self.updates.get()).unwrap_or_default();
        let mut commands = Vec::with_capacity(updates.len());
        for (index, update) in updates.iter().enumerate() {
            commands.extend(read_update(&mut faults, index, update));
        }
        faults.finish(Some(commands))
    }
}

impl ReviewsBody {
    /// The commands, in the order sent.
    pub(super) fn read(&self) -> Result<Vec<Reviewed>, ApiError> {
        let mut faults = Faults::default();
        let reviews = faults.take("reviews", self.reviews.get()).unwrap_or_default();
        let mut commands = Vec::with_capacity(reviews.len());
        for (index, review) in reviews.iter().enumerate() {
            commands.extend(read_review(&mut faults, index, review));
        }
        faults.finish(Some(commands))
    }
}

fn read_set(faults: &mut Faults, at: &impl Fn(&str) -> String, members: [&Scalar; 3]) -> Option<NewSet> {
    let [study_count, correct_count, confidence] = members;
    let study_count = faults.take_at(|| at("studyCount"), study_count.count());
    let correct_count = faults.take_at(|| at("correctCount"), correct_count.count());
    let confidence = faults.take_at(|| at("confidence"), confidence.confidence());
    Some(NewSet {
        study_count: study_count?,
        correct_count: correct_count?,
        confidence: confidence?,
        precondition: Precondition::default(),
    })
}

fn read_update(faults: &mut Faults, index: usize, update: &Object<UpdateBody>) -> Option<SetProgress> {
    let update = faults.take_at(|| format!("updates[{index}]"), update.get())?;
    let at = |member: &str| format!("updates[{index}].{member}");
    let word_id = faults.take_at(|| at("wordId"), update.word_id.word_id());
    let members = [&update.study_count, &update.correct_count, &update.confidence];
    let set = read_set(faults, &at, members);
    Some(SetProgress {
        word_id: word_id?,
        set: set?,
    })
}

fn read_review(faults: &mut Faults, index: usize, review: &Object<NewReviewBody>) -> Option<Reviewed> {
    let review = faults.take_at(|| format!("reviews[{index}]"), review.get())?;
    let at = |member: &str| format!("reviews[{index}].{member}");
    let id = faults.take_at(|| at("id"), read_id(&review.id));
    let word_id = faults.take_at(|| at("wordId"), review.word_id.word_id());
    let rating = faults.take_at(|| at("rating"), read_rating(&review.rating));
    let reviewed_at = faults.take_at(|| at("reviewedAt"), read_instant(&review.reviewed_at));
    let duration_ms = faults.take_at(|| at("durationMs"), review.duration_ms.duration_ms());
    let device_id = faults.take_at(|| at("deviceId"), read_device(&review.device_id));
    Some(Reviewed {
        id: id?,
        word_id: word_id?,
        rating: rating?,
        reviewed_at: reviewed_at?,
        duration_ms: duration_ms?,
        device_id: device_id?,
    })
}

fn read_id(member: &Scalar) -> Result<EventId, Fault> {
    review_id(member.required_text()?)
}

fn read_rating(member: &Scalar) -> Result<Rating, Fault> {
    const FAULT: Fault = Fault::new("format", "must be one of again, hard, good and easy");
    member.required_text()?.parse().map_err(|_| FAULT)
}

fn read_device(member: &Scalar) -> Result<Option<String>, Fault> {
    const FAULT: Fault = Fault::new("format", "must be 1 to 64 visible characters");
    let visible = |text: &str| text.chars().all(|c| !c.is_control() && !c.is_whitespace());
    match member.text()? {
        Some(text) if (1..=64).contains(&text.chars().count()) && visible(text) => Ok(Some(text.to_owned())),
        Some(_) => Err(FAULT),
        None => Ok(None),
    }
}

/// An instant in RFC 3339 from the year 2000 on, cut to milliseconds.
fn read_instant(member: &Scalar) -> Result<Timestamp, Fault> {
    const FORMAT: Fault = Fault::new(
        "format",
        "must be a time in RFC 3339, such as 2026-03-01T08:15:00.000Z",
    );
    const RANGE: Fault = Fault::new("range", "must not be before the year 2000");
    let text = member.required_text()?;
    // No form of RFC 3339 with a fraction that means anything is longer; what is must not be parsed.
    let parsed = (text.len() <= 40).then(|| DateTime::parse_from_rfc3339(text).ok());
    let instant = parsed.flatten().ok_or(FORMAT)?;
    if instant.nanosecond() >= 1_000_000_000 {
        // A leap second, which no other clock of the system can tell.
        return Err(FORMAT);
    }
    let earliest = NaiveDate::from_ymd_opt(2000, 1, 1).unwrap_or_default();
    from_epoch_millis(instant.timestamp_millis())
        .filter(|instant| instant.date_naive() >= earliest)
        .ok_or(RANGE)
}

fn example_count() -> u32 {
    3
}

fn example_confidence() -> f64 {
    0.5
}

fn example_word_id() -> &'static str {
    "zh-00001"
}

fn example_review_id() -> &'static str {
    "01932f6e-7a2b-7c3d-8e4f-5a6b7c8d9e0f"
}

/// The description of a rating.
pub(super) fn rating_schema(_: &mut SchemaGenerator) -> Schema {
    one_of(&["again", "hard", "good", "easy"])
}

fn example_rating() -> &'static str {
    "good"
}

fn example_time() -> &'static str {
    "2026-03-01T08:15:00.000Z"
}

fn example_duration() -> u32 {
    2400
}

fn example_device() -> &'static str {
    "phone-1"
}

#[cfg(test)]
mod tests {
    use super::*;

    fn instant(text: &str) -> Result<Timestamp, Fault> {
        read_instant(&Scalar::Text(text.to_owned()))
    }

    fn device(text: &str) -> Result<Option<String>, Fault> {
        read_device(&Scalar::Text(text.to_owned()))
    }

    #[test]
    fn threat_47_odd_times_are_refused_and_none_panics() {
        for text in [
            "",
            "yesterday",
            "2026-03-01",
            "2026-03-01T08:15:00",
            "2026-02-30T00:00:00Z",
            "2016-12-31T23:59:60Z",
            "-001-01-01T00:00:00Z",
            "+10000-01-01T00:00:00Z",
            "2026-03-01T24:00:00Z",
            "2026-03-01T08:15:00+99:00",
            "Sun, 01 Mar 2026 08:15:00 GMT",
            "1772352900000",
        ] {
            assert_eq!(instant(text).unwrap_err().code, "format", "{text}");
        }
        for text in [
            "0000-01-01T00:00:00Z",
            "1970-01-01T00:00:00Z",
            "1999-12-31T23:59:59.999Z",
            "2000-01-01T00:00:00+01:00",
        ] {
            assert_eq!(instant(text).unwrap_err().code, "range", "{text}");
        }
        for text in [
            "2000-01-01T00:00:00Z",
            "9999-12-31T23:59:59.999999999-23:59",
            "2026-03-01T08:15:00.1234567+05:45",
        ] {
            assert!(instant(text).is_ok(), "{text}");
        }
        let nested = "(".repeat(10_000);
        assert!(instant(&format!("2026-03-01T08:15:00Z{nested}")).is_err());
    }

    #[test]
    fn times_are_cut_to_milliseconds() {
        let at = instant("2026-03-01T08:15:00.123999Z").unwrap();
        assert_eq!(at.timestamp_millis() % 1000, 123);
        assert_eq!(at.nanosecond() % 1_000_000, 0);
    }

    #[test]
    fn a_device_id_is_visible_and_not_too_long() {
        assert_eq!(device("телефон"), Ok(Some("телефон".to_owned())));
        assert!(device(&"x".repeat(64)).is_ok());
        for text in ["", "a b", "a\0b", "a\nb", "\u{7f}", &"x".repeat(65)] {
            assert!(device(text).is_err(), "{text:?}");
        }
    }

    #[test]
    fn every_bad_field_of_a_batch_is_named() {
        let body: BatchBody = serde_json::from_str(
            r#"{"updates": [{"wordId": "ok"}, {"wordId": "a b", "studyCount": "1", "confidence": 2}, 3, {}]}"#,
        )
        .unwrap();
        let error = body.read().unwrap_err();
        let fields: Vec<_> = error
            .fields()
            .iter()
            .map(|field| (field.field.as_str(), field.code.as_str()))
            .collect();
        assert_eq!(
            fields,
            [
                ("updates[1].wordId", "format"),
                ("updates[1].studyCount", "type"),
                ("updates[1].confidence", "range"),
                ("updates[2]", "type"),
                ("updates[3].wordId", "required"),
            ]
        );
    }

    #[test]
    fn every_bad_field_of_a_review_is_named() {
        let body: ReviewsBody = serde_json::from_str(
            r#"{"reviews": [{"id": "x", "wordId": 1, "rating": "great", "reviewedAt": 5, "durationMs": -1, "deviceId": ""}]}"#,
        )
        .unwrap();
        assert_eq!(body.read().unwrap_err().fields().len(), 6);
    }
}
