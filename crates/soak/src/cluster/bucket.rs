//! A bucket that speaks S3, in this process, and fails when it is told to.

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use anyhow::{Context, Result};
use hyper::Response;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto;
use s3s::auth::SimpleAuth;
use s3s::service::{S3Service, S3ServiceBuilder};
use s3s::{Body, HttpError};
use tempfile::TempDir;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;
use walkdir::WalkDir;

const NAME: &str = "sounds";
const KEY: &str = "a-key";
const SECRET: &str = "a-secret-of-runs-that-opens-nothing-else";
/// What S3 says when it has failed.
const FAILURE: &str = "<Error><Code>InternalError</Code></Error>";

/// A bucket on files that are removed when this is dropped.
#[derive(Debug)]
pub struct Bucket {
    address: SocketAddr,
    files: TempDir,
    fails: Arc<AtomicBool>,
    accepting: JoinHandle<()>,
}

impl Bucket {
    /// An empty bucket on a free port of 127.0.0.1.
    pub(super) async fn start() -> Result<Self> {
        let files = tempfile::tempdir()?;
        std::fs::create_dir(files.path().join(NAME))?;
        let on_files = s3s_fs::FileSystem::new(files.path()).ok();
        let mut service = S3ServiceBuilder::new(on_files.context("no bucket on files")?);
        service.set_auth(SimpleAuth::from_single(KEY, SECRET));
        let listener = TcpListener::bind(("127.0.0.1", 0))
            .await
            .context("no port for a bucket")?;
        let fails = Arc::<AtomicBool>::default();
        Ok(Self {
            address: listener.local_addr()?,
            files,
            accepting: tokio::spawn(accept(listener, service.build(), Arc::clone(&fails))),
            fails,
        })
    }

    /// The port of 127.0.0.1 on which it listens.
    pub(super) fn port(&self) -> u16 {
        self.address.port()
    }

    /// How a copy reaches one through this port.
    pub(super) fn settings(port: u16) -> [(&'static str, String); 5] {
        [
            ("OBJECT_STORE", format!("s3://{NAME}")),
            ("OBJECT_STORE_ENDPOINT", format!("http://127.0.0.1:{port}")),
            ("OBJECT_STORE_ALLOW_HTTP", "true".to_owned()),
            ("OBJECT_STORE_ACCESS_KEY_ID", KEY.to_owned()),
            ("OBJECT_STORE_SECRET_ACCESS_KEY", SECRET.to_owned()),
        ]
    }

    /// Lets it answer everything with 500 from now on, or no longer.
    pub fn fail(&self, fails: bool) {
        self.fails.store(fails, Ordering::Relaxed);
    }

    /// The names of the objects that begin with this, as what follows their last slash.
    pub fn objects(&self, prefix: &str) -> Result<BTreeSet<String>> {
        let mut names = BTreeSet::new();
        let folder = self.files.path().join(NAME).join(prefix);
        if !folder.is_dir() {
            return Ok(names);
        }
        for entry in WalkDir::new(folder) {
            let entry = entry?;
            if entry.file_type().is_file() {
                names.insert(entry.file_name().to_string_lossy().into_owned());
            }
        }
        Ok(names)
    }
}

impl Drop for Bucket {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

async fn accept(listener: TcpListener, service: S3Service, fails: Arc<AtomicBool>) {
    loop {
        // What cannot be accepted, for want of descriptors, is tried again.
        let Ok((socket, _)) = listener.accept().await else {
            tokio::time::sleep(Duration::from_millis(10)).await;
            continue;
        };
        tokio::spawn(serve(socket, service.clone(), Arc::clone(&fails)));
    }
}

async fn serve(socket: TcpStream, service: S3Service, fails: Arc<AtomicBool>) {
    let answer = service_fn(move |request| {
        let (service, fails) = (service.clone(), fails.load(Ordering::Relaxed));
        async move {
            if fails {
                let mut failure = Response::new(Body::from(FAILURE.to_owned()));
                *failure.status_mut() = hyper::StatusCode::INTERNAL_SERVER_ERROR;
                return Ok::<_, HttpError>(failure);
            }
            hyper::service::Service::call(&service, request).await
        }
    });
    let server = auto::Builder::new(TokioExecutor::new());
    // A connection that breaks off is the other side's matter.
    let _ = server.serve_connection(TokioIo::new(socket), answer).await;
}
