//! What a new password must be so that nobody guesses it.

use std::sync::LazyLock;

use super::Password;

/// The passwords that are tried first, in lower case and sorted by their bytes: those of the most used that have the
/// characters that [`PasswordPolicy`] asks for. `data/passwords/ATTRIBUTION.md` says where they come from.
static KNOWN: LazyLock<Vec<&str>> = LazyLock::new(|| {
    include_str!("../../../../data/passwords/known.txt")
        .lines()
        .collect()
});

/// Why a password is too easily guessed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum WeakPassword {
    /// It has no lower-case letter, no upper-case letter or no digit.
    #[error("must contain a lower-case letter, an upper-case letter and a digit")]
    Composition,
    /// It is among the most used ones.
    #[error("is among the passwords that are tried first")]
    Known,
}

/// What a new password must be. What was set before stays good for signing in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PasswordPolicy {
    /// Whether the most used passwords are refused (OWASP ASVS 6.2.4), in whatever case they are written.
    pub refuses_known: bool,
}

impl PasswordPolicy {
    /// Checks that a password is not too easily guessed.
    pub fn check(self, password: &Password) -> Result<(), WeakPassword> {
        let text = password.expose();
        if !is_composed(text) {
            return Err(WeakPassword::Composition);
        }
        if self.refuses_known && is_known(text) {
            return Err(WeakPassword::Known);
        }
        Ok(())
    }
}

/// Whether it holds a lower-case letter, an upper-case letter and a digit, or letters of a script without case, which
/// count as all three.
fn is_composed(text: &str) -> bool {
    let caseless = text
        .chars()
        .any(|c| c.is_alphabetic() && !c.is_lowercase() && !c.is_uppercase());
    let lower = text.chars().any(char::is_lowercase);
    let upper = text.chars().any(char::is_uppercase);
    let digit = text.chars().any(char::is_numeric);
    caseless || lower && upper && digit
}

/// Compares byte by byte, so that no copy of the password is made.
fn is_known(text: &str) -> bool {
    let bytes = text.bytes().map(|byte| byte.to_ascii_lowercase());
    let found = KNOWN.binary_search_by(|known| known.bytes().cmp(bytes.clone()));
    found.is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    const STRICT: PasswordPolicy = PasswordPolicy { refuses_known: true };
    const LENIENT: PasswordPolicy = PasswordPolicy { refuses_known: false };

    fn check(policy: PasswordPolicy, text: &str) -> Result<(), WeakPassword> {
        policy.check(&Password::parse(text).unwrap())
    }

    #[test]
    fn it_holds_both_cases_and_a_digit_or_letters_without_case() {
        for weak in ["alllower1", "ALLUPPER1", "NoDigitsHere", "12345678"] {
            assert_eq!(check(LENIENT, weak), Err(WeakPassword::Composition), "{weak}");
        }
        for strong in ["Correct-Horse-7", &"密".repeat(64), "ÄÖÜäöü12"] {
            assert_eq!(check(STRICT, strong), Ok(()), "{strong}");
        }
    }

    #[test]
    fn the_most_used_are_refused_in_whatever_case_where_that_is_asked_for() {
        for known in ["Password123", "pASSWORD1", "Qwerty123", "!QAZ2wsx"] {
            assert_eq!(check(STRICT, known), Err(WeakPassword::Known), "{known}");
            assert_eq!(check(LENIENT, known), Ok(()), "{known}");
        }
        assert_eq!(check(STRICT, "Password123-and-more"), Ok(()));
    }

    #[test]
    fn the_list_is_sorted_in_lower_case_and_as_long_as_asvs_asks() {
        assert!(KNOWN.len() >= 3_000);
        assert!(KNOWN.is_sorted());
        assert!(KNOWN.iter().all(|known| known.to_lowercase() == **known));
        assert!(KNOWN.iter().all(|known| Password::check(known).is_ok()));
    }
}
