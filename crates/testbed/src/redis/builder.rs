//! How a Redis server is set up.

use std::process::Command;

use anyhow::{Context, Result};

use super::Redis;
use crate::installation::redis_program;
use crate::port::Port;
use crate::server::Server;
use crate::tls::TlsFiles;
use crate::workplace::Workplace;

/// The socket within the server's folder.
pub(super) const SOCKET: &str = "redis.sock";

/// A [`Redis`] to be started.
#[derive(Debug, Clone, Default)]
pub struct RedisBuilder {
    lines: Vec<String>,
    password: Option<String>,
    tls: bool,
    sentinel: bool,
}

impl RedisBuilder {
    /// Adds a line of `redis.conf`, such as `maxmemory 10mb`; the last value of a setting counts.
    pub fn line(mut self, line: impl Into<String>) -> Self {
        self.lines.push(line.into());
        self
    }

    /// Lets nobody in without this password, which the URL then holds.
    pub fn password(mut self, password: &str) -> Self {
        self.password = Some(password.to_owned());
        self.line(format!("requirepass {password}"))
    }

    /// Speaks nothing but TLS on the port, and with other servers. Clients need no certificate.
    pub fn tls(mut self, files: &TlsFiles) -> Self {
        self.tls = true;
        self.line(format!("tls-cert-file {}", files.certificate().display()))
            .line(format!("tls-key-file {}", files.key().display()))
            .line(format!("tls-ca-cert-file {}", files.ca().display()))
            .line("tls-auth-clients no")
            .line("tls-replication yes")
            .line("tls-cluster yes")
    }

    /// Watches other servers instead of keeping data.
    pub(super) fn sentinel(mut self) -> Self {
        self.sentinel = true;
        self
    }

    /// Starts the server; returns when it answers.
    pub fn start(self) -> Result<Redis> {
        let program = redis_program()?;
        let port = Port::claim()?;
        let workplace = Workplace::new("redis", None)?;
        let folder = workplace.path().display().to_string();
        let mut lines = vec![
            "bind 127.0.0.1".to_owned(),
            format!("unixsocket {folder}/{SOCKET}"),
            format!("dir {folder}"),
        ];
        if self.tls {
            lines.push(format!("port 0\ntls-port {}", port.number()));
        } else {
            lines.push(format!("port {}", port.number()));
        }
        if !self.sentinel {
            lines.push("save \"\"\nappendonly no".to_owned());
        }
        lines.extend(self.lines);
        let settings = workplace.path().join("redis.conf");
        std::fs::write(&settings, lines.join("\n") + "\n").context("cannot write the settings of Redis")?;
        let mut command = Command::new(program);
        command.arg(settings);
        if self.sentinel {
            command.arg("--sentinel");
        }
        let redis = Redis {
            server: Server::new(command, workplace)?,
            port,
            password: self.password,
            tls: self.tls,
        };
        redis.start_again()?;
        Ok(redis)
    }
}
