//! `parlance health`: says whether the server of these settings is ready, for whoever has no other client.

use std::io::{Read, Write};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpStream};
use std::time::Duration;

use anyhow::{Context, bail};

use crate::settings::Settings;

const PATIENCE: Duration = Duration::from_secs(5);
/// Longer than any status line.
const ENOUGH: u64 = 256;

/// Succeeds when `/readyz` answers 200.
pub(super) fn run(settings: &Settings) -> anyhow::Result<()> {
    let address = address(settings);
    let status = ask(address).with_context(|| format!("no answer from {address}"))?;
    if status.split(' ').nth(1) != Some("200") {
        bail!("not ready: {}", status.trim_end());
    }
    Ok(())
}

/// Where it is reached from this machine.
fn address(settings: &Settings) -> SocketAddr {
    let ip = match settings.host {
        IpAddr::V4(ip) if ip.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(ip) if ip.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
        ip => ip,
    };
    SocketAddr::new(ip, settings.port)
}

/// The status line of the answer.
fn ask(address: SocketAddr) -> std::io::Result<String> {
    let mut stream = TcpStream::connect_timeout(&address, PATIENCE)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    write!(
        stream,
        "GET /readyz HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n"
    )?;
    let mut answer = Vec::new();
    stream.take(ENOUGH).read_to_end(&mut answer)?;
    let answer = String::from_utf8_lossy(&answer);
    Ok(answer.lines().next().unwrap_or_default().to_owned())
}
