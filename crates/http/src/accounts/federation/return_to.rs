//! Where a browser goes in the end: a page of a front end, and nowhere else.

use secrecy::{ExposeSecret, SecretString};
use url::Url;

use crate::cors::Origin;
use crate::error::{ApiError, ErrorCode};
use crate::state::HttpConfig;

/// The longest address of a page.
const LONGEST: usize = 2_000;

/// The page that a request names, or the front end's first.
///
/// It must be of an origin that may call, or of the front end that links in mails lead to: compared byte for byte as it was
/// written, and again as browsers will read it.
pub(super) fn page(config: &HttpConfig, asked: Option<&str>) -> Result<String, ApiError> {
    let Some(asked) = asked else {
        return Ok(config.public_url.clone());
    };
    let wrong = || {
        ApiError::invalid(
            "returnTo",
            "format",
            "must be a page of an allowed origin, without fragment",
        )
    };
    if is_page(config, asked) {
        Ok(asked.to_owned())
    } else {
        Err(wrong())
    }
}

fn is_page(config: &HttpConfig, asked: &str) -> bool {
    let is_plain = asked.len() <= LONGEST && asked.bytes().all(|b| b.is_ascii_graphic() && b != b'\\');
    let written = written_origin(asked);
    let read = Url::parse(asked).ok();
    let (Some(written), Some(read), true) = (written, read, is_plain) else {
        return false;
    };
    let is_own = |origin: &str| {
        let own = Url::parse(&config.public_url);
        own.is_ok_and(|own| own.origin().ascii_serialization() == origin)
    };
    let is_web = matches!(read.scheme(), "http" | "https");
    let has_user = !read.username().is_empty() || read.password().is_some();
    let allowed = config.cors.allows(written) || is_own(written);
    allowed && is_web && !has_user && read.fragment().is_none() && same(&read, written)
}

/// What stands before the path, as it was written.
fn written_origin(asked: &str) -> Option<&str> {
    let authority = asked.find("://")? + 3;
    let rest = asked.get(authority..)?;
    let end = rest.find(['/', '?', '#', '\\']).unwrap_or(rest.len());
    asked.get(..authority + end)
}

/// Whether browsers will read the origin that was written.
fn same(read: &Url, written: &str) -> bool {
    let Some(written) = Origin::parse(written) else {
        return false;
    };
    let port = written.port.or(match written.scheme {
        "http" => Some(80),
        "https" => Some(443),
        _ => None,
    });
    read.scheme() == written.scheme
        && read.host_str() == Some(written.host)
        && read.port_or_known_default() == port
}

/// A page, told that something came to nothing.
pub(super) fn with_error(page: &str, code: ErrorCode) -> String {
    with(page, "error", code.as_str())
}

/// A page, told that a code of the second factor is asked for; what it is to come with stands where no server reads it.
pub(super) fn with_challenge(page: &str, challenge: &SecretString) -> String {
    let page = with_error(page, ErrorCode::SecondFactorRequired);
    format!("{page}#challenge={}", challenge.expose_secret())
}

/// A page with one more parameter in its query.
pub(super) fn with(page: &str, name: &str, value: &str) -> String {
    match Url::parse(page) {
        Ok(mut url) => {
            url.query_pairs_mut().append_pair(name, value);
            url.into()
        }
        // What is under way was checked, and so were the settings.
        Err(_) => page.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cors::CorsPolicy;

    fn config() -> HttpConfig {
        HttpConfig {
            cors: CorsPolicy::parse("https://app.example.com,https://*.example.org,http://[::1]:3000")
                .unwrap(),
            public_url: "https://learn.example.com/start".to_owned(),
            ..HttpConfig::development()
        }
    }

    #[test]
    fn threat_28_only_a_page_of_a_front_end_is_returned_to() {
        let config = config();
        for good in [
            "https://app.example.com",
            "https://app.example.com/",
            "https://app.example.com/words?list=1&x=//evil",
            "https://a.example.org/path",
            "https://learn.example.com/other",
            "http://[::1]:3000/",
        ] {
            assert_eq!(page(&config, Some(good)).unwrap(), good);
        }
        for bad in [
            "",
            "/",
            "/words",
            "//evil",
            "//app.example.com",
            "/\\evil",
            "\\\\evil",
            "https:evil",
            "https:app.example.com",
            "https:/app.example.com",
            "https:///app.example.com",
            "https://app.example.com@evil",
            "https://app.example.com:pass@evil",
            "https://app@evil",
            "https://user@app.example.com",
            "https://app.example.com\\@evil",
            "https://app.example.com\\.evil",
            "https://app.example.com.evil",
            "https://evilapp.example.com",
            "https://app.example.com:444",
            "http://app.example.com",
            "HTTPS://app.example.com",
            "https://APP.example.com",
            "https://app.example.com#@evil",
            "https://app.example.com/#x",
            " https://app.example.com",
            "https://app.example.com/\r\nSet-Cookie: a=b",
            "https://app.example.com/\u{0}",
            "https://\u{ff41}pp.example.com",
            "javascript://app.example.com/%0aalert(1)",
            "data:text/html,x",
            "https://evil/?https://app.example.com",
            "https://evil#https://app.example.com",
            "https://.example.org",
            &format!("https://app.example.com/{}", "x".repeat(LONGEST)),
        ] {
            assert!(page(&config, Some(bad)).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn without_a_page_it_is_the_first_of_the_front_end() {
        assert_eq!(page(&config(), None).unwrap(), "https://learn.example.com/start");
    }

    #[test]
    fn what_came_of_it_stands_in_the_query() {
        assert_eq!(
            with_error("https://app.example.com/a?b=c", ErrorCode::ProviderRefused),
            "https://app.example.com/a?b=c&error=PROVIDER_REFUSED"
        );
        assert_eq!(
            with_challenge("https://app.example.com", &"abc".into()),
            "https://app.example.com/?error=SECOND_FACTOR_REQUIRED#challenge=abc"
        );
    }
}
