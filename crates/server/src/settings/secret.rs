//! Which secrets are fit to be used.

use std::collections::BTreeSet;

use secrecy::SecretString;

const MIN_BYTES: usize = 32;
const MIN_DIFFERENT_BYTES: usize = 8;

/// What examples and templates are full of; compared without regard to case and punctuation.
const WELL_KNOWN: &[&str] = &[
    "changeme",
    "changethis",
    "replaceme",
    "replacethis",
    "yoursecret",
    "yourjwt",
    "yoursuper",
    "mysecret",
    "supersecret",
    "jwtsecret",
    "placeholder",
    "example",
    "password",
    "0123456789abcdef",
    "abcdefghijklmnop",
];

/// A secret that is long enough and that nobody has read in a document.
pub(super) fn parse(text: &str) -> Result<SecretString, String> {
    if text.len() < MIN_BYTES {
        return Err(format!(
            "must be at least {MIN_BYTES} bytes long, for instance from `openssl rand -base64 48`"
        ));
    }
    let plain: String = text
        .chars()
        .filter(char::is_ascii_alphanumeric)
        .map(|c| c.to_ascii_lowercase())
        .collect();
    let different: BTreeSet<u8> = text.bytes().collect();
    let well_known = WELL_KNOWN.iter().any(|known| plain.contains(known));
    if well_known || different.len() < MIN_DIFFERENT_BYTES {
        return Err("is a well-known or guessable value; make one with `openssl rand -base64 48`".to_owned());
    }
    Ok(text.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn threat_13_short_well_known_and_guessable_secrets_are_refused() {
        for secret in [
            "",
            "changeme",
            "only-thirty-one-bytes-long-4711",
            "change-me-change-me-change-me-change-me",
            "CHANGE_THIS_TO_SOMETHING_LONG_ENOUGH",
            "your-secret-key-that-is-at-least-32-bytes",
            "an-example-out-of-the-documentation-of-us",
            "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
            "0123456789abcdef0123456789abcdef",
        ] {
            let message = parse(secret).err().unwrap();
            assert!(secret.is_empty() || !message.contains(secret), "{message}");
        }
    }

    #[test]
    fn a_random_secret_is_fine() {
        assert!(parse("gmOPuVt0AmHpQuzAr/5LwOM9iNXo6xTcCWiMyJrSRGvLBgCB").is_ok());
    }
}
