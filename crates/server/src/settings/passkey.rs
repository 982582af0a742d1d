//! For which site passkeys are.

use parlance_passkeys::Site;
use url::Url;

use super::reader::Reader;

/// The site; on a developer's machine whatever is served on `localhost`, in production none unless it is named.
pub(super) fn site(reader: &mut Reader<'_>) -> Option<Site> {
    let is_production = reader.is_production();
    let named = reader.list("PASSKEY_ORIGINS", |text| parse_origin(text, is_production));
    let Some(id) = reader.text("PASSKEY_RP_ID") else {
        if !named.is_empty() {
            reader.refuse("PASSKEY_RP_ID", "must be set where PASSKEY_ORIGINS is");
        }
        return None;
    };
    let any_port = named.is_empty() && !is_production && id == "localhost";
    let scheme = if any_port { "http" } else { "https" };
    let origins = if named.is_empty() {
        Url::parse(&format!("{scheme}://{id}")).into_iter().collect()
    } else {
        named
    };
    let site = Site {
        id,
        name: String::new(),
        origins,
        any_port,
    };
    match site.check() {
        Ok(()) => Some(site),
        Err(error) => {
            reader.refuse("PASSKEY_RP_ID", error.to_string());
            None
        }
    }
}

fn parse_origin(text: &str, is_production: bool) -> Result<Url, String> {
    let url =
        Url::parse(text).map_err(|_| format!("`{text}` is not an origin such as https://app.example.com"))?;
    if is_production && url.scheme() == "http" {
        return Err(format!("`{text}` must be https:// in production"));
    }
    Ok(url)
}

#[cfg(test)]
mod tests {
    use crate::settings::Settings;
    use crate::settings::tests::{development, production, subjects};

    fn origins(settings: &Settings) -> Vec<&str> {
        let site = settings.passkeys.as_ref().unwrap();
        site.origins.iter().map(url::Url::as_str).collect()
    }

    #[test]
    fn a_developer_has_passkeys_of_localhost_on_any_port() {
        let settings = development([]).unwrap();
        assert_eq!(origins(&settings), ["http://localhost/"]);
        let site = settings.passkeys.unwrap();
        assert!(site.any_port && site.id == "localhost");
        let settings = development([("PASSKEY_ORIGINS", "http://localhost:5173")]).unwrap();
        assert_eq!(origins(&settings), ["http://localhost:5173/"]);
        assert!(!settings.passkeys.unwrap().any_port);
    }

    #[test]
    fn production_has_none_unless_its_site_is_named() {
        let with = |name, text| production([(name, text)]);
        assert!(production([]).unwrap().passkeys.is_none());
        let settings = with("PASSKEY_RP_ID", "example.com").unwrap();
        assert_eq!(origins(&settings), ["https://example.com/"]);
        assert!(!settings.passkeys.unwrap().any_port);
        assert_eq!(
            subjects(with("PASSKEY_ORIGINS", "https://example.com")),
            ["PASSKEY_RP_ID"]
        );
        assert_eq!(
            subjects(with("PASSKEY_ORIGINS", "http://example.com")),
            ["PASSKEY_ORIGINS"]
        );
    }

    #[test]
    fn what_browsers_would_refuse_is_refused_at_the_start() {
        for (id, origins) in [
            ("https://example.com", "https://example.com"),
            ("example.com", "https://example.org"),
            ("example.com", "https://example.com/learn"),
        ] {
            let refused = development([("PASSKEY_RP_ID", id), ("PASSKEY_ORIGINS", origins)]);
            assert_eq!(subjects(refused), ["PASSKEY_RP_ID"], "{id} {origins}");
        }
        assert_eq!(
            subjects(development([("PASSKEY_ORIGINS", "example")])),
            ["PASSKEY_ORIGINS"]
        );
    }
}
