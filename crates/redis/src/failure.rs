//! What can go wrong at Redis, in words that hold nothing of a URL, a key or a value.

use std::error::Error;

use deadpool::managed::PoolError;
use deadpool_redis::redis::{ErrorKind, RedisError, ServerErrorKind};
use parlance_domain::port::{PortError, PortErrorKind};

/// The longest code of an error that is repeated.
const LONGEST_CODE: usize = 24;

/// Why a call came to nothing.
#[derive(Debug, Clone, thiserror::Error)]
pub(crate) enum Failure {
    /// The deadline passed.
    #[error("redis did not answer in time")]
    Timeout,
    /// There is no connection, nor has there been one since this went wrong.
    #[error("there is no connection to redis")]
    Down(#[source] Box<Self>),
    /// So many connections were made lately that another must wait.
    #[error("too many connections to redis were made lately")]
    Throttled,
    /// The network or TLS, as the operating system or the library says it.
    #[error("the connection to redis failed: {0}")]
    Connection(String),
    /// The name or password.
    #[error("redis refuses the login")]
    Login,
    /// An error of Redis; of its text only the code, since the rest may repeat what was sent.
    #[error("redis answered {code}")]
    Refused { code: String, passing: bool },
    /// The sentinels.
    #[error("the sentinels name no master that is one")]
    NoMaster,
    /// An answer that the command cannot have.
    #[error("redis answered in an unexpected way ({0})")]
    Unexpected(String),
}

impl Failure {
    /// The error of the port on whose behalf the call was made.
    pub(crate) fn into_port(self, port: &'static str) -> PortError {
        let kind = match &self {
            Self::Timeout => PortErrorKind::Timeout,
            Self::Refused { passing: false, .. } | Self::Unexpected(_) => PortErrorKind::Unexpected,
            _ => PortErrorKind::Unavailable,
        };
        PortError::new(port, kind, self)
    }
}

impl From<RedisError> for Failure {
    fn from(error: RedisError) -> Self {
        if error.is_timeout() {
            return Self::Timeout;
        }
        match error.kind() {
            ErrorKind::Server(ServerErrorKind::NoPerm) | ErrorKind::AuthenticationFailed => Self::Login,
            ErrorKind::Server(_) | ErrorKind::Extension => refused(&error),
            ErrorKind::Io | ErrorKind::ClusterConnectionNotFound => Self::Connection(of_network(&error)),
            // What rustls refuses comes as an error of the client.
            ErrorKind::Client if error.source().is_some() => Self::Connection(of_network(&error)),
            ErrorKind::MasterNameNotFoundBySentinel => Self::NoMaster,
            _ => Self::Unexpected(error.category().to_owned()),
        }
    }
}

impl From<PoolError<Self>> for Failure {
    fn from(error: PoolError<Self>) -> Self {
        match error {
            PoolError::Backend(failure) => failure,
            PoolError::Timeout(_) => Self::Timeout,
            PoolError::Closed | PoolError::NoRuntimeSpecified | PoolError::PostCreateHook(_) => {
                Self::Unexpected("the pool is closed".to_owned())
            }
        }
    }
}

fn refused(error: &RedisError) -> Failure {
    let code = error.code().unwrap_or("ERR");
    let is_code = code.len() <= LONGEST_CODE && code.bytes().all(|byte| byte.is_ascii_uppercase());
    if matches!(code, "NOAUTH" | "WRONGPASS") {
        return Failure::Login;
    }
    Failure::Refused {
        code: if is_code { code } else { "ERR" }.to_owned(),
        passing: is_passing(code),
    }
}

/// Whether it is the state of the server that is wrong, not what it was asked.
fn is_passing(code: &str) -> bool {
    [
        "ASK",
        "BUSY",
        "CLUSTERDOWN",
        "LOADING",
        "MASTERDOWN",
        "MISCONF",
        "MOVED",
        "NOREPLICAS",
        "OOM",
        "READONLY",
        "TRYAGAIN",
        "UNBLOCKED",
    ]
    .contains(&code)
}

/// What the operating system or TLS says; neither knows what was sent.
fn of_network(error: &RedisError) -> String {
    match error.source() {
        Some(cause) => cause.to_string(),
        None => error.category().to_owned(),
    }
}

/// Whether a connection that led to this is to be replaced.
pub(crate) fn breaks_connection(error: &RedisError) -> bool {
    // A master that has become a replica stays one; the next connection finds the new master.
    error.is_unrecoverable_error()
        || error.is_io_error()
        || error.kind() == ErrorKind::Server(ServerErrorKind::ReadOnly)
}

#[cfg(test)]
mod tests {
    use deadpool_redis::redis::make_extension_error;

    use super::*;

    fn kind_of(code: &str, text: &str) -> PortErrorKind {
        let error = make_extension_error(code.to_owned(), Some(text.to_owned()));
        Failure::from(error).into_port("Cache").kind
    }

    #[test]
    fn a_server_that_cannot_work_now_is_unavailable() {
        for code in [
            "READONLY",
            "OOM",
            "LOADING",
            "MOVED",
            "CLUSTERDOWN",
            "MISCONF",
            "BUSY",
            "NOAUTH",
        ] {
            assert_eq!(kind_of(code, "some text"), PortErrorKind::Unavailable, "{code}");
        }
        assert_eq!(kind_of("WRONGTYPE", "some text"), PortErrorKind::Unexpected);
    }

    #[test]
    fn threat_73_nothing_of_what_was_sent_is_in_an_error() {
        let text = "unknown command 'hunter2', with args beginning with: 'hunter2'";
        for code in ["ERR", "hunter2", "WRONGPASS"] {
            let error = make_extension_error(code.to_owned(), Some(text.to_owned()));
            let error = Failure::from(error).into_port("Cache");
            let source = error.source.as_deref().map(ToString::to_string);
            assert!(!format!("{error} {error:?} {source:?}").contains("hunter2"));
        }
    }
}
