//! Providers that one can sign in with.

use std::collections::BTreeMap;

use parlance_domain::accounts::ProviderId;
use parlance_oidc::is_issuer;
use secrecy::SecretString;
use url::Url;

use super::reader::Reader;

/// The providers, and where they send browsers back to.
#[derive(Debug, Clone)]
pub struct FederationSettings {
    /// In the order in which they are shown.
    pub providers: Vec<IdentityProviderSettings>,
    /// Where browsers reach this server, without a slash at its end.
    pub api_url: String,
}

/// A provider that one can sign in with.
#[derive(Debug, Clone)]
pub struct IdentityProviderSettings {
    /// Its name in paths.
    pub id: ProviderId,
    /// What a button says.
    pub name: String,
    /// Its issuer, to the letter.
    pub issuer: String,
    /// Who we are to it.
    pub client_id: String,
    /// What shows that we are, where it gave a secret.
    pub client_secret: Option<SecretString>,
}

const ISSUERS: &str = "OIDC_ISSUERS";
const CLIENT_IDS: &str = "OIDC_CLIENT_IDS";
const SECRETS: &str = "OIDC_CLIENT_SECRETS";
const NAMES: &str = "OIDC_NAMES";

/// Those of `OIDC_ISSUERS`, with what the other settings say of each.
pub(super) fn federation(reader: &mut Reader<'_>, port: u16) -> FederationSettings {
    let issuers = pairs(reader, ISSUERS);
    let mut ids = named(reader, CLIENT_IDS, &issuers);
    let mut secrets = named(reader, SECRETS, &issuers);
    let mut names = named(reader, NAMES, &issuers);
    let mut providers: Vec<IdentityProviderSettings> = Vec::new();
    for (id, issuer) in issuers {
        if !is_issuer(&issuer) {
            let message = "must be https:// or, on this machine, http://, without login, query and fragment";
            reader.refuse(ISSUERS, format!("the issuer of `{id}` {message}"));
        }
        if providers
            .iter()
            .any(|other| other.id == id || other.issuer == issuer)
        {
            reader.refuse(ISSUERS, format!("`{id}` or its issuer is named twice"));
        }
        let Some(client_id) = ids.remove(&id) else {
            reader.refuse(CLIENT_IDS, format!("must name a client of `{id}`"));
            continue;
        };
        providers.push(IdentityProviderSettings {
            name: names.remove(&id).unwrap_or_else(|| id.to_string()),
            client_secret: secrets.remove(&id).map(SecretString::from),
            id,
            issuer,
            client_id,
        });
    }
    if reader.is_production() && !providers.is_empty() && reader.text("API_URL").is_none() {
        reader.refuse("API_URL", "must be set in production, where OIDC_ISSUERS is");
    }
    let is_production = reader.is_production();
    let api_url = reader.read("API_URL", |text| parse_api_url(text, is_production));
    FederationSettings {
        providers,
        api_url: api_url.unwrap_or_else(|| format!("http://localhost:{port}")),
    }
}

/// `name:value`, separated by commas.
fn pairs(reader: &mut Reader<'_>, setting: &str) -> Vec<(ProviderId, String)> {
    reader.list(setting, |text| {
        let wrong =
            || "must be `name:value`, separated by commas, with names out of a-z, 0-9 and '-'".to_owned();
        let (name, value) = text.split_once(':').ok_or_else(wrong)?;
        let fits = (1..=512).contains(&value.len()) && !value.contains(char::is_control);
        let name = name.parse().ok().filter(|_| fits);
        Ok((name.ok_or_else(wrong)?, value.to_owned()))
    })
}

/// The same, of providers that there are.
fn named(
    reader: &mut Reader<'_>,
    setting: &str,
    issuers: &[(ProviderId, String)],
) -> BTreeMap<ProviderId, String> {
    let mut named = BTreeMap::new();
    for (id, value) in pairs(reader, setting) {
        if !issuers.iter().any(|(known, _)| *known == id) {
            reader.refuse(setting, format!("`{id}` is not among {ISSUERS}"));
        } else if named.insert(id.clone(), value).is_some() {
            reader.refuse(setting, format!("`{id}` is named twice"));
        }
    }
    named
}

fn parse_api_url(text: &str, is_production: bool) -> Result<String, String> {
    let wrong =
        || "must be https:// or http:// and a host, without login, path, query or fragment".to_owned();
    let url = Url::parse(text).map_err(|_| wrong())?;
    let is_plain = url.username().is_empty()
        && url.password().is_none()
        // Cookies come back to `/api/v1` alone.
        && url.path() == "/"
        && url.query().is_none()
        && url.fragment().is_none();
    match url.scheme() {
        "http" if is_production => Err("must be https:// in production".to_owned()),
        "https" | "http" if is_plain && url.has_host() => Ok(url.as_str().trim_end_matches('/').to_owned()),
        _ => Err(wrong()),
    }
}

#[cfg(test)]
mod tests {
    use secrecy::ExposeSecret;

    use super::*;
    use crate::settings::tests::{development, production, subjects};

    const GOOGLE: (&str, &str) = (ISSUERS, "google:https://accounts.google.com");
    const CLIENT: (&str, &str) = (CLIENT_IDS, "google:1234.apps.googleusercontent.com");

    #[test]
    fn providers_are_put_together_by_their_names() {
        let settings = development([
            (
                ISSUERS,
                "google:https://accounts.google.com, company:https://id.example.com/realms/a",
            ),
            (CLIENT_IDS, "company:parlance,google:1234"),
            (SECRETS, "google:GOCSPX-a:b"),
            (NAMES, "google:Google"),
            ("API_URL", "https://api.example.com/"),
        ]);
        let settings = settings.unwrap().federation;
        assert_eq!(settings.api_url, "https://api.example.com");
        let [google, company] = &settings.providers[..] else {
            panic!("{settings:?}")
        };
        assert_eq!(
            (
                google.id.as_str(),
                &*google.name,
                &*google.issuer,
                &*google.client_id
            ),
            ("google", "Google", "https://accounts.google.com", "1234")
        );
        let secret = google.client_secret.as_ref().unwrap();
        assert_eq!(secret.expose_secret(), "GOCSPX-a:b");
        assert_eq!(
            (&*company.name, company.client_secret.is_none()),
            ("company", true)
        );
        assert!(!format!("{settings:?}").contains("GOCSPX"));
    }

    #[test]
    fn without_issuers_nobody_is_there() {
        let settings = development([("PORT", "4711")]).unwrap().federation;
        assert!(settings.providers.is_empty());
        assert_eq!(settings.api_url, "http://localhost:4711");
    }

    #[test]
    fn what_does_not_fit_is_refused_by_name() {
        for (pairs, subject) in [
            ([GOOGLE, (NAMES, "")], CLIENT_IDS),
            ([(ISSUERS, "google"), (NAMES, "")], ISSUERS),
            ([(ISSUERS, "google:http://accounts.google.com"), CLIENT], ISSUERS),
            ([(ISSUERS, "google:https://a.example?x=y"), CLIENT], ISSUERS),
            ([(NAMES, "other:Other"), (SECRETS, "")], NAMES),
            ([(SECRETS, "other:secret"), (NAMES, "")], SECRETS),
        ] {
            assert_eq!(subjects(development(pairs)), [subject], "{pairs:?}");
        }
        let twice = development([
            (ISSUERS, "google:https://a.example,google:https://b.example"),
            CLIENT,
        ]);
        assert_eq!(subjects(twice), [ISSUERS, CLIENT_IDS]);
    }

    #[test]
    fn threat_23_production_says_itself_where_browsers_come_back_to() {
        assert_eq!(subjects(production([GOOGLE, CLIENT])), ["API_URL"]);
        let plain = production([GOOGLE, CLIENT, ("API_URL", "http://api.example.com")]);
        assert_eq!(subjects(plain), ["API_URL"]);
        let below = production([GOOGLE, CLIENT, ("API_URL", "https://example.com/parlance")]);
        assert_eq!(subjects(below), ["API_URL"]);
        assert!(production([GOOGLE, CLIENT, ("API_URL", "https://api.example.com")]).is_ok());
    }
}
