//! Where something was done from.

use std::net::IpAddr;

use crate::accounts::SeenDevice;

/// Where a request came from, as far as it is known.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Circumstances {
    /// The client's address.
    pub address: Option<IpAddr>,
    /// What the client says that it is.
    pub user_agent: Option<UserAgent>,
    /// The request's id, as the log of requests has it.
    pub request_id: Option<String>,
    /// The device whose token the request brought along, if it brought a good one. Whether its account still knows it, the
    /// store says; the audit log does not keep it.
    pub device: Option<SeenDevice>,
}

/// What a client says of itself: at most 256 characters, none of them a control character.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct UserAgent(String);

impl UserAgent {
    /// The longest, in characters.
    pub const MAX_CHARACTERS: usize = 256;

    /// What is left of a header: control characters become spaces, and what is too long is cut. `None` if nothing is.
    pub fn of(text: &str) -> Option<Self> {
        let kept: String = text
            .trim()
            .chars()
            .map(|c| if c.is_control() { ' ' } else { c })
            .take(Self::MAX_CHARACTERS)
            .collect();
        (!kept.is_empty()).then_some(Self(kept))
    }

    /// The text itself.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn threat_46_a_user_agent_holds_no_control_characters_and_has_an_end() {
        let agent = |text: &str| UserAgent::of(text).map(|agent| agent.as_str().to_owned());
        assert_eq!(agent(" curl/8 "), Some("curl/8".to_owned()));
        assert_eq!(agent("a\r\nb\u{1b}[31m"), Some("a  b [31m".to_owned()));
        assert_eq!(agent(" \t "), None);
        assert_eq!(
            agent(&"字".repeat(300)).map(|text| text.chars().count()),
            Some(256)
        );
    }
}
