//! A server that answers as Google Cloud Storage does to what is asked here, in this process.

use std::collections::HashMap;
use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto;
use parlance_objects::{ObjectAudio, ObjectsConfig};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

use crate::support::Held;

/// How long a call may take.
const PATIENCE: Duration = Duration::from_secs(5);
/// An account that needs no token.
const ACCOUNT: &str = r#"{
    "type": "service_account", "private_key": "none", "private_key_id": "none",
    "client_email": "nobody@example.com", "disable_oauth": true
}"#;

/// The server, until dropped.
pub(crate) struct Google {
    address: SocketAddr,
    bucket: Arc<Bucket>,
    accepting: JoinHandle<()>,
}

/// What it has.
struct Bucket {
    objects: Mutex<HashMap<String, Bytes>>,
    /// Whether it writes on the condition that nothing is there.
    is_conditional: bool,
    /// Whether it gives out what it has and takes nothing.
    is_full: AtomicBool,
}

impl Google {
    async fn start(is_conditional: bool) -> Self {
        let bucket = Arc::new(Bucket {
            objects: Mutex::default(),
            is_conditional,
            is_full: AtomicBool::new(false),
        });
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        Self {
            address: listener.local_addr().unwrap(),
            accepting: tokio::spawn(accept(listener, Arc::clone(&bucket))),
            bucket,
        }
    }

    /// Takes nothing more, or again what it is given.
    pub(crate) fn set_full(&self, is_full: bool) {
        self.bucket.is_full.store(is_full, Ordering::Relaxed);
    }
}

impl Drop for Google {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

async fn accept(listener: TcpListener, bucket: Arc<Bucket>) {
    while let Ok((socket, _)) = listener.accept().await {
        let bucket = Arc::clone(&bucket);
        tokio::spawn(async move {
            let answer = service_fn(|request| answer(Arc::clone(&bucket), request));
            let server = auto::Builder::new(TokioExecutor::new());
            let _ = server.serve_connection(TokioIo::new(socket), answer).await;
        });
    }
}

async fn answer(
    bucket: Arc<Bucket>,
    request: Request<Incoming>,
) -> Result<Response<Full<Bytes>>, Infallible> {
    let (head, body) = request.into_parts();
    // Whoever goes away in the middle of an upload has written nothing.
    let Ok(body) = body.collect().await else {
        return Ok(refusal(StatusCode::BAD_REQUEST, "IncompleteBody"));
    };
    let path = head.uri.path().to_owned();
    assert!(path.starts_with("/sounds/some%2Fprefix%2F"), "{path}");
    let only_new = head.headers.get("x-goog-if-generation-match");
    let mut objects = bucket.objects.lock().unwrap();
    Ok(match head.method {
        Method::PUT if bucket.is_full.load(Ordering::Relaxed) => {
            refusal(StatusCode::FORBIDDEN, "QuotaExceeded")
        }
        Method::PUT if only_new.is_some() && !bucket.is_conditional => {
            refusal(StatusCode::NOT_IMPLEMENTED, "NotImplemented")
        }
        Method::PUT if only_new.is_some_and(|match_| match_ == "0") && objects.contains_key(&path) => {
            refusal(StatusCode::PRECONDITION_FAILED, "PreconditionFailed")
        }
        Method::PUT => {
            objects.insert(path, body.to_bytes());
            found(Bytes::new(), 0)
        }
        Method::GET | Method::HEAD => match objects.get(&path) {
            Some(content) if head.method == Method::GET => found(content.clone(), content.len()),
            Some(content) => found(Bytes::new(), content.len()),
            None => refusal(StatusCode::NOT_FOUND, "NoSuchKey"),
        },
        _ => refusal(StatusCode::METHOD_NOT_ALLOWED, "MethodNotAllowed"),
    })
}

fn found(content: Bytes, length: usize) -> Response<Full<Bytes>> {
    let found = Response::builder()
        .header("etag", "\"1\"")
        .header("x-goog-generation", "1")
        .header("last-modified", "Thu, 01 Jan 2026 00:00:00 GMT")
        .header("content-length", length);
    found.body(Full::new(content)).unwrap()
}

fn refusal(status: StatusCode, code: &str) -> Response<Full<Bytes>> {
    let body = format!("<?xml version='1.0'?><Error><Code>{code}</Code></Error>");
    Response::builder()
        .status(status)
        .body(Full::new(body.into()))
        .unwrap()
}

fn held(place: Google, deadline: Duration) -> Arc<Held<Google>> {
    let config = ObjectsConfig {
        deadline,
        endpoint: Some(format!("http://{}", place.address)),
        allow_http: true,
        service_account: Some(ACCOUNT.into()),
        ..ObjectsConfig::new("gs://sounds/some/prefix/")
    };
    let store = ObjectAudio::open(&config).unwrap();
    Arc::new(Held { store, place })
}

/// Audio in a bucket of its own.
pub(crate) async fn in_bucket() -> Arc<Held<Google>> {
    in_bucket_with(PATIENCE).await
}

/// The same, with so much patience.
pub(crate) async fn in_bucket_with(deadline: Duration) -> Arc<Held<Google>> {
    held(Google::start(true).await, deadline)
}

/// Audio in a bucket that cannot write on a condition.
pub(crate) async fn in_bucket_without_conditions() -> Arc<Held<Google>> {
    held(Google::start(false).await, PATIENCE)
}
