//! The form of a text, as the domain's own types check it.

use std::fmt::Display;
use std::str::FromStr;

use validator::ValidationError;

use crate::error::ApiError;

/// For `#[validate(custom(...))]`: whether a text is a `T`.
pub(crate) fn check_form<T: FromStr<Err: Display>>(text: &str) -> Result<(), ValidationError> {
    match text.parse::<T>() {
        Ok(_) => Ok(()),
        Err(error) => Err(complaint("format", error)),
    }
}

/// A complaint with a sentence for people.
pub(crate) fn complaint(code: &'static str, message: impl Display) -> ValidationError {
    ValidationError::new(code).with_message(message.to_string().into())
}

/// The `T` that a field's text is, or a validation error of that field.
pub(crate) fn parsed<T: FromStr<Err: Display>>(field: &str, text: &str) -> Result<T, ApiError> {
    text.parse()
        .map_err(|error: T::Err| ApiError::invalid(field, "format", error.to_string()))
}
