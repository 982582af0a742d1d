//! From settings to the client of an object store.

use std::sync::Arc;
use std::time::Duration;

use object_store::aws::AmazonS3Builder;
use object_store::gcp::GoogleCloudStorageBuilder;
use object_store::local::LocalFileSystem;
use object_store::path::Path;
use object_store::{BackoffConfig, ClientOptions, ObjectStore, RetryConfig};
use secrecy::ExposeSecret;
use url::Url;

use crate::config::{ObjectsConfig, ObjectsConfigError};
use crate::directory::Directory;
use crate::place::{Bucket, Place};

/// How many connections wait for the next call; more that a crowd needed are closed after it.
const IDLE_CONNECTIONS: usize = 8;
/// How often a call is tried again.
pub(crate) const RETRIES: usize = 2;
/// How long it waits before, at least and at most.
const BACKOFF: [Duration; 2] = [Duration::from_millis(50), Duration::from_millis(400)];

/// A client and where in its store to work.
pub(crate) struct Connected {
    pub(crate) store: Arc<dyn ObjectStore>,
    pub(crate) prefix: Path,
    /// The directory, if it is one.
    pub(crate) directory: Option<Directory>,
}

/// Whether a client can be made of the settings; nothing is made or asked.
pub(crate) fn check(config: &ObjectsConfig) -> Result<(), ObjectsConfigError> {
    match config.url.parse()? {
        Place::Directory(_) => Ok(()),
        Place::Amazon(_) | Place::Google(_) => connect(config).map(drop),
    }
}

/// Makes the client. Of what is elsewhere nothing is asked yet; a directory is made.
pub(crate) fn connect(config: &ObjectsConfig) -> Result<Connected, ObjectsConfigError> {
    if config.deadline.is_zero() || config.connect_timeout.is_zero() {
        return Err(ObjectsConfigError::Deadline);
    }
    match config.url.parse()? {
        Place::Directory(path) => in_directory(Directory::prepare(path)?),
        Place::Amazon(bucket) => at_amazon(config, bucket),
        Place::Google(bucket) => at_google(config, bucket),
    }
}

fn in_directory(directory: Directory) -> Result<Connected, ObjectsConfigError> {
    let files =
        LocalFileSystem::new_with_prefix(directory.path()).map_err(|_| ObjectsConfigError::Refused)?;
    Ok(Connected {
        // What was kept must not be half there after the power went.
        store: Arc::new(files.with_fsync(true)),
        prefix: Path::default(),
        directory: Some(directory),
    })
}

fn at_amazon(config: &ObjectsConfig, bucket: Bucket) -> Result<Connected, ObjectsConfigError> {
    let mut builder = match (&config.access_key_id, &config.secret_access_key) {
        (Some(id), Some(secret)) => AmazonS3Builder::new()
            .with_access_key_id(id)
            .with_secret_access_key(secret.expose_secret()),
        (None, None) => AmazonS3Builder::from_env(),
        _ => return Err(ObjectsConfigError::HalfAKey),
    };
    if let Some(region) = &config.region {
        builder = builder.with_region(region);
    }
    if let Some(endpoint) = endpoint(config)? {
        builder = builder.with_endpoint(endpoint);
    }
    let builder = builder
        .with_bucket_name(bucket.name)
        .with_client_options(client_options(config))
        .with_retry(retries(config));
    let store = builder.build().map_err(|_| ObjectsConfigError::Refused)?;
    Ok(elsewhere(Arc::new(store), bucket.prefix))
}

fn at_google(config: &ObjectsConfig, bucket: Bucket) -> Result<Connected, ObjectsConfigError> {
    let mut builder = match &config.service_account {
        Some(account) => GoogleCloudStorageBuilder::new().with_service_account_key(account.expose_secret()),
        None => GoogleCloudStorageBuilder::from_env(),
    };
    if let Some(endpoint) = endpoint(config)? {
        builder = builder.with_base_url(&endpoint);
    }
    let builder = builder
        .with_bucket_name(bucket.name)
        .with_client_options(client_options(config))
        .with_retry(retries(config));
    // The cause may repeat a part of what was taken for a service account.
    let store = builder.build().map_err(|_| match config.service_account {
        Some(_) => ObjectsConfigError::ServiceAccount,
        None => ObjectsConfigError::Refused,
    })?;
    Ok(elsewhere(Arc::new(store), bucket.prefix))
}

fn elsewhere(store: Arc<dyn ObjectStore>, prefix: Path) -> Connected {
    Connected {
        store,
        prefix,
        directory: None,
    }
}

/// The endpoint without a slash at its end, if one is named.
fn endpoint(config: &ObjectsConfig) -> Result<Option<String>, ObjectsConfigError> {
    let Some(endpoint) = &config.endpoint else {
        return Ok(None);
    };
    let url = web_url(endpoint).ok_or(ObjectsConfigError::Endpoint)?;
    if url.scheme() == "http" && !config.allow_http {
        return Err(ObjectsConfigError::Http);
    }
    Ok(Some(endpoint.trim_end_matches('/').to_owned()))
}

/// A URL of the web without a login, parameters and a fragment.
pub(crate) fn web_url(text: &str) -> Option<Url> {
    let url = Url::parse(text).ok()?;
    let is_plain = matches!(url.scheme(), "http" | "https")
        && url.username().is_empty()
        && url.password().is_none()
        && url.query().is_none()
        && url.fragment().is_none();
    is_plain.then_some(url)
}

fn client_options(config: &ObjectsConfig) -> ClientOptions {
    ClientOptions::new()
        .with_allow_http(config.allow_http)
        .with_timeout(config.deadline)
        .with_connect_timeout(config.connect_timeout)
        .with_pool_max_idle_per_host(IDLE_CONNECTIONS)
}

fn retries(config: &ObjectsConfig) -> RetryConfig {
    RetryConfig {
        backoff: BackoffConfig {
            init_backoff: BACKOFF[0],
            max_backoff: BACKOFF[1],
            base: 2.0,
        },
        max_retries: RETRIES,
        retry_timeout: config.deadline,
    }
}
