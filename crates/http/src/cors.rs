//! Which origins may call from a browser.

use std::fmt;
use std::str::FromStr;

/// The origins that may call, with credentials.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct CorsPolicy(Vec<OriginPattern>);

/// An origin, or a family of them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OriginPattern {
    scheme: String,
    host: Host,
    port: Port,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Host {
    Exact(String),
    /// Any name below this one, not itself.
    Below(String),
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Port {
    Exact(Option<u16>),
    Any,
}

/// A text that is not an origin or a pattern of origins.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{0}` is not an origin such as https://app.example.com, https://*.example.com, http://localhost:* \
     or capacitor://localhost"
)]
pub struct InvalidOrigin(String);

impl CorsPolicy {
    /// What is allowed in development when nothing is said.
    pub fn development() -> Self {
        let local = |host: &str| OriginPattern {
            scheme: "http".to_owned(),
            host: Host::Exact(host.to_owned()),
            port: Port::Any,
        };
        Self(vec![local("localhost"), local("127.0.0.1")])
    }

    /// The patterns of a comma-separated list; all that are wrong are reported.
    pub fn parse(list: &str) -> Result<Self, Vec<InvalidOrigin>> {
        let mut patterns = Vec::new();
        let mut wrong = Vec::new();
        for text in list.split(',').map(str::trim).filter(|text| !text.is_empty()) {
            match text.parse() {
                Ok(pattern) => patterns.push(pattern),
                Err(error) => wrong.push(error),
            }
        }
        if wrong.is_empty() {
            Ok(Self(patterns))
        } else {
            Err(wrong)
        }
    }

    /// These patterns and those.
    #[must_use]
    pub fn and(mut self, more: Self) -> Self {
        self.0.extend(more.0);
        self
    }

    /// The patterns.
    pub fn patterns(&self) -> &[OriginPattern] {
        &self.0
    }

    /// Whether an origin may call; the value of an `Origin` header, byte for byte.
    pub fn allows(&self, origin: &str) -> bool {
        Origin::parse(origin).is_some_and(|origin| self.0.iter().any(|pattern| pattern.covers(&origin)))
    }
}

impl OriginPattern {
    /// Its scheme, such as `https`.
    pub fn scheme(&self) -> &str {
        &self.scheme
    }

    /// Its host; for a family, the name that all of its hosts end in.
    pub fn host(&self) -> &str {
        match &self.host {
            Host::Exact(name) | Host::Below(name) => name,
        }
    }

    fn covers(&self, origin: &Origin<'_>) -> bool {
        let host = match &self.host {
            Host::Exact(name) => origin.host == name,
            Host::Below(name) => origin
                .host
                .strip_suffix(name.as_str())
                .and_then(|rest| rest.strip_suffix('.'))
                .is_some_and(|label| !label.is_empty()),
        };
        let port = match self.port {
            Port::Any => true,
            Port::Exact(port) => port == origin.port,
        };
        host && port && origin.scheme == self.scheme
    }
}

impl fmt::Display for OriginPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let star = if matches!(self.host, Host::Below(_)) {
            "*."
        } else {
            ""
        };
        write!(f, "{}://{star}{}", self.scheme, self.host())?;
        match self.port {
            Port::Any => f.write_str(":*"),
            Port::Exact(Some(port)) => write!(f, ":{port}"),
            Port::Exact(None) => Ok(()),
        }
    }
}

impl FromStr for OriginPattern {
    type Err = InvalidOrigin;

    fn from_str(text: &str) -> Result<Self, InvalidOrigin> {
        let wrong = || InvalidOrigin(text.to_owned());
        let (bare, port) = match text.strip_suffix(":*") {
            Some(bare) => (bare, Some(Port::Any)),
            None => (text, None),
        };
        let origin = Origin::parse(bare).ok_or_else(wrong)?;
        let (host, family) = match origin.host.strip_prefix("*.") {
            Some(host) => (host, true),
            None => (origin.host, false),
        };
        // A star anywhere else, or over a whole top-level domain, would let strangers in.
        if host.contains('*') || (family && !host.contains('.')) {
            return Err(wrong());
        }
        Ok(Self {
            scheme: origin.scheme.to_owned(),
            host: if family {
                Host::Below(host.to_owned())
            } else {
                Host::Exact(host.to_owned())
            },
            port: port.unwrap_or(Port::Exact(origin.port)),
        })
    }
}

/// An origin as browsers write it (RFC 6454): scheme, host, and a port unless it is the scheme's own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Origin<'a> {
    pub(crate) scheme: &'a str,
    pub(crate) host: &'a str,
    pub(crate) port: Option<u16>,
}

impl<'a> Origin<'a> {
    /// Browsers write origins in lower case, without a path; what differs is none.
    pub(crate) fn parse(text: &'a str) -> Option<Self> {
        let (scheme, rest) = text.split_once("://")?;
        let (host, port) = split_port(rest)?;
        let scheme_fits = scheme.starts_with(|c: char| c.is_ascii_lowercase())
            && scheme
                .bytes()
                .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || matches!(b, b'+' | b'-' | b'.'));
        let host_fits = !host.is_empty()
            && host.bytes().all(|b| {
                b.is_ascii_lowercase()
                    || b.is_ascii_digit()
                    || matches!(b, b'.' | b'-' | b'_' | b'*' | b'[' | b']' | b':')
            });
        (scheme_fits && host_fits).then_some(Self { scheme, host, port })
    }
}

/// Splits `host:port`; an IPv6 host stands in brackets.
pub(crate) fn split_port(authority: &str) -> Option<(&str, Option<u16>)> {
    let after_host = match authority.rfind(']') {
        Some(bracket) => bracket + 1,
        None => authority.find(':').unwrap_or(authority.len()),
    };
    let (host, rest) = authority.split_at(after_host);
    if rest.is_empty() {
        return Some((host, None));
    }
    let digits = rest.strip_prefix(':')?;
    let port = digits
        .bytes()
        .all(|b| b.is_ascii_digit())
        .then(|| digits.parse().ok())??;
    Some((host, Some(port)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn policy(list: &str) -> CorsPolicy {
        CorsPolicy::parse(list).unwrap()
    }

    #[test]
    fn threat_33_only_the_exact_origin_is_allowed() {
        let policy = policy("https://app.example.com");
        assert!(policy.allows("https://app.example.com"));
        for stranger in [
            "null",
            "",
            "*",
            "https://app.example.com.evil",
            "https://evilapp.example.com",
            "http://app.example.com",
            "https://app.example.com:8443",
            "https://APP.example.com",
            "HTTPS://app.example.com",
            "https://app.example.com/",
            "https://app.example.com@evil",
            "https://app_example.com",
            "https://sub.app.example.com",
            "https://app.example.com https://evil",
        ] {
            assert!(!policy.allows(stranger), "{stranger}");
        }
    }

    #[test]
    fn a_pattern_covers_what_is_below_it_and_nothing_else() {
        let policy = policy("https://*.example.com");
        for good in ["https://a.example.com", "https://a.b.example.com"] {
            assert!(policy.allows(good), "{good}");
        }
        for bad in [
            "https://example.com",
            "https://.example.com",
            "https://evilexample.com",
            "https://a.example.com.evil",
            "http://a.example.com",
            "https://a.example.com:444",
        ] {
            assert!(!policy.allows(bad), "{bad}");
        }
    }

    #[test]
    fn native_schemes_ports_and_local_origins_are_known() {
        let policy = policy("capacitor://localhost, http://[::1]:3000,https://x.example:8443")
            .and(CorsPolicy::development());
        for good in [
            "capacitor://localhost",
            "http://[::1]:3000",
            "https://x.example:8443",
            "http://localhost:5173",
            "http://localhost",
            "http://127.0.0.1:8080",
        ] {
            assert!(policy.allows(good), "{good}");
        }
        for bad in [
            "https://localhost",
            "http://localhost.evil:80",
            "http://localhost:evil",
            "capacitor://evil",
        ] {
            assert!(!policy.allows(bad), "{bad}");
        }
    }

    #[test]
    fn wrong_entries_are_all_reported() {
        let wrong = CorsPolicy::parse(
            "*, https://ok.example, https://*.com, example.com, https://a.*.com, https://x/",
        )
        .unwrap_err();
        assert_eq!(wrong.len(), 5, "{wrong:?}");
    }

    #[test]
    fn a_pattern_is_shown_as_it_was_written() {
        for text in [
            "https://*.example.com",
            "http://localhost:*",
            "https://x.example:8443",
            "capacitor://localhost",
        ] {
            assert_eq!(text.parse::<OriginPattern>().unwrap().to_string(), text);
        }
    }
}
