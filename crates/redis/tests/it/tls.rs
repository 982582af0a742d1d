//! A Redis that speaks TLS, and whom it is trusted by.

use std::path::PathBuf;
use std::time::Duration;

use parlance_contract::pubsub;
use parlance_domain::cache::Cache;
use parlance_domain::health::Probe;
use parlance_domain::port::{PortError, PortErrorKind};
use parlance_redis::{RedisCache, RedisConfig, RedisConfigError, RedisLink, RedisPubSub};
use parlance_testbed::{Redis, RedisCluster, Sentinel, TlsFiles};

use crate::support::{PATIENCE, config, until, whole_text};

const HOUR: Duration = Duration::from_hours(1);

fn trusting(url: &str, ca_file: Option<PathBuf>) -> Result<RedisLink, RedisConfigError> {
    RedisLink::new(RedisConfig {
        ca_file,
        deadline: PATIENCE,
        ..config(url)
    })
}

async fn refusal(link: RedisLink) -> PortError {
    let error = link.check().await.unwrap_err();
    assert_eq!(error.kind, PortErrorKind::Unavailable);
    error
}

#[tokio::test]
async fn a_certificate_of_the_authority_that_is_trusted_is_accepted() {
    let files = TlsFiles::create().unwrap();
    let redis = Redis::builder().tls(&files).password("hunter2").start().unwrap();
    for url in [redis.url(), redis.url().replace("127.0.0.1", "localhost")] {
        trusting(&url, Some(files.ca())).unwrap().check().await.unwrap();
    }
}

#[tokio::test]
async fn certificates_of_others_and_for_others_are_refused() {
    let (files, others) = (TlsFiles::create().unwrap(), TlsFiles::create().unwrap());
    let redis = Redis::builder().tls(&files).start().unwrap();
    for ca_file in [None, Some(others.ca())] {
        let error = refusal(trusting(&redis.url(), ca_file).unwrap()).await;
        assert!(whole_text(&error).contains("certificate"), "{error:?}");
    }
    let misnamed = TlsFiles::for_names(&["redis.example"]).unwrap();
    let redis = Redis::builder().tls(&misnamed).start().unwrap();
    let error = refusal(trusting(&redis.url(), Some(misnamed.ca())).unwrap()).await;
    assert!(whole_text(&error).contains("certificate"), "{error:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sentinels_and_the_servers_they_name_are_spoken_to_over_tls() {
    let (files, others) = (TlsFiles::create().unwrap(), TlsFiles::create().unwrap());
    let sentinel = Sentinel::of("primary", &Redis::builder().tls(&files)).unwrap();
    let url = sentinel.url("primary");
    refusal(trusting(&url, Some(others.ca())).unwrap()).await;
    let link = trusting(&url, Some(files.ca())).unwrap();
    let pubsub = RedisPubSub::new(link.clone());
    pubsub::a_listener_hears_nothing_of_other_topics(&pubsub).await;
    let cache = RedisCache::new(link);
    cache.put("before", "value".into(), HOUR, None).await.unwrap();
    sentinel.fail_over().unwrap();
    until("the new master was to be found", async || {
        cache.get("before").await.is_ok_and(|value| value.is_some())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_server_of_a_cluster_is_spoken_to_over_tls() {
    let (files, others) = (TlsFiles::create().unwrap(), TlsFiles::create().unwrap());
    let cluster = RedisCluster::of(&Redis::builder().tls(&files)).unwrap();
    refusal(trusting(&cluster.url(), Some(others.ca())).unwrap()).await;
    let link = trusting(&cluster.url(), Some(files.ca())).unwrap();
    let cache = RedisCache::new(link.clone());
    for number in 0..50 {
        let key = format!("key {number}");
        cache.put(&key, key.clone().into(), HOUR, None).await.unwrap();
        assert_eq!(cache.get(&key).await.unwrap().unwrap(), key);
    }
    let pubsub = RedisPubSub::new(link);
    pubsub::a_listener_hears_nothing_of_other_topics(&pubsub).await;
}

#[tokio::test]
async fn who_asks_for_tls_is_never_spoken_to_without() {
    let redis = Redis::start().unwrap();
    let url = redis.url().replace("redis://", "rediss://");
    refusal(trusting(&url, None).unwrap()).await;
}

#[tokio::test]
async fn a_file_without_certificates_is_refused_at_once() {
    let files = TlsFiles::create().unwrap();
    for url in [
        "rediss://localhost",
        "rediss+sentinel://localhost/service",
        "rediss+cluster://localhost",
    ] {
        assert!(trusting(url, Some(files.ca())).is_ok());
        let refused = trusting(url, Some(files.key())).err();
        assert!(matches!(refused, Some(RedisConfigError::NoCertificate(_))));
        let refused = trusting(url, Some("/nowhere".into())).err();
        assert!(matches!(refused, Some(RedisConfigError::CaFile { .. })));
    }
}
