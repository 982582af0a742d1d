//! The URL of a database, read as libpq reads it.

use std::path::PathBuf;
use std::time::Duration;

use secrecy::{ExposeSecret, SecretString};
use tokio_postgres::Config;
use tokio_postgres::config::{Host, LoadBalanceHosts, SslMode};
use url::form_urlencoded;

/// Why a URL is refused; what it says is not repeated, for the password's sake.
#[derive(Debug, thiserror::Error)]
pub enum UrlError {
    /// It is the URL of something else.
    #[error("it does not begin with postgres:// or postgresql://")]
    Scheme,
    /// It cannot be read.
    #[error("it cannot be read: {0}")]
    Syntax(String),
    /// It says nowhere to connect to.
    #[error("it names no host")]
    NoHost,
    /// There are more or fewer ports than hosts.
    #[error("it must name one port, or one for each host")]
    Ports,
    /// The mode of TLS is not one of libpq's.
    #[error("sslmode must be disable, prefer, require, verify-ca or verify-full")]
    TlsMode,
    /// The authorities of the system sign for anybody.
    #[error("sslrootcert=system needs sslmode=verify-full")]
    SystemRoots,
}

/// How much a server must prove before anything is said to it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum TlsMode {
    /// There is no TLS.
    Disable,
    /// There is TLS where the server offers it; it need prove nothing.
    Prefer,
    /// There is TLS; it need prove nothing.
    Require,
    /// A trusted authority has signed the server's certificate.
    VerifyCa,
    /// And the certificate is of the host that was named.
    VerifyFull,
}

/// Who signs for servers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Roots {
    /// The authorities that the system trusts.
    System,
    /// Those in a file of PEM.
    File(PathBuf),
}

/// What a URL says.
pub(super) struct Target {
    /// One for each host, in the order in which they are tried.
    pub(super) hosts: Vec<Config>,
    /// Whether another host is begun with each time.
    pub(super) in_turns: bool,
    /// What servers must prove.
    pub(super) tls: TlsMode,
    /// Who signs for them.
    pub(super) roots: Roots,
}

impl Target {
    /// Reads a URL; what it does not say itself is taken from the arguments.
    pub(super) fn read(
        url: &SecretString,
        application_name: &str,
        connect_timeout: Duration,
    ) -> Result<Self, UrlError> {
        let parts = Parts::split(url.expose_secret())?;
        let roots = match parts.option("sslrootcert") {
            None => None,
            Some(path) if path == "system" => Some(Roots::System),
            Some(path) => Some(Roots::File(path.into())),
        };
        let tls = tls_mode(parts.option("sslmode").as_deref(), roots.as_ref())?;
        let mut whole: Config = parts.rest().parse().map_err(|error| syntax(&error))?;
        if whole.get_application_name().is_none() {
            whole.application_name(application_name);
        }
        if whole.get_connect_timeout().is_none() {
            whole.connect_timeout(connect_timeout);
        }
        Ok(Self {
            hosts: hosts_of(&whole, tls)?,
            in_turns: whole.get_load_balance_hosts() == LoadBalanceHosts::Random,
            tls,
            roots: roots.unwrap_or(Roots::System),
        })
    }
}

fn syntax(error: &tokio_postgres::Error) -> UrlError {
    let cause = std::error::Error::source(error);
    UrlError::Syntax(cause.map_or_else(|| error.to_string(), ToString::to_string))
}

fn tls_mode(mode: Option<&str>, roots: Option<&Roots>) -> Result<TlsMode, UrlError> {
    let mode = match (mode, roots) {
        (None, Some(Roots::System)) | (Some("verify-full"), _) => TlsMode::VerifyFull,
        (None | Some("prefer"), _) => TlsMode::Prefer,
        (Some("disable"), _) => TlsMode::Disable,
        // libpq verifies whenever it is told by whom a certificate must be signed.
        (Some("require"), None) => TlsMode::Require,
        (Some("require" | "verify-ca"), _) => TlsMode::VerifyCa,
        (Some(_), _) => return Err(UrlError::TlsMode),
    };
    // Without a file, only the host's name tells one customer of a public authority from another.
    if roots == Some(&Roots::System) && !matches!(mode, TlsMode::VerifyFull | TlsMode::Disable) {
        return Err(UrlError::SystemRoots);
    }
    Ok(mode)
}

/// A URL in pieces that are still encoded.
struct Parts<'a> {
    /// `user:password@`, or nothing.
    credentials: &'a str,
    /// The hosts with their ports.
    hosts: &'a str,
    /// `/database`, or nothing.
    path: &'a str,
    /// The options as names and values.
    options: Vec<(&'a str, &'a str)>,
}

impl<'a> Parts<'a> {
    fn split(url: &'a str) -> Result<Self, UrlError> {
        let rest = url
            .strip_prefix("postgres://")
            .or_else(|| url.strip_prefix("postgresql://"))
            .ok_or(UrlError::Scheme)?;
        // A password may hold what has a meaning further on, if somebody forgot to encode it.
        let (credentials, rest) = rest.split_at(rest.find('@').map_or(0, |at| at + 1));
        // Another one belongs to a password, which must not be taken for a host that errors name.
        if !credentials.is_empty() && rest.contains('@') {
            return Err(UrlError::Syntax(
                "what is special in the user's name or the password must be percent-encoded".to_owned(),
            ));
        }
        let (rest, query) = rest.split_once('?').unwrap_or((rest, ""));
        let (hosts, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
        let options = query.split('&').filter(|option| !option.is_empty());
        Ok(Self {
            credentials,
            hosts,
            path,
            options: options
                .map(|option| option.split_once('='))
                .collect::<Option<_>>()
                .ok_or_else(|| UrlError::Syntax("an option has no value".to_owned()))?,
        })
    }

    /// The value of an option; of one given twice, the last.
    fn option(&self, wanted: &str) -> Option<String> {
        let (_, value) = self.options.iter().rev().find(|(name, _)| *name == wanted)?;
        // In these URLs, unlike in forms, a plus is a plus.
        let pair = format!("v={}", value.replace('+', "%2B"));
        let mut decoded = form_urlencoded::parse(pair.as_bytes());
        decoded.next().map(|(_, value)| value.into_owned())
    }

    /// The URL without the options read here, and with the hosts where libpq looks for them.
    fn rest(&self) -> String {
        let has = |wanted| self.options.iter().any(|(name, _)| *name == wanted);
        let mut options: Vec<String> = self
            .options
            .iter()
            .filter(|(name, _)| !matches!(*name, "sslmode" | "sslrootcert"))
            .map(|(name, value)| format!("{name}={value}"))
            .collect();
        let mut hosts = self.hosts;
        if has("host") {
            // A host among the options is used instead of the one in its usual place, whose port stays.
            let port = hosts.rsplit_once(':').map(|(_, port)| port);
            options.extend(port.filter(|_| !has("port")).map(|port| format!("port={port}")));
            hosts = "";
        }
        let (credentials, path) = (self.credentials, self.path);
        format!("postgres://{credentials}{hosts}{path}?{}", options.join("&"))
    }
}

/// One set of settings for each host, so that each has a time-out of its own.
fn hosts_of(whole: &Config, tls: TlsMode) -> Result<Vec<Config>, UrlError> {
    let names: Vec<&Host> = whole
        .get_hosts()
        .iter()
        .filter(|host| !matches!(host, Host::Tcp(name) if name.is_empty()))
        .collect();
    let addresses = whole.get_hostaddrs();
    let count = names.len().max(addresses.len());
    let ports = whole.get_ports();
    if count == 0 {
        return Err(UrlError::NoHost);
    }
    if ports.len() > 1 && ports.len() != count {
        return Err(UrlError::Ports);
    }
    if !addresses.is_empty() && !names.is_empty() && names.len() != addresses.len() {
        return Err(UrlError::Syntax(
            "the hosts and their addresses differ in number".to_owned(),
        ));
    }
    let hosts = (0..count).map(|number| {
        let mut host = without_hosts(whole);
        match names.get(number) {
            Some(Host::Tcp(name)) => {
                host.host(name).ssl_mode(wire_mode(tls));
            }
            // What does not leave the machine is not encrypted, whatever is asked for: libpq says so.
            #[cfg(unix)]
            Some(Host::Unix(path)) => {
                host.host_path(path).ssl_mode(SslMode::Disable);
            }
            None => {
                host.ssl_mode(wire_mode(tls));
            }
        }
        if let Some(address) = addresses.get(number) {
            host.hostaddr(*address);
        }
        let port = ports.get(number).or_else(|| ports.first());
        host.port(port.copied().unwrap_or(5432));
        host
    });
    Ok(hosts.collect())
}

const fn wire_mode(tls: TlsMode) -> SslMode {
    match tls {
        TlsMode::Disable => SslMode::Disable,
        TlsMode::Prefer => SslMode::Prefer,
        TlsMode::Require | TlsMode::VerifyCa | TlsMode::VerifyFull => SslMode::Require,
    }
}

/// How long a silent connection is trusted where the URL does not say: two hours are the library's choice.
const SILENCE: Duration = Duration::from_secs(30);
const LIBRARY_SILENCE: Duration = Duration::from_hours(2);

fn without_hosts(whole: &Config) -> Config {
    let mut config = Config::new();
    if let Some(user) = whole.get_user() {
        config.user(user);
    }
    if let Some(password) = whole.get_password() {
        config.password(password);
    }
    if let Some(database) = whole.get_dbname() {
        config.dbname(database);
    }
    if let Some(options) = whole.get_options() {
        config.options(options);
    }
    if let Some(name) = whole.get_application_name() {
        config.application_name(name);
    }
    if let Some(timeout) = whole.get_connect_timeout() {
        config.connect_timeout(*timeout);
    }
    if let Some(timeout) = whole.get_tcp_user_timeout() {
        config.tcp_user_timeout(*timeout);
    }
    if let Some(interval) = whole.get_keepalives_interval() {
        config.keepalives_interval(interval);
    }
    if let Some(retries) = whole.get_keepalives_retries() {
        config.keepalives_retries(retries);
    }
    let idle = whole.get_keepalives_idle();
    config
        .keepalives(whole.get_keepalives())
        .keepalives_idle(if idle == LIBRARY_SILENCE { SILENCE } else { idle })
        .ssl_negotiation(whole.get_ssl_negotiation())
        .target_session_attrs(whole.get_target_session_attrs())
        .channel_binding(whole.get_channel_binding());
    config
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(url: &str) -> Result<Target, UrlError> {
        Target::read(&url.into(), "parlance", Duration::from_secs(2))
    }

    fn error(url: &str) -> String {
        read(url).err().unwrap().to_string()
    }

    fn mode(options: &str) -> TlsMode {
        read(&format!("postgres://host/db?{options}")).unwrap().tls
    }

    #[test]
    fn the_modes_of_tls_are_those_of_libpq() {
        for (options, expected) in [
            ("", TlsMode::Prefer),
            ("sslmode=prefer&sslrootcert=ca.pem", TlsMode::Prefer),
            ("sslmode=disable", TlsMode::Disable),
            ("sslmode=require", TlsMode::Require),
            ("sslmode=require&sslrootcert=ca.pem", TlsMode::VerifyCa),
            ("sslmode=verify-ca", TlsMode::VerifyCa),
            ("sslmode=verify-full", TlsMode::VerifyFull),
            ("sslrootcert=system", TlsMode::VerifyFull),
        ] {
            assert_eq!(mode(options), expected, "{options}");
        }
        assert!(error("postgres://host/db?sslmode=allow").contains("sslmode"));
        assert!(error("postgres://host/db?sslmode=require&sslrootcert=system").contains("verify-full"));
    }

    #[test]
    fn the_file_of_authorities_is_percent_decoded() {
        let target =
            read("postgres://host/db?sslmode=verify-full&sslrootcert=%2Fetc%2Fmy%20ca+1.pem").unwrap();
        assert_eq!(target.roots, Roots::File("/etc/my ca+1.pem".into()));
    }

    #[test]
    fn user_and_password_are_percent_decoded() {
        let target = read("postgresql://an%40na:p%3A%2F%3F%40+%20@host/data%20base").unwrap();
        let host = &target.hosts[0];
        assert_eq!(host.get_user(), Some("an@na"));
        assert_eq!(host.get_password(), Some(&b"p:/?@+ "[..]));
        assert_eq!(host.get_dbname(), Some("data base"));
        assert_eq!(host.get_application_name(), Some("parlance"));
    }

    #[test]
    fn a_password_that_nobody_encoded_is_read_up_to_the_at() {
        let target = read("postgres://anna:se/cr?et@host/db?sslmode=require").unwrap();
        assert_eq!(target.hosts[0].get_password(), Some(&b"se/cr?et"[..]));
        assert_eq!(target.tls, TlsMode::Require);
    }

    #[test]
    fn each_host_is_tried_by_itself_and_has_its_port() {
        let target = read("postgres://anna@one:1,[::1]:2,three/db?connect_timeout=7").unwrap();
        let hosts: Vec<_> = target
            .hosts
            .iter()
            .map(|host| (host.get_hosts()[0].clone(), host.get_ports()[0]))
            .collect();
        let tcp = |name: &str| Host::Tcp(name.to_owned());
        assert_eq!(hosts, [(tcp("one"), 1), (tcp("::1"), 2), (tcp("three"), 5432)]);
        let timeout = target.hosts[1].get_connect_timeout();
        assert_eq!(timeout, Some(&Duration::from_secs(7)));
    }

    #[cfg(unix)]
    #[test]
    fn a_socket_of_this_machine_is_not_encrypted() {
        for url in [
            "postgres:///db?host=/run/pg&port=6000&sslmode=verify-full",
            "postgres://anna@ignored:6000/db?host=%2Frun%2Fpg&sslmode=require",
            "postgres://anna@%2Frun%2Fpg:6000/db?sslmode=require",
        ] {
            let target = read(url).unwrap();
            assert_eq!(target.hosts.len(), 1, "{url}");
            let host = &target.hosts[0];
            assert_eq!(host.get_hosts(), [Host::Unix("/run/pg".into())], "{url}");
            assert_eq!(
                (host.get_ports(), host.get_ssl_mode()),
                (&[6000][..], SslMode::Disable)
            );
        }
    }

    #[test]
    fn what_is_malformed_is_told_without_the_password() {
        for (url, part) in [
            ("mysql://anna:canary@host/db", "postgres://"),
            ("host=/tmp password=canary", "postgres://"),
            ("", "postgres://"),
            ("postgres://anna:canary@host:port/db", "port"),
            ("postgres://anna:canary@host:99999/db", "port"),
            ("postgres://anna:canary@[::1/db", "host"),
            ("postgres://anna:canary@/db", "no host"),
            ("postgres://anna:canary@one,two/db?port=1,2,3", "port"),
            ("postgres://anna:canary@host/db?colour=canary", "colour"),
            ("postgres://anna:canary@host/db?sslmode", "no value"),
            ("postgres://anna:canary@host/db?sslmode=canary", "sslmode"),
            (
                "postgres://anna:canary@host/db?target_session_attrs=canary",
                "target_session_attrs",
            ),
        ] {
            let told = error(url);
            assert!(told.contains(part), "{url}: {told}");
            assert!(!told.contains("canary"), "{url}: {told}");
        }
    }
}
