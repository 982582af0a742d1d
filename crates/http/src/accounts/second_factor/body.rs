//! What the bodies with codes have in common.

use parlance_domain::accounts::SecondFactorCode;
use validator::ValidationError;

use crate::error::ApiError;
use crate::extract::{check_form, complaint, parsed};

/// Checks the form of a code: six digits, or a recovery code.
pub(crate) fn check_code(text: &str) -> Result<(), ValidationError> {
    match text {
        "" => Err(complaint("required", "is required")),
        _ => check_form::<SecondFactorCode>(text),
    }
}

/// A code that is tried.
pub(crate) fn read_code(text: &str) -> Result<SecondFactorCode, ApiError> {
    parsed("code", text)
}
