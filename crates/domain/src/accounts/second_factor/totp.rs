//! Codes by time: TOTP of RFC 6238 with SHA-1, six digits and steps of 30 seconds.

use std::fmt;
use std::str::FromStr;

use secrecy::{ExposeSecret, SecretBox, SecretString};
use totp_rs::{Builder, Secret, Totp};

use crate::ids::UserId;
use crate::sealing::Label;
use crate::time::Timestamp;

/// How long a code is the present one, in seconds.
const STEP_SECONDS: u64 = 30;

/// The secret that an authenticator shares with the server: 160 bits, as RFC 4226 recommends; shown by no `Debug`.
#[derive(Debug)]
pub struct TotpSecret(SecretBox<[u8; Self::BYTES]>);

impl TotpSecret {
    /// How long it is.
    pub const BYTES: usize = 20;

    /// The secret of these bytes.
    pub fn new(bytes: [u8; Self::BYTES]) -> Self {
        Self(SecretBox::new(Box::new(bytes)))
    }

    /// The secret of these bytes, if they are as many as they must be.
    pub fn from_bytes(bytes: &[u8]) -> Option<Self> {
        bytes.try_into().ok().map(Self::new)
    }

    /// What the secret of a user is sealed for: nobody else's row opens it.
    pub fn label(user: UserId) -> Label {
        Label::new("totp").with(user.0)
    }

    /// Its bytes, to be sealed.
    pub fn expose(&self) -> &[u8] {
        self.0.expose_secret()
    }

    /// As people type it: base32 (RFC 4648) without padding, 32 characters.
    pub fn base32(&self) -> SecretString {
        self.secret().to_base32().into()
    }

    /// As an authenticator scans it: `otpauth://totp/{issuer}:{account}?secret=…&issuer=…`.
    ///
    /// Colons in the two names are left out, because one stands between them.
    pub fn uri(&self, issuer: &str, account: &str) -> Option<SecretString> {
        let name = |text: &str| text.replace(':', "");
        let totp = Builder::new()
            .with_secret(self.secret())
            .with_issuer(Some(name(issuer)))
            .with_account_name(name(account));
        totp.build().ok()?.to_url().ok().map(Into::into)
    }

    /// The code of a step: `floor(seconds since 1970 / 30)`.
    pub fn code_at(&self, step: u64) -> TotpCode {
        TotpCode(
            self.totp()
                .generate(step.saturating_mul(STEP_SECONDS))
                .to_string(),
        )
    }

    /// The step whose code this is: the present one, the one before or the one after; `None` for every other code.
    pub fn matching_step(&self, code: &TotpCode, now: Timestamp) -> Option<u64> {
        let seconds = u64::try_from(now.timestamp()).ok()?;
        self.totp().check(&code.0, seconds)
    }

    /// Six digits, steps of 30 seconds and one step of skew are what the builder begins with.
    fn totp(&self) -> Totp {
        Builder::new().with_secret(self.secret()).build_noncompliant()
    }

    fn secret(&self) -> Secret {
        Secret::new_stack(*self.0.expose_secret())
    }
}

/// A code of six digits; shown by no `Debug`.
#[derive(Clone, PartialEq, Eq)]
pub struct TotpCode(String);

/// A text that is no such code.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("must be six digits")]
pub struct InvalidTotpCode;

impl TotpCode {
    const DIGITS: usize = 6;

    /// The code itself.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl FromStr for TotpCode {
    type Err = InvalidTotpCode;

    /// Reads a code; spaces do not matter, which authenticators show in the middle.
    fn from_str(text: &str) -> Result<Self, InvalidTotpCode> {
        // Longer than any code with spaces: not worth reading.
        if text.len() > 4 * Self::DIGITS {
            return Err(InvalidTotpCode);
        }
        let digits: String = text.chars().filter(|c| *c != ' ').collect();
        let fits = digits.len() == Self::DIGITS && digits.bytes().all(|b| b.is_ascii_digit());
        fits.then_some(Self(digits)).ok_or(InvalidTotpCode)
    }
}

impl fmt::Debug for TotpCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("TotpCode(..)")
    }
}

#[cfg(test)]
mod tests {
    use chrono::DateTime;

    use super::*;

    /// The secret of appendix B of RFC 6238 for SHA-1.
    fn secret() -> TotpSecret {
        TotpSecret::new(*b"12345678901234567890")
    }

    fn at(seconds: i64) -> Timestamp {
        DateTime::from_timestamp(seconds, 0).unwrap()
    }

    #[test]
    fn the_codes_are_those_of_appendix_b_of_rfc_6238() {
        // The last six of the eight digits there, which are what is left of a remainder by a million.
        for (seconds, code) in [
            (59, "287082"),
            (1_111_111_109, "081804"),
            (1_111_111_111, "050471"),
            (1_234_567_890, "005924"),
            (2_000_000_000, "279037"),
            (20_000_000_000, "353130"),
        ] {
            let step = u64::try_from(seconds).unwrap() / 30;
            let code: TotpCode = code.parse().unwrap();
            assert_eq!(secret().code_at(step).expose(), code.expose(), "{seconds}");
            assert_eq!(
                secret().matching_step(&code, at(seconds)),
                Some(step),
                "{seconds}"
            );
        }
    }

    #[test]
    fn a_code_is_good_one_step_early_and_one_late_and_no_longer() {
        let code = secret().code_at(100);
        for (seconds, good) in [
            (2_969, false),
            (2_970, true),
            (3_000, true),
            (3_029, true),
            (3_059, true),
            (3_060, false),
        ] {
            let step = secret().matching_step(&code, at(seconds));
            assert_eq!(step, good.then_some(100), "{seconds}");
        }
        assert_eq!(secret().matching_step(&code, at(-1)), None);
        let other = TotpSecret::new([7; 20]);
        assert_eq!(other.matching_step(&code, at(3_000)), None);
    }

    #[test]
    fn authenticators_get_the_secret_with_the_names() {
        assert_eq!(
            secret().base32().expose_secret(),
            "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ"
        );
        let uri = secret().uri("My: School", "ann+1@example.com").unwrap();
        assert_eq!(
            uri.expose_secret(),
            "otpauth://totp/My%20School:ann%2B1%40example.com?secret=GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ&issuer=My%20School"
        );
    }

    #[test]
    fn a_code_is_six_digits_perhaps_with_spaces() {
        assert_eq!("123 456".parse::<TotpCode>().unwrap().expose(), "123456");
        for bad in [
            "",
            "12345",
            "1234567",
            "12345a",
            "+12345",
            "١٢٣٤٥٦",
            &"1".repeat(1_000),
        ] {
            assert_eq!(bad.parse::<TotpCode>(), Err(InvalidTotpCode), "{bad}");
        }
    }

    #[test]
    fn debug_shows_neither_secret_nor_code() {
        let shown = format!("{:?} {:?}", secret(), secret().code_at(1));
        assert!(
            !shown.contains("287082") && !shown.contains("12345") && !shown.contains("49, 50"),
            "{shown}"
        );
    }
}
