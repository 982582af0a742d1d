//! What a link promises by itself.

use std::time::{Duration, Instant};

use futures_util::future::join_all;
use parlance_domain::health::Probe;
use parlance_domain::port::PortErrorKind;
use parlance_redis::{RedisConfig, RedisConfigError, RedisLink};
use parlance_testbed::{Port, Redis};

use crate::proxy::{Harm, Proxy};
use crate::support::{PATIENCE, config, link_to, patient_link_to, until, whole_text};

#[tokio::test]
async fn a_server_with_a_password_lets_in_who_has_it() {
    let redis = Redis::builder().password("hunter2").start().unwrap();
    patient_link_to(&redis.url()).check().await.unwrap();
    for url in [
        redis.url().replace("hunter2", "hunter3"),
        format!("redis://127.0.0.1:{}", redis.port()),
    ] {
        let error = patient_link_to(&url).check().await.unwrap_err();
        assert_eq!(error.kind, PortErrorKind::Unavailable);
        let text = whole_text(&error);
        assert!(
            text.contains("refuses the login") && !text.contains("hunter"),
            "{text}"
        );
    }
}

#[tokio::test]
async fn the_database_of_the_url_is_the_one_that_is_used() {
    use parlance_domain::cache::Cache;
    let redis = Redis::start().unwrap();
    let link = patient_link_to(&redis.url().replace("/0", "/7"));
    let cache = parlance_redis::RedisCache::new(link);
    cache
        .put("key", "value".into(), Duration::from_mins(1), None)
        .await
        .unwrap();
    assert!(
        redis
            .command(&["INFO", "keyspace"])
            .unwrap()
            .contains("db7:keys=1")
    );
}

#[tokio::test]
async fn a_server_that_comes_later_is_found() {
    let port = Port::claim().unwrap();
    let link = patient_link_to(&format!("redis://:hunter2@127.0.0.1:{}", port.number()));
    let error = link.check().await.unwrap_err();
    assert_eq!(error.kind, PortErrorKind::Unavailable);
    let text = whole_text(&error);
    assert!(text.contains("refused") && !text.contains("hunter2"), "{text}");

    let redis = Redis::start().unwrap();
    let link = patient_link_to(&redis.url());
    redis.kill().unwrap();
    assert!(link.check().await.is_err());
    redis.start_again().unwrap();
    until("the link was to come back", async || link.check().await.is_ok()).await;
}

#[tokio::test]
async fn a_handshake_that_takes_longer_than_a_call_is_waited_for_by_nobody_and_still_ends() {
    let redis = Redis::start().unwrap();
    let harm = Harm {
        first_answer_after: Duration::from_secs(3),
        cut_after: PATIENCE,
    };
    let proxy = Proxy::start(redis.port(), harm).await;
    let link = RedisLink::new(RedisConfig {
        deadline: Duration::from_secs(1),
        ..config(&proxy.url())
    })
    .unwrap();
    assert_eq!(link.check().await.unwrap_err().kind, PortErrorKind::Timeout);
    until("the connection was to come", async || link.check().await.is_ok()).await;
    assert_eq!(proxy.dials(), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn there_are_no_more_connections_than_allowed() {
    let redis = Redis::start().unwrap();
    let link = RedisLink::new(RedisConfig {
        deadline: PATIENCE,
        connections: 3,
        ..config(&redis.url())
    })
    .unwrap();
    let calls: Vec<_> = (0..500)
        .map(|_| {
            let link = link.clone();
            tokio::spawn(async move { link.check().await.unwrap() })
        })
        .collect();
    for call in calls {
        call.await.unwrap();
    }
    assert!((1..=3).contains(&link.connections()));
    let clients = redis.command(&["INFO", "clients"]).unwrap();
    let connected = clients
        .lines()
        .find_map(|line| line.strip_prefix("connected_clients:"));
    // One of them asks this.
    assert!(connected.unwrap().parse::<u32>().unwrap() <= 4, "{clients}");
}

#[tokio::test]
async fn connections_that_were_cut_cost_one_call_at_most() {
    let redis = Redis::start().unwrap();
    let link = patient_link_to(&redis.url());
    // Several, of which all are cut.
    let checks = (0..5).map(|_| link.check());
    for checked in join_all(checks).await {
        checked.unwrap();
    }
    let cut = ["CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes"];
    redis.command(&cut).unwrap();
    // The link may not have heard of it when it is asked next.
    let _ = link.check().await;
    for _ in 0..10 {
        link.check().await.unwrap();
    }
}

#[tokio::test]
async fn fault_18_a_storm_of_resets_makes_no_storm_of_connections() {
    let redis = Redis::start().unwrap();
    let harm = Harm {
        first_answer_after: Duration::ZERO,
        cut_after: Duration::from_millis(200),
    };
    let proxy = Proxy::start(redis.port(), harm).await;
    let link = link_to(&proxy.url());
    let pubsub = parlance_redis::RedisPubSub::new(link.clone());
    let listening = tokio::spawn(async move {
        use futures_util::StreamExt;
        use parlance_domain::pubsub::PubSub;
        loop {
            if let Ok(stream) = pubsub.subscribe("topic").await {
                stream.for_each(async |_| {}).await;
            }
        }
    });
    let begun = Instant::now();
    let mut answered = 0;
    while begun.elapsed() < Duration::from_secs(4) {
        answered += usize::from(link.check().await.is_ok());
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    listening.abort();
    let seconds = begun.elapsed().as_secs() + 1;
    let dials = u64::try_from(proxy.dials()).unwrap();
    assert!(dials <= 20 * seconds, "{dials} dials in {seconds} s");
    assert!(answered > 100, "{answered}");
}

#[tokio::test]
async fn settings_that_say_nothing_are_refused() {
    let refused = |config| RedisLink::new(config).err().unwrap();
    let nowhere = RedisConfig::new("redis://");
    assert!(matches!(refused(nowhere), RedisConfigError::Host(_)));
    let none = RedisConfig {
        connections: 0,
        ..RedisConfig::new("redis://localhost")
    };
    assert!(matches!(refused(none), RedisConfigError::Connections));
}
