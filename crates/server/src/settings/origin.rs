//! Origins of front ends: read, and whether the refresh cookie reaches them.

use parlance_http::cors::{CorsPolicy, OriginPattern};
use parlance_http::state::{CookieSameSite, Environment};

/// Reads `CORS_ORIGIN`; each entry that cannot be allowed is named.
pub(super) fn parse(text: &str) -> Result<CorsPolicy, Vec<String>> {
    CorsPolicy::parse(text).map_err(|wrong| wrong.iter().map(ToString::to_string).collect())
}

/// The origins that a browser will not send the refresh cookie from, as far as that can be told without
/// knowing the server's public name.
pub fn out_of_reach(
    origins: &CorsPolicy,
    same_site: CookieSameSite,
    environment: Environment,
) -> Vec<&OriginPattern> {
    if same_site == CookieSameSite::None {
        return Vec::new();
    }
    // Sites are told apart by their scheme too, and in production the server is reached by https.
    let other_scheme = |scheme: &str| match scheme {
        "https" => false,
        "http" => environment == Environment::Production,
        _ => true,
    };
    origins
        .patterns()
        .iter()
        .filter(|origin| other_scheme(origin.scheme()))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn threat_33_what_would_let_strangers_in_is_refused_and_each_entry_named() {
        let wrong = parse("*,https://app.example.com,null,https://*").err().unwrap();
        assert_eq!(wrong.len(), 3, "{wrong:?}");
    }

    #[test]
    fn native_and_plain_origins_are_out_of_reach_of_a_strict_cookie() {
        let origins = parse("https://a.example,http://a.example,capacitor://localhost").unwrap();
        let reach = |same_site, environment| out_of_reach(&origins, same_site, environment).len();
        assert_eq!(reach(CookieSameSite::Strict, Environment::Production), 2);
        assert_eq!(reach(CookieSameSite::Lax, Environment::Development), 1);
        assert_eq!(reach(CookieSameSite::None, Environment::Production), 0);
    }
}
