//! How Redis is reached, and what is wrong with saying it so.

use std::path::PathBuf;
use std::time::Duration;

use secrecy::SecretString;

/// How Redis is reached.
#[derive(Debug, Clone)]
pub struct RedisConfig {
    /// Where it is and who comes, in one of these forms, each with `rediss` in the place of `redis` for TLS:
    ///
    /// - `redis://[user:password@]host[:port][/database]`
    /// - `redis+sentinel://[user:password@]host[:port][,host[:port]…]/service[/database]`; the login is that of the
    ///   servers, not of the sentinels
    /// - `redis+cluster://[user:password@]host[:port][,host[:port]…]`
    ///
    /// What is special in a URL must be percent-encoded in the user's name and password.
    pub url: SecretString,
    /// What the name of every key and channel begins with.
    pub prefix: String,
    /// How long a call may take as a whole, from asking for a connection to the answer.
    pub deadline: Duration,
    /// How many connections there may be for calls; publish-subscribe has one more.
    pub connections: usize,
    /// The certificates, as PEM, of the authorities that are trusted; those of the system when not given.
    pub ca_file: Option<PathBuf>,
    /// The password of the sentinels, if they want one.
    pub sentinel_password: Option<SecretString>,
}

impl RedisConfig {
    /// The usual settings: keys begin with `parlance:`, 50 ms for a call, 8 connections.
    pub fn new(url: impl Into<SecretString>) -> Self {
        Self {
            url: url.into(),
            prefix: "parlance:".to_owned(),
            deadline: Duration::from_millis(50),
            connections: 8,
            ca_file: None,
            sentinel_password: None,
        }
    }
}

/// Why Redis cannot be reached as it was said. None of the texts holds the URL or a part of it.
#[derive(Debug, thiserror::Error)]
pub enum RedisConfigError {
    /// Another scheme, or none.
    #[error(
        "the URL of Redis must begin with redis://, rediss://, redis+sentinel://, rediss+sentinel://, \
         redis+cluster:// or rediss+cluster://"
    )]
    Scheme,
    /// A host or port that is none.
    #[error(
        "a host or port in the URL of Redis is malformed; \
         what is special in a URL must be percent-encoded in user name and password"
    )]
    Host(#[source] url::ParseError),
    /// An address that means all addresses.
    #[error("the URL of Redis names an address to listen on, not one to connect to")]
    Unspecified,
    /// More than one host where one is meant.
    #[error("the URL of Redis names several hosts; begin it with redis+sentinel:// or redis+cluster://")]
    SeveralHosts,
    /// A login that is no text, or that holds what separates the parts of a URL.
    #[error("the user name and password in the URL of Redis must be UTF-8 in percent-encoding")]
    Login,
    /// A query or a fragment.
    #[error("the URL of Redis may have no parameters and no fragment; percent-encode ? and # in a password")]
    Parameters,
    /// A database that is no number.
    #[error("what follows the host in the URL of Redis must be the number of a database")]
    Database,
    /// No service, or more than a service and a database.
    #[error(
        "the URL of Sentinel must end in the name of a service, which the number of a database may follow"
    )]
    Service,
    /// A database other than 0.
    #[error("a Cluster has no database but 0")]
    ClusterDatabase,
    /// No place for a connection.
    #[error("at least one connection to Redis must be allowed")]
    Connections,
    /// The file of the certificates.
    #[error("the file with the certificates for Redis cannot be read: {path}")]
    CaFile {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// No certificate in the file.
    #[error("the file with the certificates for Redis holds none that is well-formed: {0}")]
    NoCertificate(PathBuf),
    /// Whatever else the client refuses.
    #[error("the settings of Redis are refused: {0}")]
    Refused(&'static str),
    /// Connections live on a runtime.
    #[error("a link to Redis must be made within a tokio runtime")]
    NoRuntime,
}
