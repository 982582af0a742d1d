//! Where Redis is: its URL, taken apart.

use std::net::IpAddr;

use percent_encoding::percent_decode_str;
use secrecy::{ExposeSecret, SecretString};
use url::Url;

use crate::config::RedisConfigError;

const REDIS_PORT: u16 = 6379;
const SENTINEL_PORT: u16 = 26379;

/// Where Redis is and who comes.
#[derive(Debug, Clone)]
pub(crate) struct Address {
    pub(crate) layout: Layout,
    pub(crate) tls: bool,
    pub(crate) hosts: Vec<(String, u16)>,
    pub(crate) username: Option<String>,
    pub(crate) password: Option<SecretString>,
    pub(crate) database: i64,
}

/// What the hosts are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Layout {
    /// The one server.
    Single,
    /// Sentinels that know the master of a service.
    Sentinel { service: String },
    /// Some servers of a cluster.
    Cluster,
}

impl Address {
    pub(crate) fn parse(url: &SecretString) -> Result<Self, RedisConfigError> {
        let (scheme, rest) = url
            .expose_secret()
            .split_once("://")
            .ok_or(RedisConfigError::Scheme)?;
        let (tls, kind) = match scheme.split_once('+').unwrap_or((scheme, "")) {
            ("redis", kind) => (false, kind),
            ("rediss", kind) => (true, kind),
            _ => return Err(RedisConfigError::Scheme),
        };
        if rest.contains(['?', '#']) {
            return Err(RedisConfigError::Parameters);
        }
        let (authority, path) = rest.split_once('/').unwrap_or((rest, ""));
        if path.contains('@') {
            return Err(RedisConfigError::Login);
        }
        let (layout, database) = layout(kind, path)?;
        let (login, hosts) = authority.rsplit_once('@').unwrap_or(("", authority));
        let (username, password) = login.split_once(':').unwrap_or((login, ""));
        let default_port = match layout {
            Layout::Sentinel { .. } => SENTINEL_PORT,
            Layout::Single | Layout::Cluster => REDIS_PORT,
        };
        let hosts: Vec<_> = hosts
            .split(',')
            .map(|host| parse_host(host, default_port))
            .collect::<Result<_, _>>()?;
        if layout == Layout::Single && hosts.len() > 1 {
            return Err(RedisConfigError::SeveralHosts);
        }
        Ok(Self {
            layout,
            tls,
            hosts,
            username: decode(username)?,
            password: decode(password)?.map(SecretString::from),
            database,
        })
    }
}

/// What the hosts are, and the number of the database.
fn layout(kind: &str, path: &str) -> Result<(Layout, i64), RedisConfigError> {
    let path = path.trim_end_matches('/');
    match kind {
        "" => Ok((Layout::Single, database(path)?)),
        "cluster" => match database(path) {
            Ok(0) => Ok((Layout::Cluster, 0)),
            _ => Err(RedisConfigError::ClusterDatabase),
        },
        "sentinel" => {
            let (service, path) = path.split_once('/').unwrap_or((path, ""));
            let service = decode(service)?.ok_or(RedisConfigError::Service)?;
            let database = database(path).map_err(|_| RedisConfigError::Service)?;
            Ok((Layout::Sentinel { service }, database))
        }
        _ => Err(RedisConfigError::Scheme),
    }
}

fn database(path: &str) -> Result<i64, RedisConfigError> {
    if path.is_empty() {
        return Ok(0);
    }
    let number: u16 = path.parse().map_err(|_| RedisConfigError::Database)?;
    Ok(number.into())
}

fn parse_host(host: &str, default_port: u16) -> Result<(String, u16), RedisConfigError> {
    let url = Url::parse(&format!("redis://{host}")).map_err(RedisConfigError::Host)?;
    let name = match url.host() {
        Some(url::Host::Domain(name)) => name.to_owned(),
        // Without the brackets, which belong to the URL alone.
        Some(url::Host::Ipv4(address)) => address.to_string(),
        Some(url::Host::Ipv6(address)) => address.to_string(),
        None => return Err(RedisConfigError::Host(url::ParseError::EmptyHost)),
    };
    if name
        .parse::<IpAddr>()
        .is_ok_and(|address| address.is_unspecified())
    {
        return Err(RedisConfigError::Unspecified);
    }
    Ok((name, url.port().unwrap_or(default_port)))
}

/// A part that may be left out.
fn decode(part: &str) -> Result<Option<String>, RedisConfigError> {
    let text = percent_decode_str(part)
        .decode_utf8()
        .map_err(|_| RedisConfigError::Login)?;
    Ok((!text.is_empty()).then(|| text.into_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(url: &str) -> Result<Address, RedisConfigError> {
        Address::parse(&url.into())
    }

    fn hosts(address: &Address) -> Vec<(&str, u16)> {
        let hosts = address.hosts.iter();
        hosts.map(|(host, port)| (host.as_str(), *port)).collect()
    }

    #[test]
    fn one_server_with_and_without_a_login() {
        let plain = parse("redis://cache").unwrap();
        assert_eq!(
            (plain.layout, plain.tls, plain.database),
            (Layout::Single, false, 0)
        );
        assert_eq!(plain.hosts, [("cache".to_owned(), 6379)]);
        assert!(plain.username.is_none() && plain.password.is_none());

        let full = parse("rediss://app:p%40ss%2Fword%3A@cache.example:6380/3").unwrap();
        assert_eq!((full.tls, full.database), (true, 3));
        assert_eq!(hosts(&full), [("cache.example", 6380)]);
        assert_eq!(full.username.as_deref(), Some("app"));
        assert_eq!(full.password.unwrap().expose_secret(), "p@ss/word:");

        let password = parse("redis://:secret@127.0.0.1").unwrap();
        assert!(password.username.is_none());
        assert_eq!(password.password.unwrap().expose_secret(), "secret");
        assert_eq!(hosts(&parse("redis://[::1]:7000/").unwrap()), [("::1", 7000)]);
    }

    #[test]
    fn sentinels_and_the_service_they_watch() {
        let address = parse("redis+sentinel://app:pw@one,two:5000,[::1]/primary/2").unwrap();
        let service = "primary".to_owned();
        assert_eq!(address.layout, Layout::Sentinel { service });
        assert_eq!((address.tls, address.database), (false, 2));
        assert_eq!(hosts(&address), [("one", 26379), ("two", 5000), ("::1", 26379)]);
        assert_eq!(address.username.as_deref(), Some("app"));
        assert!(parse("rediss+sentinel://one/primary").unwrap().tls);
    }

    #[test]
    fn servers_of_a_cluster() {
        let address = parse("redis+cluster://:pw@one:7001,two:7002").unwrap();
        assert_eq!(address.layout, Layout::Cluster);
        assert_eq!(hosts(&address), [("one", 7001), ("two", 7002)]);
        assert!(parse("rediss+cluster://one/0").unwrap().tls);
    }

    #[test]
    fn threat_73_a_malformed_url_is_refused_without_its_password() {
        for (url, reason) in [
            ("", "must begin with redis://"),
            ("cache:6379", "must begin with redis://"),
            ("http://:hunter2@cache", "must begin with redis://"),
            ("redis+http://:hunter2@cache", "must begin with redis://"),
            ("redis://:hunter2@", "malformed"),
            ("redis://:hunter2@cache:http", "malformed"),
            ("redis://:hunter2@cache:70000", "malformed"),
            ("redis://:hunter2/2@cache", "percent-encoding"),
            ("redis://:hunter2@[::1", "malformed"),
            ("redis://:hunter2@0.0.0.0", "an address to listen on"),
            ("redis://:hunter2@one,two", "several hosts"),
            ("redis://:hunter2%FF@cache", "percent-encoding"),
            ("redis://:hunter2@cache?protocol=resp3", "no parameters"),
            ("rediss://:hunter2@cache#insecure", "no parameters"),
            ("redis://:hunter2@cache/first", "number of a database"),
            ("redis://:hunter2@cache/-1", "number of a database"),
            ("redis://:hunter2@cache/1/2", "number of a database"),
            ("redis+sentinel://:hunter2@one,two", "name of a service"),
            ("redis+sentinel://:hunter2@one/primary/first", "name of a service"),
            ("redis+sentinel://:hunter2@one,/primary", "malformed"),
            ("redis+cluster://:hunter2@one/1", "no database but 0"),
        ] {
            let error = parse(url).unwrap_err();
            let text = format!("{error} {error:?}");
            assert!(text.contains(reason), "{url}: {text}");
            assert!(!text.contains("hunter2"), "{text}");
        }
    }

    #[test]
    fn threat_73_the_password_of_an_address_is_not_in_its_debug() {
        let address = parse("redis://:hunter2@cache").unwrap();
        assert!(!format!("{address:?}").contains("hunter2"));
    }
}
