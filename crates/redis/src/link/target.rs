//! What is dialed: a server, whichever server the sentinels call the master, or a cluster.

use std::fs;
use std::path::Path;
use std::time::Duration;

use deadpool_redis::cluster::{ClusterClient, ClusterClientBuilder};
use deadpool_redis::redis::aio::MultiplexedConnection;
use deadpool_redis::redis::io::tcp::TcpSettings;
use deadpool_redis::redis::io::tcp::socket2::TcpKeepalive;
use deadpool_redis::redis::sentinel::{SentinelClient, SentinelClientBuilder, SentinelServerType};
use deadpool_redis::redis::{
    AsyncConnectionConfig, Client, ConnectionAddr, ConnectionInfo, ErrorKind, IntoConnectionInfo,
    ProtocolVersion, PushInfo, PushKind, RedisConnectionInfo, RedisError, RedisResult, TlsCertificates,
    TlsMode,
};
use futures_util::future::select_ok;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use secrecy::ExposeSecret;
use tokio::sync::Mutex;

use super::wire::{Closed, Connection};
use crate::address::{Address, Layout};
use crate::config::{RedisConfig, RedisConfigError};

/// A connection on which nothing is sent is looked after this often, lest something between cuts it.
const KEEPALIVE: Duration = Duration::from_secs(30);
/// How long a node of a cluster may take to answer or to be connected to, before the others are asked.
const NODE_DEADLINE: Duration = Duration::from_millis(500);
/// How often a cluster is asked again where a slot is; the deadline of the call ends it sooner.
const CLUSTER_RETRIES: u32 = 3;
/// The longest rest between them, in milliseconds.
const CLUSTER_REST: u64 = 20;

pub(super) enum Target {
    Server(Client),
    // Finding the master needs the sentinels' connections for itself.
    Sentinel(Mutex<SentinelClient>),
    Cluster {
        client: ClusterClient,
        seeds: Vec<Client>,
    },
}

impl Target {
    pub(super) fn new(address: &Address, config: &RedisConfig) -> Result<Self, RedisConfigError> {
        let certificates = certificates(address, config.ca_file.as_deref())?;
        let built = match &address.layout {
            Layout::Single => server(address, certificates),
            Layout::Sentinel { service } => sentinel(address, service, certificates, config),
            Layout::Cluster => cluster(address, certificates),
        };
        built.map_err(|error| RedisConfigError::Refused(reason(&error)))
    }

    /// A connection for calls, which says when it is closed.
    pub(super) async fn dial(&self, closed: Closed) -> RedisResult<Connection> {
        if let Self::Cluster { client, .. } = self {
            return client.get_async_connection().await.map(Connection::Cluster);
        }
        let heard = move |push: PushInfo| {
            if push.kind == PushKind::Disconnection {
                closed.set();
            }
        };
        self.dial_server(heard).await.map(Connection::Server)
    }

    /// A connection to one server: the master, or any of a cluster, where all hear what one is told.
    pub(super) async fn dial_server(
        &self,
        hear: impl Fn(PushInfo) + Send + Sync + 'static,
    ) -> RedisResult<MultiplexedConnection> {
        let settings = AsyncConnectionConfig::new()
            .set_connection_timeout(None)
            .set_response_timeout(None)
            .set_push_sender(move |push| {
                hear(push);
                Ok::<(), std::convert::Infallible>(())
            });
        match self {
            Self::Server(client) => {
                client
                    .get_multiplexed_async_connection_with_config(&settings)
                    .await
            }
            Self::Sentinel(client) => {
                let master = client.lock().await.async_get_client().await?;
                master
                    .get_multiplexed_async_connection_with_config(&settings)
                    .await
            }
            Self::Cluster { seeds, .. } => {
                let dials = seeds
                    .iter()
                    .map(|seed| Box::pin(seed.get_multiplexed_async_connection_with_config(&settings)));
                select_ok(dials).await.map(|(connection, _)| connection)
            }
        }
    }
}

/// The text of the library, which holds nothing of the settings.
fn reason(error: &RedisError) -> &'static str {
    match error.kind() {
        ErrorKind::InvalidClientConfig => "the client cannot be set up so",
        _ => "the certificates cannot be used",
    }
}

fn certificates(
    address: &Address,
    ca_file: Option<&Path>,
) -> Result<Option<TlsCertificates>, RedisConfigError> {
    if !address.tls {
        return Ok(None);
    }
    // The library asks for the provider of the process. Whoever came first has chosen.
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    let root_cert = ca_file.map(read_certificates).transpose()?;
    Ok(Some(TlsCertificates {
        client_tls: None,
        root_cert,
    }))
}

fn read_certificates(path: &Path) -> Result<Vec<u8>, RedisConfigError> {
    let pem = fs::read(path).map_err(|source| RedisConfigError::CaFile {
        path: path.to_owned(),
        source,
    })?;
    let mut found = CertificateDer::pem_slice_iter(&pem).peekable();
    if found.peek().is_none() || !found.all(|certificate| certificate.is_ok()) {
        return Err(RedisConfigError::NoCertificate(path.to_owned()));
    }
    Ok(pem)
}

fn tcp_settings() -> TcpSettings {
    TcpSettings::default()
        .set_nodelay(true)
        .set_keepalive(TcpKeepalive::new().with_time(KEEPALIVE))
}

fn login(address: &Address) -> RedisConnectionInfo {
    // The third version of the protocol tells of a connection that was closed.
    let mut login = RedisConnectionInfo::default()
        .set_protocol(ProtocolVersion::RESP3)
        .set_db(address.database);
    if let Some(username) = &address.username {
        login = login.set_username(username);
    }
    if let Some(password) = &address.password {
        login = login.set_password(password.expose_secret());
    }
    login
}

fn host(tls: bool, (host, port): &(String, u16)) -> ConnectionAddr {
    if tls {
        ConnectionAddr::TcpTls {
            host: host.clone(),
            port: *port,
            insecure: false,
            tls_params: None,
        }
    } else {
        ConnectionAddr::Tcp(host.clone(), *port)
    }
}

fn nodes(address: &Address) -> RedisResult<Vec<ConnectionInfo>> {
    let nodes = address.hosts.iter().map(|node| {
        let info = host(address.tls, node).into_connection_info()?;
        Ok(info
            .set_redis_settings(login(address))
            .set_tcp_settings(tcp_settings()))
    });
    nodes.collect()
}

fn client(node: ConnectionInfo, certificates: Option<TlsCertificates>) -> RedisResult<Client> {
    match certificates {
        Some(certificates) => Client::build_with_tls(node, certificates),
        None => Client::open(node),
    }
}

fn server(address: &Address, certificates: Option<TlsCertificates>) -> RedisResult<Target> {
    let node = nodes(address)?.swap_remove(0);
    client(node, certificates).map(Target::Server)
}

fn sentinel(
    address: &Address,
    service: &str,
    certificates: Option<TlsCertificates>,
    config: &RedisConfig,
) -> RedisResult<Target> {
    let sentinels = address.hosts.iter().map(|node| host(address.tls, node));
    let mut builder = SentinelClientBuilder::new(sentinels, service, SentinelServerType::Master)?
        .set_client_to_redis_protocol(ProtocolVersion::RESP3)
        .set_client_to_redis_db(address.database)
        .set_client_to_redis_tcp_settings(tcp_settings())
        .set_client_to_sentinel_tcp_settings(tcp_settings());
    if let Some(certificates) = certificates {
        builder = builder
            .set_client_to_redis_tls_mode(TlsMode::Secure)
            .set_client_to_redis_certificates(certificates.clone())
            .set_client_to_sentinel_tls_mode(TlsMode::Secure)
            .set_client_to_sentinel_certificates(certificates);
    }
    if let Some(username) = &address.username {
        builder = builder.set_client_to_redis_username(username);
    }
    if let Some(password) = &address.password {
        builder = builder.set_client_to_redis_password(password.expose_secret());
    }
    if let Some(password) = &config.sentinel_password {
        builder = builder.set_client_to_sentinel_password(password.expose_secret());
    }
    builder.build().map(|client| Target::Sentinel(Mutex::new(client)))
}

fn cluster(address: &Address, certificates: Option<TlsCertificates>) -> RedisResult<Target> {
    let nodes = nodes(address)?;
    let seeds = nodes
        .iter()
        .map(|node| client(node.clone(), certificates.clone()));
    let seeds = seeds.collect::<RedisResult<_>>()?;
    let mut builder = ClusterClientBuilder::new(nodes)
        .use_protocol(ProtocolVersion::RESP3)
        .tcp_settings(tcp_settings())
        .connection_timeout(NODE_DEADLINE)
        .response_timeout(NODE_DEADLINE)
        .retries(CLUSTER_RETRIES)
        .min_retry_wait(1)
        .max_retry_wait(CLUSTER_REST);
    if let Some(certificates) = certificates {
        builder = builder.certs(certificates);
    }
    let client = builder.build()?;
    Ok(Target::Cluster { client, seeds })
}
