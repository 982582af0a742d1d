//! How a server that takes mail is reached.

use std::net::IpAddr;
use std::path::PathBuf;
use std::str::FromStr;

use percent_encoding::percent_decode_str;
use secrecy::SecretString;
use url::Url;

/// How the connection is encrypted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Encryption {
    /// From the beginning (RFC 8314).
    Whole,
    /// By STARTTLS (RFC 3207), without which nothing is sent.
    StartTls,
    /// Not at all.
    None,
}

/// How a server that takes mail is reached.
#[derive(Debug, Clone)]
pub struct SmtpConfig {
    /// Its name or address, which its certificate is for.
    pub host: String,
    /// Its port.
    pub port: u16,
    /// How the connection is encrypted.
    pub encryption: Encryption,
    /// Who we are, and the proof of it.
    pub login: Option<(String, SecretString)>,
    /// A file with the certificates, in PEM, that its own is trusted by, where not those of the system.
    pub ca_file: Option<PathBuf>,
}

/// A text that is no URL of such a server. It shows nothing of the text, which may hold a password.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum InvalidSmtpUrl {
    /// It is something else.
    #[error(
        "must be smtp:// or smtps://, perhaps user:password@, a host, perhaps a port, and perhaps ?starttls=never behind \
         smtp://"
    )]
    Malformed,
    /// The password would be seen on its way.
    #[error("a password is sent over an encrypted connection only, or on this machine")]
    PasswordInClear,
}

/// The port for connections that are encrypted from the beginning (RFC 8314, 7.3).
const SUBMISSIONS: u16 = 465;
/// The port for others (RFC 6409, 3.1).
const SUBMISSION: u16 = 587;

impl FromStr for SmtpConfig {
    type Err = InvalidSmtpUrl;

    fn from_str(text: &str) -> Result<Self, InvalidSmtpUrl> {
        let url = Url::parse(text).map_err(|_| InvalidSmtpUrl::Malformed)?;
        let (encryption, usual_port) = match (url.scheme(), url.query()) {
            ("smtps", None) => (Encryption::Whole, SUBMISSIONS),
            ("smtp", None) => (Encryption::StartTls, SUBMISSION),
            ("smtp", Some("starttls=never")) => (Encryption::None, SUBMISSION),
            _ => return Err(InvalidSmtpUrl::Malformed),
        };
        let is_plain = ["", "/"].contains(&url.path()) && url.fragment().is_none();
        let host = url.host_str().filter(|host| is_plain && !host.is_empty());
        let host = host.ok_or(InvalidSmtpUrl::Malformed)?;
        // An IPv6 address stands in brackets in a URL, and nowhere else.
        let host = host.trim_start_matches('[').trim_end_matches(']').to_owned();
        let login = login(&url)?;
        if login.is_some() && encryption == Encryption::None && !is_here(&host) {
            return Err(InvalidSmtpUrl::PasswordInClear);
        }
        Ok(Self {
            host,
            port: url.port().unwrap_or(usual_port),
            encryption,
            login,
            ca_file: None,
        })
    }
}

fn login(url: &Url) -> Result<Option<(String, SecretString)>, InvalidSmtpUrl> {
    let decoded = |text: &str| {
        let decoded = percent_decode_str(text).decode_utf8();
        decoded
            .map(std::borrow::Cow::into_owned)
            .map_err(|_| InvalidSmtpUrl::Malformed)
    };
    match (url.username(), url.password()) {
        ("", None) => Ok(None),
        ("", Some(_)) | (_, None) => Err(InvalidSmtpUrl::Malformed),
        (user, Some(password)) => Ok(Some((decoded(user)?, decoded(password)?.into()))),
    }
}

fn is_here(host: &str) -> bool {
    host == "localhost" || host.parse().is_ok_and(|address: IpAddr| address.is_loopback())
}

#[cfg(test)]
mod tests {
    use secrecy::ExposeSecret;

    use super::*;

    #[test]
    fn a_url_says_how_a_server_is_reached() {
        for (url, host, port, encryption) in [
            (
                "smtp://mail.example.com",
                "mail.example.com",
                587,
                Encryption::StartTls,
            ),
            (
                "smtps://mail.example.com/",
                "mail.example.com",
                465,
                Encryption::Whole,
            ),
            ("smtp://relay:25?starttls=never", "relay", 25, Encryption::None),
            ("smtp://[::1]:1025?starttls=never", "::1", 1025, Encryption::None),
        ] {
            let config: SmtpConfig = url.parse().unwrap();
            assert_eq!(
                (config.host.as_str(), config.port, config.encryption),
                (host, port, encryption)
            );
            assert!(config.login.is_none());
        }
    }

    #[test]
    fn a_login_is_decoded_and_not_shown() {
        let config: SmtpConfig = "smtps://ann%40example.com:hunter2%2F%20%E5%AD%A6@mail.example.com"
            .parse()
            .unwrap();
        assert!(!format!("{config:?}").contains("hunter2"));
        let (user, password) = config.login.unwrap();
        assert_eq!(
            (user.as_str(), password.expose_secret()),
            ("ann@example.com", "hunter2/ 学")
        );
    }

    #[test]
    fn a_password_is_not_sent_in_clear_to_another_machine() {
        let parse = |url: &str| url.parse::<SmtpConfig>().map(|_| ());
        let in_clear = Err(InvalidSmtpUrl::PasswordInClear);
        assert_eq!(parse("smtp://ann:hunter2@relay:25?starttls=never"), in_clear);
        for host in ["localhost", "127.0.0.1", "[::1]"] {
            assert_eq!(
                parse(&format!("smtp://ann:hunter2@{host}?starttls=never")),
                Ok(())
            );
        }
    }

    #[test]
    fn what_is_no_such_url_is_refused() {
        for url in [
            "",
            "mail.example.com",
            "http://mail.example.com",
            "smtp://",
            "smtp://ann@mail.example.com",
            "smtp://:hunter2@mail.example.com",
            "smtp://mail.example.com/path",
            "smtp://mail.example.com?tls=required",
            "smtps://mail.example.com?starttls=never",
            "smtp://mail.example.com#fragment",
        ] {
            assert_eq!(
                url.parse::<SmtpConfig>().err(),
                Some(InvalidSmtpUrl::Malformed),
                "{url}"
            );
        }
    }
}
