//! Recovery codes: what lets somebody in who lost the authenticator, each once.

use std::fmt;
use std::str::FromStr;

use base32::Alphabet;
use secrecy::SecretString;
use sha2::{Digest, Sha256};

use super::InvalidCode;
use crate::ids::UserId;

/// How many there are in a set.
pub const RECOVERY_CODES: usize = 10;

/// A recovery code: 120 random bits, so many that a plain digest keeps them secret; shown by no `Debug`.
///
/// People get it as 24 characters of Crockford's base32 in six groups of four.
#[derive(Clone, PartialEq, Eq)]
pub struct RecoveryCode([u8; Self::BYTES]);

impl RecoveryCode {
    /// How many bytes it has.
    pub const BYTES: usize = 15;

    const CHARACTERS: usize = 24;
    const GROUP: usize = 4;

    /// The code of these bytes.
    pub const fn new(bytes: [u8; Self::BYTES]) -> Self {
        Self(bytes)
    }

    /// As people get it, such as `91JP-RV3F-41VP-YWKC-CGGG-HZ6T`.
    pub fn text(&self) -> SecretString {
        let text = base32::encode(Alphabet::Crockford, &self.0);
        let mut groups = String::with_capacity(Self::CHARACTERS + Self::CHARACTERS / Self::GROUP);
        for (place, c) in text.chars().enumerate() {
            if place > 0 && place.is_multiple_of(Self::GROUP) {
                groups.push('-');
            }
            groups.push(c);
        }
        groups.into()
    }

    /// What is kept of it: `SHA-256("parlance recovery code v1" ‖ 0x00 ‖ user id ‖ code)`.
    pub fn digest(&self, user: UserId) -> [u8; 32] {
        Sha256::new()
            .chain_update(b"parlance recovery code v1\0")
            .chain_update(user.0.as_bytes())
            .chain_update(self.0)
            .finalize()
            .into()
    }
}

impl FromStr for RecoveryCode {
    type Err = InvalidCode;

    /// Reads a code. Case, spaces and hyphens do not matter; `I` and `L` are read as 1, and `O` as 0.
    fn from_str(text: &str) -> Result<Self, InvalidCode> {
        // Longer than any code with a hyphen behind each character: not worth reading.
        if text.len() > 2 * Self::CHARACTERS {
            return Err(InvalidCode);
        }
        let text: String = text.chars().filter(|c| !matches!(c, ' ' | '-')).collect();
        if text.len() != Self::CHARACTERS {
            return Err(InvalidCode);
        }
        let bytes = base32::decode(Alphabet::Crockford, &text).ok_or(InvalidCode)?;
        bytes.try_into().map(Self).map_err(|_| InvalidCode)
    }
}

impl fmt::Debug for RecoveryCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("RecoveryCode(..)")
    }
}

#[cfg(test)]
mod tests {
    use secrecy::ExposeSecret;
    use uuid::Uuid;

    use super::*;

    fn code() -> RecoveryCode {
        RecoveryCode::new(*b"fifteen bytes!!")
    }

    fn user(number: u128) -> UserId {
        UserId(Uuid::from_u128(number))
    }

    #[test]
    fn people_get_six_groups_of_four_and_may_type_them_as_they_like() {
        let text = code().text();
        let text = text.expose_secret();
        assert_eq!(text, "CSMP-CX35-CNQ2-0RKS-EHJQ-6891");
        for typed in [
            text.to_owned(),
            text.to_lowercase(),
            text.replace('-', ""),
            text.replace('-', " "),
            text.replace('1', "l"),
        ] {
            assert_eq!(typed.parse(), Ok(code()), "{typed}");
        }
        for bad in [
            "",
            "123456",
            &text[1..],
            &format!("{text}0"),
            &text.replace('C', "U"),
            &"-".repeat(900),
        ] {
            assert_eq!(bad.parse::<RecoveryCode>(), Err(InvalidCode), "{bad}");
        }
    }

    #[test]
    fn what_is_kept_is_another_for_another_account_or_code() {
        let other = RecoveryCode::new(*b"sixteen bytes??");
        assert_ne!(code().digest(user(1)), code().digest(user(2)));
        assert_ne!(code().digest(user(1)), other.digest(user(1)));
        assert!(!format!("{:?}", code()).contains("102"));
    }
}
