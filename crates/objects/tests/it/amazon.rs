//! A server that speaks S3 and checks signatures, in this process.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;

use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto;
use parlance_domain::speech::AudioId;
use parlance_objects::{ObjectAudio, ObjectsConfig};
use s3s::auth::SimpleAuth;
use s3s::service::{S3Service, S3ServiceBuilder};
use tempfile::TempDir;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

use crate::support::{DEADLINE, Held};

const BUCKET: &str = "sounds";
const KEY: &str = "a-key";
/// Such as Amazon gives out, with what must be escaped elsewhere.
pub(crate) const SECRET: &str = "wJalr/XUtnFEMI+K7MDENG=";

/// The server, until dropped.
pub(crate) struct Amazon {
    address: SocketAddr,
    files: TempDir,
    accepting: JoinHandle<()>,
}

impl Amazon {
    pub(crate) async fn start() -> Self {
        let files = tempfile::tempdir().unwrap();
        std::fs::create_dir(files.path().join(BUCKET)).unwrap();
        let mut service = S3ServiceBuilder::new(s3s_fs::FileSystem::new(files.path()).unwrap());
        service.set_auth(SimpleAuth::from_single(KEY, SECRET));
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        Self {
            address: listener.local_addr().unwrap(),
            files,
            accepting: tokio::spawn(accept(listener, service.build())),
        }
    }

    pub(crate) const fn address(&self) -> SocketAddr {
        self.address
    }

    /// The file behind the audio of this id.
    pub(crate) fn file_of(&self, id: &AudioId) -> PathBuf {
        let shard = &id.digest()[..2];
        let audio = format!("{BUCKET}/some/prefix/audio/{shard}/{id}");
        self.files.path().join(audio)
    }
}

impl Drop for Amazon {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

async fn accept(listener: TcpListener, service: S3Service) {
    while let Ok((socket, _)) = listener.accept().await {
        let service = service.clone();
        tokio::spawn(async move {
            let server = auto::Builder::new(TokioExecutor::new());
            let _ = server.serve_connection(TokioIo::new(socket), service).await;
        });
    }
}

/// How a server at this address is reached.
pub(crate) fn config_for(address: SocketAddr) -> ObjectsConfig {
    ObjectsConfig {
        endpoint: Some(format!("http://{address}/")),
        allow_http: true,
        access_key_id: Some(KEY.to_owned()),
        secret_access_key: Some(SECRET.into()),
        ..ObjectsConfig::new(format!("s3://{BUCKET}/some/prefix"))
    }
}

/// The same, with little patience.
pub(crate) fn hasty_config_for(address: SocketAddr) -> ObjectsConfig {
    ObjectsConfig {
        deadline: DEADLINE,
        ..config_for(address)
    }
}

/// Audio in a bucket of its own.
pub(crate) async fn in_bucket() -> Arc<Held<Amazon>> {
    let place = Amazon::start().await;
    let store = ObjectAudio::open(&config_for(place.address())).unwrap();
    Arc::new(Held { store, place })
}
