//! Why an administrator does something.

use std::str::FromStr;

/// A reason of 1 to 500 characters without control characters, trimmed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reason(String);

/// A text that is not a reason.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("must be 1 to 500 characters without control characters")]
pub struct InvalidReason;

impl Reason {
    /// The longest, in characters.
    pub const MAX_CHARACTERS: usize = 500;

    /// The text itself.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for Reason {
    type Err = InvalidReason;

    fn from_str(text: &str) -> Result<Self, InvalidReason> {
        let text = text.trim();
        let fits =
            (1..=Self::MAX_CHARACTERS).contains(&text.chars().count()) && !text.chars().any(char::is_control);
        fits.then(|| Self(text.to_owned())).ok_or(InvalidReason)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reason_has_a_length_and_no_control_characters() {
        assert_eq!(" spam ".parse::<Reason>().unwrap().as_str(), "spam");
        assert!("字".repeat(500).parse::<Reason>().is_ok());
        for bad in ["", "  ", "a\nb", "a\0", &"字".repeat(501)] {
            assert_eq!(bad.parse::<Reason>(), Err(InvalidReason), "{bad:?}");
        }
    }
}
