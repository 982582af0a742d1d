//! One bad field of a request.

use schemars::JsonSchema;
use serde::Serialize;

/// What is wrong with one field of a request.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct FieldError {
    /// The field's path in the request, such as `updates[3].studyCount`.
    pub field: String,
    /// What a person gets to read.
    pub message: String,
    /// What is wrong, for programs: `required`, `type`, `length`, `range`, `format`, …
    pub code: String,
}

impl FieldError {
    /// What is wrong with a field.
    pub fn new(field: impl Into<String>, code: impl Into<String>, message: impl Into<String>) -> Self {
        Self {
            field: field.into(),
            message: message.into(),
            code: code.into(),
        }
    }
}
