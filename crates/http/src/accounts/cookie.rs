//! The cookies that hold the refresh token, the token of the device, and what a browser is known by that went to a provider.

use actix_web::HttpRequest;
use actix_web::cookie::time::Duration;
use actix_web::cookie::{Cookie, SameSite};
use chrono::TimeDelta;
use parlance_domain::accounts::{AUTHORIZATION_LIFETIME, BrowserBinding, DEVICE_KNOWN_FOR};
use secrecy::ExposeSecret;

use crate::state::{CookiePolicy, CookieSameSite};

/// The name of the refresh token's, as front ends know it.
const NAME: &str = "refreshToken";
/// The name of the device's.
const DEVICE: &str = "deviceToken";
/// The name of what a browser is known by.
const BINDING: &str = "providerBinding";
/// They are sent to the routes of sessions only.
const PATH: &str = "/api/v1/auth";

/// The refresh token that a request brings along.
pub(super) fn of(req: &HttpRequest) -> Option<String> {
    named(req, NAME)
}

/// The token of the device that a request brings along.
pub(crate) fn device_of(req: &HttpRequest) -> Option<String> {
    named(req, DEVICE)
}

/// What a request brings along of a browser that went to a provider.
pub(super) fn binding_of(req: &HttpRequest) -> Option<String> {
    named(req, BINDING)
}

fn named(req: &HttpRequest, name: &str) -> Option<String> {
    req.cookie(name)
        .map(|cookie| cookie.value().to_owned())
        .filter(|token| !token.is_empty())
}

/// The header that makes a browser keep a token.
pub(super) fn holding(token: &str, policy: CookiePolicy) -> String {
    written(NAME, token, policy.max_age, policy)
}

/// The header that makes a browser keep the token of its device, for as long as accounts know it.
pub(super) fn holding_device(token: &str, policy: CookiePolicy) -> String {
    written(DEVICE, token, DEVICE_KNOWN_FOR, policy)
}

/// The header that makes a browser keep what it is known by, for as long as it may be at a provider.
///
/// It comes back from another site, following a link: the strictest cookie would not.
pub(super) fn holding_binding(binding: &BrowserBinding, policy: CookiePolicy) -> String {
    let same_site = match policy.same_site {
        CookieSameSite::Strict | CookieSameSite::Lax => CookieSameSite::Lax,
        CookieSameSite::None => CookieSameSite::None,
    };
    let policy = CookiePolicy { same_site, ..policy };
    written(
        BINDING,
        binding.text().expose_secret(),
        AUTHORIZATION_LIFETIME,
        policy,
    )
}

/// The header that makes a browser forget its token.
pub(super) fn forgotten(policy: CookiePolicy) -> String {
    written(NAME, "", TimeDelta::zero(), policy)
}

fn written(name: &'static str, value: &str, max_age: TimeDelta, policy: CookiePolicy) -> String {
    let same_site = match policy.same_site {
        CookieSameSite::Strict => SameSite::Strict,
        CookieSameSite::Lax => SameSite::Lax,
        CookieSameSite::None => SameSite::None,
    };
    Cookie::build(name, value)
        .path(PATH)
        .http_only(true)
        .secure(policy.secure)
        .same_site(same_site)
        .max_age(Duration::seconds(max_age.num_seconds()))
        .finish()
        .to_string()
}

#[cfg(test)]
mod tests {
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
    fn a_device_is_known_for_a_year() {
        assert_eq!(
            holding_device("abc", policy(true, CookieSameSite::Strict)),
            "deviceToken=abc; HttpOnly; SameSite=Strict; Secure; Path=/api/v1/auth; Max-Age=31536000"
        );
    }

    #[test]
    fn a_browser_is_known_when_it_comes_back_from_another_site() {
        let binding = BrowserBinding::new(&[0; BrowserBinding::BYTES]);
        for (set, sent) in [
            (CookieSameSite::Strict, "Lax"),
            (CookieSameSite::Lax, "Lax"),
            (CookieSameSite::None, "None"),
        ] {
            let value = "A".repeat(43);
            assert_eq!(
                holding_binding(&binding, policy(true, set)),
                format!(
                    "providerBinding={value}; HttpOnly; SameSite={sent}; Secure; Path=/api/v1/auth; Max-Age=600"
                )
            );
        }
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
