//! Email addresses, and when two of them are the same.

use std::fmt;
use std::str::FromStr;

use unicode_normalization::UnicodeNormalization;

/// An email address as its owner writes it, trimmed and in Unicode form NFC.
///
/// Non-ASCII is allowed on both sides (RFC 6531). Mail goes to exactly this address.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Email {
    address: String,
    key: String,
}

/// A text that is not an email address.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("must be an email address")]
pub struct InvalidEmail;

impl Email {
    /// The longest address that SMTP can carry, in bytes (RFC 5321, 4.5.3.1.3).
    pub const MAX_BYTES: usize = 254;

    /// The address itself.
    pub fn as_str(&self) -> &str {
        &self.address
    }

    /// The address with no more of its local part than the first character, for the eyes of others.
    pub fn shortened(&self) -> String {
        let (local, domain) = self.address.rsplit_once('@').unwrap_or_default();
        let first = local.chars().next().into_iter();
        format!("{}…@{domain}", first.collect::<String>())
    }

    /// What two addresses have in common when they are the same: letters in lower case,
    /// the domain in its ASCII form (RFC 5891).
    ///
    /// Lower case is taken letter by letter and never expands compatibility characters, so
    /// that `ﬁ@…` and `mıke@…` stay apart from `fi@…` and `mike@…`.
    pub fn key(&self) -> &str {
        &self.key
    }
}

impl fmt::Debug for Email {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Email([redacted])")
    }
}

impl FromStr for Email {
    type Err = InvalidEmail;

    fn from_str(text: &str) -> Result<Self, InvalidEmail> {
        let trimmed = text.trim();
        // Four bytes a character at most, and NFC never triples: a cheap bound before the work.
        if trimmed.len() > 4 * Self::MAX_BYTES {
            return Err(InvalidEmail);
        }
        let address = nfc(trimmed);
        let (local, domain) = address.rsplit_once('@').ok_or(InvalidEmail)?;
        let local_fits = (1..=64).contains(&local.len())
            && !local.starts_with('.')
            && !local.ends_with('.')
            && !local.contains("..")
            && local.chars().all(is_local_character);
        let domain_fits = domain.contains('.')
            && !domain.starts_with('.')
            && !domain.ends_with('.')
            && !domain.chars().any(is_invisible);
        if !local_fits || !domain_fits || address.len() > Self::MAX_BYTES {
            return Err(InvalidEmail);
        }
        let ascii_domain = idna::domain_to_ascii_strict(domain).map_err(|_| InvalidEmail)?;
        let lower: String = local.chars().flat_map(char::to_lowercase).collect();
        let key = format!("{}@{ascii_domain}", nfc(&lower));
        Ok(Self { address, key })
    }
}

/// Form NFC; every text in ASCII has it.
fn nfc(text: &str) -> String {
    if text.is_ascii() {
        return text.to_owned();
    }
    text.nfc().collect()
}

fn is_local_character(c: char) -> bool {
    if c.is_ascii() {
        c.is_ascii_alphanumeric() || "!#$%&'*+-/=?^_`{|}~.".contains(c)
    } else {
        !c.is_control() && !c.is_whitespace() && !is_invisible(c)
    }
}

/// Characters that change how a text looks without being seen: zero-width and direction marks.
fn is_invisible(c: char) -> bool {
    matches!(c, '\u{AD}' | '\u{200B}'..='\u{200F}' | '\u{202A}'..='\u{202E}' | '\u{2060}'..='\u{206F}' | '\u{FEFF}')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(text: &str) -> String {
        text.parse::<Email>().unwrap().key().to_owned()
    }

    #[test]
    fn addresses_that_differ_in_case_space_or_unicode_form_are_the_same() {
        assert_eq!(key(" Ann@Example.COM "), key("ann@example.com"));
        assert_eq!(key("jose\u{301}@example.com"), key("JOSÉ@example.com"));
        assert_eq!(key("a@bücher.example"), key("a@xn--bcher-kva.example"));
    }

    #[test]
    fn threat_24_look_alikes_stay_apart() {
        for (one, other) in [
            ("mıke@example.com", "mike@example.com"),
            ("ﬁ@example.com", "fi@example.com"),
            ("ſam@example.com", "sam@example.com"),
            ("а@example.com", "a@example.com"),
        ] {
            assert_ne!(key(one), key(other), "{one} and {other}");
        }
    }

    #[test]
    fn what_is_not_an_address_is_refused() {
        let long = format!("{}@example.com", "a".repeat(65));
        for text in [
            "",
            "a",
            "@example.com",
            "a@",
            "a@b",
            "a@example.com.",
            "a@.example.com",
            "a b@example.com",
            "a\0@example.com",
            "a\r\nBcc: x@example.com",
            "a\u{200B}@example.com",
            "a@exam\u{200B}ple.com",
            ".a@example.com",
            "a@exa mple.com",
            "a@b@example.com",
            "a..b@example.com",
            &long,
        ] {
            assert_eq!(text.parse::<Email>(), Err(InvalidEmail), "{text:?}");
        }
    }

    #[test]
    fn a_shortened_address_shows_the_first_character() {
        let shortened = |text: &str| text.parse::<Email>().unwrap().shortened();
        assert_eq!(shortened("ann@example.com"), "a…@example.com");
        assert_eq!(shortened("李@example.com"), "李…@example.com");
    }

    #[test]
    fn debug_does_not_show_the_address() {
        let email: Email = "ann@example.com".parse().unwrap();
        assert!(!format!("{email:?}").contains("ann"));
    }
}
