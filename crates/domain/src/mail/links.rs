//! The links in mails: where the front end is comes from the settings alone, never from a request.

use std::str::FromStr;

use secrecy::{ExposeSecret, SecretString};

use crate::accounts::{Purpose, SecretTokens};
use crate::ids::SecretId;

/// What stands behind the address of the front end in a link: a path with `{page}` and `{token}` in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LinkPattern(String);

impl Default for LinkPattern {
    /// Such as `/reset-password#token=…`: what stands behind `#` is sent to no server and is in no log.
    fn default() -> Self {
        Self("/{page}#token={token}".to_owned())
    }
}

/// A text that is not such a pattern.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "must begin with `/` and hold `{{page}}` and, behind it, `{{token}}`, and nothing that a URL does not hold"
)]
pub struct InvalidLinkPattern;

impl FromStr for LinkPattern {
    type Err = InvalidLinkPattern;

    fn from_str(text: &str) -> Result<Self, InvalidLinkPattern> {
        let plain = text.replacen("{page}", "", 1).replacen("{token}", "", 1);
        let is_in_order =
            matches!((text.find("{page}"), text.find("{token}")), (Some(page), Some(token)) if page < token);
        let is_of_url = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~:/?#[]@!$&()*+,;=%".contains(&byte);
        let fits =
            is_in_order && text.starts_with('/') && !text.starts_with("//") && plain.bytes().all(is_of_url);
        fits.then(|| Self(text.to_owned())).ok_or(InvalidLinkPattern)
    }
}

/// Writes the links in mails.
#[derive(Debug)]
pub struct Links {
    base: String,
    pattern: LinkPattern,
    tokens: SecretTokens,
}

impl Links {
    /// Links to the front end at this URL.
    pub fn new(base: &str, pattern: LinkPattern, tokens: SecretTokens) -> Self {
        Self {
            base: base.trim_end_matches('/').to_owned(),
            pattern,
            tokens,
        }
    }

    /// Where the front end is, without a slash at the end.
    pub fn base(&self) -> &str {
        &self.base
    }

    /// The link with the token of a one-time secret.
    pub fn to(&self, purpose: Purpose, secret: SecretId) -> SecretString {
        let token = self.tokens.write(purpose, secret);
        let path = self.pattern.0.replacen("{page}", page(purpose), 1);
        let path = path.replacen("{token}", token.expose_secret(), 1);
        format!("{}{path}", self.base).into()
    }
}

/// The page of the front end that a link leads to.
const fn page(purpose: Purpose) -> &'static str {
    match purpose {
        Purpose::VerifyEmail => "verify-email",
        Purpose::ResetPassword => "reset-password",
        Purpose::ConfirmOldEmail | Purpose::ConfirmNewEmail => "confirm-email",
        Purpose::Unlock => "unlock",
        Purpose::LinkIdentity => "link-identity",
        Purpose::Export => "export",
    }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;

    fn link(base: &str, pattern: &str) -> String {
        let links = Links::new(
            base,
            pattern.parse().unwrap(),
            SecretTokens::new(&"secret".into()),
        );
        let link = links.to(Purpose::ResetPassword, SecretId(Uuid::from_u128(7)));
        link.expose_secret().to_owned()
    }

    #[test]
    fn a_link_leads_to_a_page_of_the_front_end_with_a_token_that_reads_back() {
        let link = link("https://app.example.com/", "/{page}#token={token}");
        let token = link
            .strip_prefix("https://app.example.com/reset-password#token=")
            .unwrap();
        let tokens = SecretTokens::new(&"secret".into());
        assert_eq!(
            tokens.read(Purpose::ResetPassword, token),
            Some(SecretId(Uuid::from_u128(7)))
        );
    }

    #[test]
    fn the_usual_pattern_is_one() {
        let usual = LinkPattern::default();
        assert_eq!(usual.0.parse(), Ok(usual));
    }

    #[test]
    fn front_ends_may_have_their_pages_elsewhere() {
        let link = link("https://example.com/learn", "/#/account/{page}?token={token}");
        assert!(
            link.starts_with("https://example.com/learn/#/account/reset-password?token="),
            "{link}"
        );
    }

    #[test]
    fn threat_23_a_pattern_cannot_lead_to_another_host() {
        for bad in [
            "",
            "/{page}",
            "/{token}",
            "/{token}/{page}",
            "{page}#{token}",
            "@evil.example/{page}#{token}",
            "//evil.example/{page}#{token}",
            "/{page} {token}",
            "/{page}\r\n{token}",
            "/{page}\"{token}",
            "/{page}{page}{token}",
        ] {
            assert_eq!(bad.parse::<LinkPattern>(), Err(InvalidLinkPattern), "{bad:?}");
        }
    }
}
