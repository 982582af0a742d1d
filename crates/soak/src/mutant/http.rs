//! As much of HTTP/1.1 as the clients of this crate speak: bodies with a length, connections that stay open.

use anyhow::{Context, Result, bail};
use reqwest::Client;
use reqwest::header::{
    CONNECTION, CONTENT_LENGTH, HOST, HeaderMap, HeaderName, HeaderValue, TRANSFER_ENCODING,
};
use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

const HEAD_END: &[u8] = b"\r\n\r\n";
/// More than any client of this crate sends.
const MOST_BYTES: usize = 4 << 20;

/// A request.
#[derive(Debug, Clone)]
pub(super) struct Request {
    pub(super) method: String,
    /// With its query.
    pub(super) path: String,
    pub(super) headers: HeaderMap,
    pub(super) body: Vec<u8>,
}

/// An answer.
#[derive(Debug, Clone)]
pub(super) struct Response {
    pub(super) status: u16,
    pub(super) headers: HeaderMap,
    pub(super) body: Vec<u8>,
}

impl Request {
    /// The body as JSON.
    pub(super) fn json(&self) -> Option<Value> {
        serde_json::from_slice(&self.body).ok()
    }

    /// The same with another body.
    pub(super) fn with_json(self, body: &Value) -> Self {
        Self {
            body: body.to_string().into_bytes(),
            ..self
        }
    }

    /// A header, if it is text.
    pub(super) fn header(&self, name: &HeaderName) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }
}

impl Response {
    /// Success with JSON.
    pub(super) fn ok(body: &Value) -> Self {
        let mut headers = HeaderMap::new();
        headers.insert("content-type", HeaderValue::from_static("application/json"));
        Self {
            status: 200,
            headers,
            body: body.to_string().into_bytes(),
        }
    }

    /// The body as JSON.
    pub(super) fn json(&self) -> Option<Value> {
        serde_json::from_slice(&self.body).ok()
    }

    /// The same with another body.
    pub(super) fn with_json(self, body: &Value) -> Self {
        Self {
            body: body.to_string().into_bytes(),
            ..self
        }
    }
}

/// Reads the next request of a connection; none when it was closed between two. `buffer` keeps what was read
/// beyond it.
pub(super) async fn read_request(stream: &mut TcpStream, buffer: &mut Vec<u8>) -> Result<Option<Request>> {
    let head_end = loop {
        if let Some(at) = buffer.windows(HEAD_END.len()).position(|four| four == HEAD_END) {
            break at;
        }
        if !more(stream, buffer).await? {
            return Ok(None);
        }
    };
    let head = String::from_utf8(buffer[..head_end].to_vec()).context("a head that is no text")?;
    let (method, path, headers) = read_head(&head)?;
    let length = headers
        .get(CONTENT_LENGTH)
        .map_or("0", |value| value.to_str().unwrap_or("0"));
    let end = head_end + HEAD_END.len() + length.parse::<usize>()?;
    while buffer.len() < end {
        if !more(stream, buffer).await? {
            bail!("a body that ends early");
        }
    }
    let body = buffer[head_end + HEAD_END.len()..end].to_vec();
    buffer.drain(..end);
    Ok(Some(Request {
        method,
        path,
        headers,
        body,
    }))
}

async fn more(stream: &mut TcpStream, buffer: &mut Vec<u8>) -> Result<bool> {
    if buffer.len() > MOST_BYTES {
        bail!("a request of more than {MOST_BYTES} bytes");
    }
    Ok(stream.read_buf(buffer).await? > 0)
}

fn read_head(head: &str) -> Result<(String, String, HeaderMap)> {
    let mut lines = head.split("\r\n");
    let mut first = lines.next().unwrap_or_default().split(' ');
    let (Some(method), Some(path)) = (first.next(), first.next()) else {
        bail!("a head without method and path");
    };
    let mut headers = HeaderMap::new();
    for line in lines {
        let (name, value) = line.split_once(':').context("a header without a colon")?;
        headers.append(name.parse::<HeaderName>()?, value.trim().parse()?);
    }
    Ok((method.to_owned(), path.to_owned(), headers))
}

/// Answers a request.
pub(super) async fn write_response(stream: &mut TcpStream, response: &Response) -> Result<()> {
    let mut head = format!("HTTP/1.1 {} -\r\n", response.status).into_bytes();
    for (name, value) in &response.headers {
        head.extend_from_slice(name.as_str().as_bytes());
        head.extend_from_slice(b": ");
        head.extend_from_slice(value.as_bytes());
        head.extend_from_slice(b"\r\n");
    }
    if response.status != 204 {
        head.extend_from_slice(format!("content-length: {}\r\n", response.body.len()).as_bytes());
    }
    head.extend_from_slice(b"\r\n");
    head.extend_from_slice(&response.body);
    stream.write_all(&head).await?;
    Ok(())
}

/// Hands a request on, and its answer back, without what belongs to the connection.
pub(super) async fn forward(client: &Client, upstream: &str, request: Request) -> Result<Response> {
    let url = format!("{upstream}{}", request.path);
    let answer = client
        .request(request.method.parse()?, url)
        .headers(end_to_end(request.headers))
        .body(request.body)
        .send()
        .await?;
    Ok(Response {
        status: answer.status().as_u16(),
        headers: end_to_end(answer.headers().clone()),
        body: answer.bytes().await?.to_vec(),
    })
}

fn end_to_end(mut headers: HeaderMap) -> HeaderMap {
    for name in [CONNECTION, CONTENT_LENGTH, HOST, TRANSFER_ENCODING] {
        headers.remove(name);
    }
    headers
}
