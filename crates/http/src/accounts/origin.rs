//! Refuses pages of strangers on the routes that a cookie alone opens.

use actix_web::HttpRequest;
use actix_web::http::header::{self, HeaderName};

use crate::cors::{Origin, split_port};
use crate::error::{ApiError, ErrorCode};
use crate::state::HttpConfig;

const X_FORWARDED_HOST: HeaderName = HeaderName::from_static("x-forwarded-host");

/// Lets a request go on that comes from no page, a page of this server, or an allowed one.
pub(super) fn check(req: &HttpRequest, config: &HttpConfig) -> Result<(), ApiError> {
    let Some(origin) = req.headers().get(header::ORIGIN) else {
        return Ok(());
    };
    let allowed = origin.to_str().is_ok_and(|origin| {
        config.cors.allows(origin) || is_own(origin, host(req, config), is_local(req, config))
    });
    if allowed {
        Ok(())
    } else {
        Err(ApiError::new(ErrorCode::OriginNotAllowed))
    }
}

/// The host that the client believes to talk to: a proxy of ours may have replaced it.
fn host<'a>(req: &'a HttpRequest, config: &HttpConfig) -> Option<&'a str> {
    let proxied = req.peer_addr().is_some_and(|peer| config.trusts(peer.ip()));
    let forwarded = req.headers().get(X_FORWARDED_HOST).filter(|_| proxied);
    let value = forwarded.or_else(|| req.headers().get(header::HOST));
    match value {
        Some(value) => value.to_str().ok(),
        None => req.uri().authority().map(actix_web::http::uri::Authority::as_str),
    }
}

/// Whether the client may have come without encryption: nobody stands in front.
fn is_local(req: &HttpRequest, config: &HttpConfig) -> bool {
    let proxied = req.peer_addr().is_some_and(|peer| config.trusts(peer.ip()));
    !proxied || !config.refresh_cookie.secure
}

/// Whether an origin is this server itself. Its https form always is: whoever ends the encryption in front
/// of this process speaks for the same host.
fn is_own(origin: &str, host: Option<&str>, plain_too: bool) -> bool {
    let (Some(origin), Some(host)) = (Origin::parse(origin), host) else {
        return false;
    };
    let lower = host.to_ascii_lowercase();
    let Some((name, port)) = split_port(&lower) else {
        return false;
    };
    let (scheme_fits, default) = match origin.scheme {
        "https" => (true, 443),
        "http" => (plain_too, 80),
        _ => (false, 0),
    };
    scheme_fits && origin.host == name && origin.port.unwrap_or(default) == port.unwrap_or(default)
}

#[cfg(test)]
mod tests {
    use actix_web::test::TestRequest;

    use super::*;
    use crate::cors::CorsPolicy;

    fn code(host: &str, origin: Option<&str>) -> Option<ErrorCode> {
        let mut req = TestRequest::default().insert_header((header::HOST, host));
        if let Some(origin) = origin {
            req = req.insert_header((header::ORIGIN, origin));
        }
        let config = HttpConfig {
            cors: CorsPolicy::parse("https://app.example.com").unwrap(),
            ..HttpConfig::development()
        };
        check(&req.to_http_request(), &config)
            .err()
            .map(|error| error.code())
    }

    #[test]
    fn threat_32_a_page_of_a_stranger_is_refused() {
        for origin in [
            "https://evil.example",
            "null",
            "http://api.example.com:8081",
            "http://sub.api.example.com:8080",
            "https://api.example.com",
            "",
        ] {
            assert_eq!(
                code("api.example.com:8080", Some(origin)),
                Some(ErrorCode::OriginNotAllowed),
                "{origin}"
            );
        }
    }

    #[test]
    fn the_own_origin_an_allowed_one_and_none_go_on() {
        assert_eq!(code("api.example.com:8080", None), None);
        assert_eq!(
            code("API.example.com:8080", Some("http://api.example.com:8080")),
            None
        );
        assert_eq!(code("api.example.com", Some("https://api.example.com")), None);
        assert_eq!(code("api.example.com", Some("http://api.example.com")), None);
        assert_eq!(code("api.example.com", Some("https://app.example.com")), None);
        assert_eq!(code("[::1]:8080", Some("http://[::1]:8080")), None);
    }
}
