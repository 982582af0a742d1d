//! The site that passkeys are for.

use url::{Host, Url};

/// The site that passkeys are for. Another id ends all that were made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Site {
    /// The domain that devices bind passkeys to (the id of the relying party), such as `example.com`.
    pub id: String,
    /// What devices call it.
    pub name: String,
    /// The origins of its front ends: of the domain or of one below it, or those of apps (`android:apk-key-hash:…`).
    pub origins: Vec<Url>,
    /// Whether the ports of origins do not matter, as on a developer's machine.
    pub any_port: bool,
}

/// Why passkeys cannot be for a site.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SiteError {
    /// The id is no domain.
    #[error("`{0}` is no domain")]
    Id(String),
    /// No origin is that of a web page.
    #[error("there is no origin of a web page")]
    NoOrigin,
    /// An origin is not of the site.
    #[error("the origin {0} is neither of this domain, nor of one below it, nor of an app")]
    Origin(Url),
}

impl Site {
    /// What the origins of Android apps begin with.
    const APP: &'static str = "apk-key-hash:";

    /// Refuses what browsers would refuse, before anybody has a passkey that is of no use.
    pub fn check(&self) -> Result<(), SiteError> {
        let parsed = Host::parse(&self.id);
        if !matches!(parsed, Ok(Host::Domain(domain)) if domain == self.id) {
            return Err(SiteError::Id(self.id.clone()));
        }
        let strange = self.origins.iter().find(|origin| !self.has(origin));
        match strange {
            Some(origin) => Err(SiteError::Origin(origin.clone())),
            None => self.page().map(|_| ()),
        }
    }

    /// An origin of a web page.
    pub(crate) fn page(&self) -> Result<&Url, SiteError> {
        let page = self.origins.iter().find(|origin| origin.domain().is_some());
        page.ok_or(SiteError::NoOrigin)
    }

    fn has(&self, origin: &Url) -> bool {
        match (origin.scheme(), origin.domain()) {
            ("https" | "http", Some(domain)) => {
                let below = domain.strip_suffix(&self.id);
                let is_below = below.is_some_and(|rest| rest.is_empty() || rest.ends_with('.'));
                is_below && origin.path() == "/" && origin.query().is_none() && origin.fragment().is_none()
            }
            ("android", None) => origin.path().starts_with(Self::APP),
            _ => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn site(id: &str, origins: &[&str]) -> Result<(), SiteError> {
        let origins = origins.iter().map(|origin| origin.parse().unwrap());
        let site = Site {
            id: id.to_owned(),
            name: "Parlance".to_owned(),
            origins: origins.collect(),
            any_port: false,
        };
        site.check()
    }

    #[test]
    fn origins_are_of_the_domain_or_of_one_below_it_or_of_apps() {
        let app = "android:apk-key-hash:dGVzdA";
        for (id, origins) in [
            ("localhost", vec!["http://localhost:3001"]),
            (
                "example.com",
                vec!["https://example.com", "https://app.example.com:8443"],
            ),
            ("app.example.com", vec!["https://app.example.com", app]),
        ] {
            assert_eq!(site(id, &origins), Ok(()), "{id}");
        }
        for (id, origins) in [
            ("example.com", vec!["https://badexample.com"]),
            ("example.com", vec!["https://example.com.evil.example"]),
            ("app.example.com", vec!["https://example.com"]),
            ("example.com", vec!["https://example.com/learn"]),
            ("example.com", vec!["https://example.com", "ftp://example.com"]),
            ("example.com", vec!["https://example.com", "android:else"]),
        ] {
            assert!(
                matches!(site(id, &origins), Err(SiteError::Origin(_))),
                "{id} {origins:?}"
            );
        }
        assert_eq!(site("example.com", &[app]), Err(SiteError::NoOrigin));
        for id in [
            "",
            "Example.com",
            "https://example.com",
            "example.com:443",
            "127.0.0.1",
        ] {
            assert_eq!(
                site(id, &["https://example.com"]),
                Err(SiteError::Id(id.to_owned()))
            );
        }
    }
}
