//! What is known of a request from its first moment on.

use std::net::{IpAddr, Ipv4Addr};

use actix_web::HttpMessage;
use actix_web::dev::ServiceRequest;
use actix_web::http::header::HeaderName;

use super::client::client_address;
use crate::state::AppState;

pub(super) const X_REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
const X_FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");

/// A request's id and the address it came from.
#[derive(Debug, Clone)]
pub(crate) struct RequestContext {
    /// Its id, in the answer, in errors and in the log.
    pub(crate) id: String,
    /// The client's address.
    pub(crate) client: IpAddr,
}

impl RequestContext {
    /// Looks at a request.
    pub(super) fn of(req: &ServiceRequest, state: &AppState) -> Self {
        let sent = req
            .headers()
            .get(X_REQUEST_ID)
            .and_then(|value| value.to_str().ok());
        let id = match sent.filter(|id| is_request_id(id)) {
            Some(id) => id.to_owned(),
            None => state.services.ids.next().to_string(),
        };
        let peer = req
            .peer_addr()
            .map_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED), |peer| peer.ip());
        let hops: Vec<&str> = req
            .headers()
            .get_all(X_FORWARDED_FOR)
            .map(|value| value.to_str().unwrap_or("unreadable"))
            .collect();
        let client = client_address(peer, hops.into_iter(), |address| state.config.trusts(address));
        Self { id, client }
    }

    /// The context of a request that has passed the edge.
    pub(crate) fn from(req: &impl HttpMessage) -> Option<Self> {
        req.extensions().get::<Self>().cloned()
    }
}

/// 1 to 64 visible ASCII characters: nothing that could forge a header or a line of the log.
fn is_request_id(text: &str) -> bool {
    (1..=64).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_graphic())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn threat_46_only_short_visible_ids_are_kept() {
        assert!(is_request_id("abc-123"));
        assert!(is_request_id(&"x".repeat(64)));
        for bad in ["", "a b", "a\u{1b}[31m", "ä", &"x".repeat(65)] {
            assert!(!is_request_id(bad), "{bad:?}");
        }
    }
}
