//! Where objects are kept, and what is wrong with saying it so.

use std::path::PathBuf;
use std::time::Duration;

use secrecy::SecretString;

/// Where objects are kept.
#[derive(Debug, Clone)]
pub struct ObjectsConfig {
    /// One of these:
    ///
    /// - `file:///path`, or the path of a directory, which is made when it is not there
    /// - `s3://bucket` or `s3://bucket/prefix`
    /// - `gs://bucket` or `gs://bucket/prefix`
    pub url: String,
    /// The server that speaks for the bucket, if it is not Amazon's or Google's own; `MinIO` for example.
    pub endpoint: Option<String>,
    /// The region of the bucket at Amazon; `us-east-1` if none is named.
    pub region: Option<String>,
    /// Who comes to S3. Without it, the environment and the machine say it, as is usual at Amazon.
    ///
    /// Whoever it is must be allowed to list the bucket: S3 tells nobody else that an object is absent.
    pub access_key_id: Option<String>,
    /// The secret of that key.
    pub secret_access_key: Option<SecretString>,
    /// The JSON of a service account of Google's. Without it, the environment and the machine say who comes.
    pub service_account: Option<SecretString>,
    /// Whether the endpoint may be reached without TLS.
    pub allow_http: bool,
    /// Where clients find what is at `url`, if they may fetch it themselves.
    pub public_url: Option<String>,
    /// How long a call may take as a whole, all its attempts included.
    pub deadline: Duration,
    /// How long connecting may take.
    pub connect_timeout: Duration,
}

impl ObjectsConfig {
    /// The usual settings: 5 s for a call, 2 s for connecting, nothing without TLS.
    pub fn new(url: impl Into<String>) -> Self {
        Self {
            url: url.into(),
            endpoint: None,
            region: None,
            access_key_id: None,
            secret_access_key: None,
            service_account: None,
            allow_http: false,
            public_url: None,
            deadline: Duration::from_secs(5),
            connect_timeout: Duration::from_secs(2),
        }
    }
}

/// Why objects cannot be kept as it was said. None of the texts holds a secret.
#[derive(Debug, thiserror::Error)]
pub enum ObjectsConfigError {
    /// Another scheme.
    #[error(
        "the URL of the object store must begin with file://, s3:// or gs://, or be the path of a directory"
    )]
    Scheme,
    /// A URL that is none, or one of a file on another machine.
    #[error("the URL of the object store is malformed")]
    Malformed,
    /// More than a bucket and a prefix.
    #[error("the URL of the object store must hold a bucket and a prefix, and nothing else")]
    Parts,
    /// A prefix that names no place, such as one with `..` in it.
    #[error("the prefix in the URL of the object store must be parts of a path, none of them empty, . or ..")]
    Prefix,
    /// An endpoint that is no URL.
    #[error(
        "the endpoint of the object store must be a URL that begins with https:// or http://, without a login"
    )]
    Endpoint,
    /// An endpoint without TLS that was not asked for.
    #[error("the endpoint of the object store is without TLS, which must be allowed explicitly")]
    Http,
    /// A key without its secret, or a secret without its key.
    #[error("the access key of the object store needs both an id and a secret")]
    HalfAKey,
    /// Something that is no service account.
    #[error("the service account for the object store is not the JSON that Google gives out")]
    ServiceAccount,
    /// A public URL that is none.
    #[error(
        "the public URL of the object store must begin with https:// or http://, without a login, parameters or fragment"
    )]
    PublicUrl,
    /// A deadline that nothing can keep.
    #[error("the deadline of the object store must be longer than nothing")]
    Deadline,
    /// A directory that cannot be made or read.
    #[error("the directory for objects cannot be used: {path}")]
    Directory {
        /// The directory.
        path: PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// Whatever else the client refuses.
    #[error("the settings of the object store are refused")]
    Refused,
}
