//! What somebody types as the second factor: a code of the authenticator, or a recovery code.

use std::str::FromStr;

use super::{RecoveryCode, TotpCode};

/// A code that is tried.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SecondFactorCode {
    /// One of the authenticator.
    Totp(TotpCode),
    /// One of those that were written down.
    Recovery(RecoveryCode),
}

/// A text that is neither.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("must be six digits or a recovery code")]
pub struct InvalidCode;

impl FromStr for SecondFactorCode {
    type Err = InvalidCode;

    fn from_str(text: &str) -> Result<Self, InvalidCode> {
        match text.parse() {
            Ok(code) => Ok(Self::Totp(code)),
            Err(_) => text.parse().map(Self::Recovery),
        }
    }
}
