//! The cookie that holds the refresh token.

use actix_web::HttpRequest;
use actix_web::cookie::time::Duration;
use actix_web::cookie::{Cookie, SameSite};

use crate::state::{CookiePolicy, CookieSameSite};

/// Its name, as front ends know it.
const NAME: &str = "refreshToken";
/// It is sent to the routes of sessions only.
const PATH: &str = "/api/v1/auth";

/// The refresh token that a request brings along.
pub(super) fn of(req: &HttpRequest) -> Option<String> {
    req.cookie(NAME)
        .map(|cookie| cookie.value().to_owned())
        .filter(|token| !token.is_empty())
}

/// The header that makes a browser keep a token.
pub(super) fn holding(token: &str, policy: CookiePolicy) -> String {
    written(token, policy.max_age.num_seconds(), policy)
}

/// The header that makes a browser forget its token.
pub(super) fn forgotten(policy: CookiePolicy) -> String {
    written("", 0, policy)
}

fn written(value: &str, seconds: i64, policy: CookiePolicy) -> String {
    let same_site = match policy.same_site {
        CookieSameSite::Strict => SameSite::Strict,
        CookieSameSite::Lax => SameSite::Lax,
        CookieSameSite::None => SameSite::None,
    };
    Cookie::build(NAME, value)
        .path(PATH)
        .http_only(true)
        .secure(policy.secure)
        .same_site(same_site)
        .max_age(Duration::seconds(seconds))
        .finish()
        .to_string()
}

#[cfg(test)]
mod tests {
    use chrono::TimeDelta;

    use super::*;

    fn policy(secure: bool, same_site: CookieSameSite) -> CookiePolicy {
        CookiePolicy {
            secure,
            same_site,
            max_age: TimeDelta::days(7),
        }
    }

    #[test]
    fn the_cookie_is_out_of_reach_of_scripts_and_other_sites() {
        assert_eq!(
            holding("abc", policy(true, CookieSameSite::Strict)),
            "refreshToken=abc; HttpOnly; SameSite=Strict; Secure; Path=/api/v1/auth; Max-Age=604800"
        );
        assert_eq!(
            holding("abc", policy(false, CookieSameSite::Lax)),
            "refreshToken=abc; HttpOnly; SameSite=Lax; Path=/api/v1/auth; Max-Age=604800"
        );
    }

    #[test]
    fn it_is_forgotten_with_the_same_path() {
        let header = forgotten(policy(false, CookieSameSite::Lax));
        assert!(
            header.contains("Path=/api/v1/auth") && header.contains("Max-Age=0"),
            "{header}"
        );
    }
}
