//! A Redis that speaks TLS, and whom it is trusted by.

use std::path::PathBuf;

use parlance_domain::health::Probe;
use parlance_domain::port::{PortError, PortErrorKind};
use parlance_redis::{RedisConfig, RedisConfigError, RedisLink};
use parlance_testbed::{Redis, TlsFiles};

use crate::support::{PATIENCE, config, whole_text};

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
