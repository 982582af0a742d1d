//! Reads single fields and gathers what is wrong with them, so that every bad one is reported at once.

use parlance_domain::accounts::LanguageTag;
use parlance_domain::ids::{EventId, ListId, UserId, WordId};
use schemars::schema::{InstanceType, Schema, SchemaObject};

use crate::error::{ApiError, FieldError};

/// What is wrong with a field.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Fault {
    /// The kind, for programs: `required`, `type`, `format`, `range` or `length`.
    pub(crate) code: &'static str,
    /// A sentence a person can read.
    pub(crate) message: &'static str,
}

impl Fault {
    /// A fault of this kind.
    pub(crate) const fn new(code: &'static str, message: &'static str) -> Self {
        Self { code, message }
    }
}

/// Gathers what is wrong with the fields of a request.
#[derive(Debug, Default)]
pub(crate) struct Faults(Vec<FieldError>);

impl Faults {
    /// Keeps a field's value, or notes what is wrong with it.
    pub(crate) fn take<T>(&mut self, field: &str, read: Result<T, Fault>) -> Option<T> {
        self.take_at(|| field.to_owned(), read)
    }

    /// The same for a field whose name has to be put together.
    pub(crate) fn take_at<T>(&mut self, field: impl FnOnce() -> String, read: Result<T, Fault>) -> Option<T> {
        match read {
            Ok(value) => Some(value),
            Err(Fault { code, message }) => {
                self.0.push(FieldError::new(field(), code, message));
                None
            }
        }
    }

    /// Goes on with what was read, unless something was wrong.
    pub(crate) fn finish<T>(self, read: Option<T>) -> Result<T, ApiError> {
        match read {
            Some(value) if self.0.is_empty() => Ok(value),
            _ => Err(ApiError::validation(self.0)),
        }
    }

    /// A refusal for a single field.
    pub(crate) fn single(field: &str, fault: Fault) -> ApiError {
        let mut faults = Self::default();
        faults.take::<()>(field, Err(fault));
        ApiError::validation(faults.0)
    }
}

/// The description of a text that is one of these.
pub(crate) fn one_of(names: &[&str]) -> Schema {
    Schema::Object(SchemaObject {
        instance_type: Some(InstanceType::String.into()),
        enum_values: Some(names.iter().map(|name| (*name).into()).collect()),
        ..SchemaObject::default()
    })
}

/// A whole number between two bounds.
pub(crate) fn whole(text: Option<&str>, least: u32, most: u32, fault: Fault) -> Result<Option<u32>, Fault> {
    let Some(text) = text else { return Ok(None) };
    let number = digits(text).and_then(|number| u32::try_from(number).ok());
    number
        .filter(|number| (least..=most).contains(number))
        .map(Some)
        .ok_or(fault)
}

/// A place in a feed; absent or `0` is the beginning.
pub(crate) fn place(text: Option<&str>) -> Result<u64, Fault> {
    const FAULT: Fault = Fault::new("format", "must be a cursor that this feed gave out, or 0");
    text.map_or(Ok(0), |text| digits(text).ok_or(FAULT))
}

/// Decimal digits and nothing else, at most `i64::MAX`.
fn digits(text: &str) -> Option<u64> {
    let plain = (1..=19).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit());
    let number = plain.then(|| text.parse::<u64>().ok()).flatten()?;
    (number <= i64::MAX.unsigned_abs()).then_some(number)
}

/// A word id.
pub(crate) fn word_id(text: &str) -> Result<WordId, Fault> {
    const FAULT: Fault = Fault::new(
        "format",
        "must be 1 to 64 characters out of A-Z, a-z, 0-9, '.', '_', ':' and '-', and no reserved name",
    );
    text.parse().map_err(|_| FAULT)
}

/// A list id.
pub(crate) fn list_id(text: &str) -> Result<ListId, Fault> {
    const FAULT: Fault = Fault::new(
        "format",
        "must be 1 to 64 characters out of A-Z, a-z, 0-9, '.', '_', ':' and '-'",
    );
    text.parse().map_err(|_| FAULT)
}

/// The id of a review.
pub(crate) fn review_id(text: &str) -> Result<EventId, Fault> {
    const FAULT: Fault = Fault::new("format", "must be a UUID");
    // The parser takes braces, URNs and forms without hyphens too; one id has one spelling here.
    let hyphenated = text.len() == 36;
    hyphenated.then(|| text.parse().ok()).flatten().ok_or(FAULT)
}

/// The id of an account.
pub(crate) fn user_id(text: &str, fault: Fault) -> Result<UserId, Fault> {
    let hyphenated = text.len() == 36;
    hyphenated.then(|| text.parse().ok()).flatten().ok_or(fault)
}

/// A language tag.
pub(crate) fn language(text: Option<&str>) -> Result<Option<String>, Fault> {
    const FAULT: Fault = Fault::new("format", "must be a BCP 47 language tag");
    let tag = text.map(str::parse::<LanguageTag>).transpose();
    tag.map(|tag| tag.map(|tag| tag.as_str().to_owned()))
        .map_err(|_| FAULT)
}

/// A text to look for.
pub(crate) fn search_text(text: Option<&str>) -> Result<&str, Fault> {
    const FAULT: Fault = Fault::new("length", "must have at most 200 characters");
    let text = text.unwrap_or_default();
    (text.chars().count() <= 200).then_some(text).ok_or(FAULT)
}

#[cfg(test)]
mod tests {
    use super::*;

    const FAULT: Fault = Fault::new("range", "out of range");

    #[test]
    fn only_plain_digits_within_the_bounds_are_a_number() {
        assert_eq!(whole(None, 1, 500, FAULT), Ok(None));
        assert_eq!(whole(Some("1"), 1, 500, FAULT), Ok(Some(1)));
        assert_eq!(whole(Some("0500"), 1, 500, FAULT), Ok(Some(500)));
        for text in [
            "",
            "0",
            "501",
            "-1",
            "+1",
            " 1",
            "1.0",
            "1e2",
            "9223372036854775808",
            "٣",
        ] {
            assert_eq!(whole(Some(text), 1, 500, FAULT), Err(FAULT), "{text}");
        }
    }

    #[test]
    fn a_place_is_a_number_that_a_store_can_hold() {
        assert_eq!(place(None), Ok(0));
        assert_eq!(place(Some("0")), Ok(0));
        assert_eq!(place(Some("9223372036854775807")), Ok(i64::MAX.unsigned_abs()));
        for text in ["", "x", "-1", "9223372036854775808", "18446744073709551616", "1 "] {
            assert!(place(Some(text)).is_err(), "{text}");
        }
    }

    #[test]
    fn a_review_id_is_a_hyphenated_uuid_of_any_version() {
        assert!(review_id("00000000-0000-0000-0000-000000000000").is_ok());
        assert!(review_id("F47AC10B-58CC-4372-A567-0E02B2C3D479").is_ok());
        for text in [
            "",
            "x",
            "f47ac10b58cc4372a5670e02b2c3d479",
            "{f47ac10b-58cc-4372-a567-0e02b2c3d479}",
        ] {
            assert!(review_id(text).is_err(), "{text}");
        }
    }
}
