//! Settings: what is refused, and that no secret is ever shown.

use parlance_domain::health::Probe;
use parlance_domain::port::PortErrorKind;
use parlance_domain::speech::AudioStore;
use parlance_objects::{ObjectAudio, ObjectsConfig, ObjectsConfigError};

use crate::amazon::{Amazon, SECRET, config_for};
use crate::support::{RECIPE, sound};

fn refused(config: &ObjectsConfig) -> ObjectsConfigError {
    ObjectAudio::open(config).unwrap_err()
}

#[test]
fn an_endpoint_without_tls_must_be_allowed() {
    let mut config = config_for(([127, 0, 0, 1], 9).into());
    ObjectAudio::open(&config).unwrap();
    config.allow_http = false;
    assert!(matches!(refused(&config), ObjectsConfigError::Http));
    config.endpoint = Some("https://localhost:9".to_owned());
    ObjectAudio::open(&config).unwrap();
}

#[test]
fn what_makes_no_sense_is_refused() {
    let config = config_for(([127, 0, 0, 1], 9).into());
    for endpoint in [
        "localhost:9",
        "ftp://localhost",
        "http://key:hunter2@localhost",
        "https://localhost?a=b",
    ] {
        let config = ObjectsConfig {
            endpoint: Some(endpoint.to_owned()),
            ..config.clone()
        };
        let error = refused(&config);
        assert!(matches!(error, ObjectsConfigError::Endpoint), "{endpoint}");
        assert!(!format!("{error} {error:?}").contains("hunter2"));
    }
    let half = ObjectsConfig {
        secret_access_key: None,
        ..config.clone()
    };
    assert!(matches!(refused(&half), ObjectsConfigError::HalfAKey));
    let hasty = ObjectsConfig {
        deadline: std::time::Duration::ZERO,
        ..config.clone()
    };
    assert!(matches!(refused(&hasty), ObjectsConfigError::Deadline));
    for public_url in [
        "",
        "/audio",
        "javascript:alert(1)",
        "https://user:pass@host",
        "https://host/?a",
    ] {
        let config = ObjectsConfig {
            public_url: Some(public_url.to_owned()),
            ..config.clone()
        };
        assert!(
            matches!(refused(&config), ObjectsConfigError::PublicUrl),
            "{public_url}"
        );
    }
}

#[test]
fn clients_fetch_from_the_public_url() {
    let config = config_for(([127, 0, 0, 1], 9).into());
    let id = sound("some sound").id();
    assert_eq!(ObjectAudio::open(&config).unwrap().public_url(&id), None);
    for base in ["https://cdn.example/sounds", "https://cdn.example/sounds/"] {
        let config = ObjectsConfig {
            public_url: Some(base.to_owned()),
            ..config.clone()
        };
        let url = ObjectAudio::open(&config).unwrap().public_url(&id);
        let shard = &id.digest()[..2];
        assert_eq!(
            url,
            Some(format!("https://cdn.example/sounds/audio/{shard}/{id}"))
        );
    }
}

#[test]
fn threat_73_no_service_account_is_shown() {
    let config = ObjectsConfig {
        service_account: Some(r#"{"private_key": "hunter2", "client_email": 7}"#.into()),
        ..ObjectsConfig::new("gs://sounds")
    };
    let error = refused(&config);
    assert!(matches!(error, ObjectsConfigError::ServiceAccount));
    let shown = format!("{error} {error:?} {config:?}");
    assert!(!shown.contains("hunter2"), "{shown}");
}

#[tokio::test]
async fn a_secret_that_is_wrong_is_unavailable_and_threat_73_not_shown() {
    let amazon = Amazon::start().await;
    let wrong = "hunter2hunter2";
    let config = ObjectsConfig {
        secret_access_key: Some(wrong.into()),
        ..config_for(amazon.address())
    };
    let store = ObjectAudio::open(&config).unwrap();
    let errors = [
        store.check().await.unwrap_err(),
        store.keep(&sound("some sound"), &RECIPE).await.unwrap_err(),
        store.read(&sound("some sound").id()).await.unwrap_err(),
    ];
    for error in errors {
        assert_eq!(error.kind, PortErrorKind::Unavailable);
        let source = error.source.as_deref().map(ToString::to_string).unwrap();
        assert!(source.ends_with("403 SignatureDoesNotMatch"), "{source}");
        let shown = format!("{error:?} {source} {store:?} {config:?}");
        for secret in [wrong, "AWS4-HMAC", "a-key-id", SECRET] {
            assert!(!shown.contains(secret), "{shown}");
        }
    }
}
