//! The few requests that prepare the load.

use std::fmt::Write as _;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};

/// How many words each learner has progress of.
pub(super) const WORDS: usize = 500;
const PASSWORD: &str = "Benchmark1";
const TIMEOUT: Duration = Duration::from_secs(30);

/// Whether the server takes requests.
pub(super) fn is_ready(address: SocketAddr) -> bool {
    matches!(request(address, "GET", "/readyz", None, None), Ok((200, _)))
}

/// Registers learners, gives each progress, and returns their access tokens.
pub(super) fn register(address: SocketAddr, learners: usize) -> Result<Vec<String>> {
    (0..learners).map(|number| learner(address, number)).collect()
}

fn learner(address: SocketAddr, number: usize) -> Result<String> {
    let token = sign(address, "register", number, 201)?;
    give_progress(address, &token)?;
    Ok(token)
}

/// Registers a learner or signs one in; the access token.
pub(super) fn sign(address: SocketAddr, verb: &str, number: usize, wanted: u16) -> Result<String> {
    let account = json!({"email": format!("learner{number}@example.com"), "password": PASSWORD});
    let answer = post(address, &format!("/api/v1/auth/{verb}"), &account, None, wanted)?;
    let token = answer["data"]["accessToken"].as_str();
    Ok(token.context("no access token")?.to_owned())
}

/// Gives a learner progress of every word of the load.
pub(super) fn give_progress(address: SocketAddr, token: &str) -> Result<()> {
    let updates: Vec<Value> = (0..WORDS)
        .map(|word| json!({"wordId": format!("bench-{word:03}"), "studyCount": 1, "confidence": 0.5}))
        .collect();
    post(
        address,
        "/api/v1/progress/batch",
        &json!({"updates": updates}),
        Some(token),
        200,
    )?;
    Ok(())
}

/// Posts JSON; the answer, which must have the wanted status.
pub(super) fn post(
    address: SocketAddr,
    path: &str,
    body: &Value,
    token: Option<&str>,
    wanted: u16,
) -> Result<Value> {
    let (status, answer) = request(address, "POST", path, Some(&body.to_string()), token)?;
    ensure!(status == wanted, "{path} answered {status}: {answer}");
    serde_json::from_str(&answer).with_context(|| format!("{path} answered no JSON"))
}

/// Sends one request on a connection of its own; the status and the body of the answer.
fn request(
    address: SocketAddr,
    method: &str,
    path: &str,
    body: Option<&str>,
    token: Option<&str>,
) -> Result<(u16, String)> {
    let mut head = format!("{method} {path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n");
    if let Some(token) = token {
        write!(head, "Authorization: Bearer {token}\r\n")?;
    }
    if let Some(body) = body {
        write!(
            head,
            "Content-Type: application/json\r\nContent-Length: {}\r\n",
            body.len()
        )?;
    }
    head.push_str("\r\n");
    let mut stream = TcpStream::connect_timeout(&address, TIMEOUT)?;
    stream.set_read_timeout(Some(TIMEOUT))?;
    stream.write_all(head.as_bytes())?;
    stream.write_all(body.unwrap_or_default().as_bytes())?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    let (head, body) = answer
        .split_once("\r\n\r\n")
        .context("the answer has no end of its head")?;
    let status = head.split(' ').nth(1).context("the answer has no status")?;
    Ok((status.parse()?, body.to_owned()))
}
