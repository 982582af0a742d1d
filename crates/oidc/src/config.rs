//! Which provider it is, who we are to it, and how long it may take.

use std::time::Duration;

use parlance_domain::accounts::ProviderId;
use secrecy::SecretString;
use url::{Host, Url};

/// A provider, as its documentation and its console say it.
#[derive(Debug, Clone)]
pub struct OidcConfig {
    /// Its name in settings and paths.
    pub id: ProviderId,
    /// What people call it.
    pub name: String,
    /// Its issuer, to the letter: its tokens say the same.
    pub issuer: String,
    /// Who we are to it.
    pub client_id: String,
    /// What shows that we are; none for a client that has no secret.
    pub client_secret: Option<SecretString>,
    /// Where it sends browsers back to.
    pub redirect_url: String,
    /// How long it may take.
    pub timeouts: Timeouts,
}

/// How long a provider may take.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Timeouts {
    /// Until somebody is there.
    pub connect: Duration,
    /// For one request.
    pub request: Duration,
    /// For all that one step needs.
    pub overall: Duration,
}

impl Default for Timeouts {
    fn default() -> Self {
        Self {
            connect: Duration::from_secs(3),
            request: Duration::from_secs(5),
            overall: Duration::from_secs(10),
        }
    }
}

/// Why a provider cannot be used as it was said. None of the texts holds a secret.
#[derive(Debug, thiserror::Error)]
pub enum OidcConfigError {
    /// A place that nothing is sent to.
    #[error("the issuer must be an https URL, or http on this machine, without user, query and fragment")]
    Issuer,
    /// Where browsers would come back to is no place.
    #[error("the redirect must be a URL")]
    Redirect,
    /// There is no client for HTTP on this machine.
    #[error("cannot make an http client for providers of identities")]
    Client(#[source] reqwest::Error),
}

/// Whether a text can be an issuer: `https`, or `http` on this machine, without user, query and fragment.
pub fn is_issuer(text: &str) -> bool {
    Url::parse(text).is_ok_and(|url| may_be_asked(&url, true) && url.query().is_none())
}

/// Whether an issuer is on this machine.
pub(crate) fn is_here(issuer: &str) -> bool {
    Url::parse(issuer).is_ok_and(|url| names_this_machine(&url))
}

/// Whether something may be sent to this URL, which has neither user nor fragment: `https` elsewhere, and, of a provider that
/// is on this machine itself, `https` or `http` on it.
pub(crate) fn may_be_asked(url: &Url, of_provider_here: bool) -> bool {
    let is_safe = match (url.scheme(), names_this_machine(url)) {
        ("https" | "http", true) => of_provider_here,
        ("https", false) => url.has_host(),
        _ => false,
    };
    let has_user = !url.username().is_empty() || url.password().is_some();
    is_safe && !has_user && url.fragment().is_none()
}

fn names_this_machine(url: &Url) -> bool {
    match url.host() {
        Some(Host::Domain(name)) => name == "localhost" || name.ends_with(".localhost"),
        Some(Host::Ipv4(address)) => address.is_loopback() || address.is_unspecified(),
        Some(Host::Ipv6(address)) => {
            let mapped = address.to_ipv4_mapped();
            address.is_loopback()
                || address.is_unspecified()
                || mapped.is_some_and(|address| address.is_loopback() || address.is_unspecified())
        }
        None => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn threat_44_nothing_is_sent_in_the_clear_to_another_machine() {
        for good in [
            "https://accounts.google.com",
            "https://login.example.com/tenant/v2.0",
            "http://127.0.0.1:8080",
            "http://localhost:8080/realm",
            "http://[::1]:1",
        ] {
            assert!(is_issuer(good), "{good}");
        }
        for bad in [
            "",
            "accounts.google.com",
            "http://accounts.google.com",
            "http://169.254.169.254",
            "http://127.0.0.1@example.com",
            "https://user@example.com",
            "https://example.com?tenant=x",
            "https://example.com/#x",
            "file:///etc/passwd",
        ] {
            assert!(!is_issuer(bad), "{bad}");
        }
    }

    #[test]
    fn threat_44_a_provider_elsewhere_sends_nobody_to_this_machine() {
        for here in [
            "http://127.0.0.1:6379/",
            "https://127.0.0.1/keys",
            "https://localhost/keys",
            "https://idp.localhost/keys",
            "https://[::1]/keys",
            "https://[::ffff:127.0.0.1]/keys",
            "https://0.0.0.0/keys",
        ] {
            let url = Url::parse(here).unwrap();
            assert!(!may_be_asked(&url, is_here("https://idp.example.com")), "{here}");
            assert!(
                may_be_asked(&url, is_here("http://localhost:8080/realm")),
                "{here}"
            );
        }
        let elsewhere = Url::parse("https://keys.example.com/keys").unwrap();
        assert!(may_be_asked(&elsewhere, false) && may_be_asked(&elsewhere, true));
    }
}
