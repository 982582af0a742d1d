//! What leases over Redis promise beyond their port.

use std::time::Duration;

use parlance_domain::caching::{Lease, Leases};
use parlance_domain::port::PortErrorKind;
use parlance_redis::{RedisConfig, RedisLeases, RedisLink};
use parlance_testbed::Redis;

use crate::support::{PATIENCE, config, link_to, patient_link_to, prefix, until, whole_text};

const LONG: Duration = Duration::from_hours(1);

#[tokio::test]
async fn copies_share_leases() {
    let redis = Redis::start().unwrap();
    let prefix = prefix();
    let [one, other] = [(); 2].map(|()| {
        let config = RedisConfig {
            prefix: prefix.clone(),
            deadline: PATIENCE,
            ..RedisConfig::new(redis.url())
        };
        RedisLeases::new(RedisLink::new(config).unwrap())
    });
    let lease = one.take("key", LONG).await.unwrap().unwrap();
    assert_eq!(other.take("key", LONG).await.unwrap(), None);
    one.give_back(&lease).await.unwrap();
    let lease = other.take("key", LONG).await.unwrap().unwrap();
    assert_eq!(one.take("key", LONG).await.unwrap(), None);
    assert!(
        redis
            .command(&["KEYS", &format!("{prefix}lease:key")])
            .unwrap()
            .contains("lease:key")
    );
    other.give_back(&lease).await.unwrap();
    assert_eq!(redis.command(&["DBSIZE"]).unwrap().trim(), "0");
}

#[tokio::test]
async fn no_lifetime_is_beyond_measure() {
    let redis = Redis::start().unwrap();
    let leases = RedisLeases::new(patient_link_to(&redis.url()));
    assert!(leases.take("long", Duration::MAX).await.unwrap().is_some());
    assert!(leases.take("long", LONG).await.unwrap().is_none());
    assert!(leases.take("short", Duration::ZERO).await.unwrap().is_some());
    until("the shortest was to run out", async || {
        leases.take("short", LONG).await.unwrap().is_some()
    })
    .await;
}

#[tokio::test]
async fn a_redis_that_forgets_blocks_nobody() {
    let redis = Redis::start().unwrap();
    let leases = RedisLeases::new(patient_link_to(&redis.url()));
    let lost = leases.take("key", LONG).await.unwrap().unwrap();
    redis.command(&["FLUSHALL"]).unwrap();
    leases.give_back(&lost).await.unwrap();
    assert!(leases.take("key", LONG).await.unwrap().is_some());
}

#[tokio::test]
async fn a_redis_that_is_away_or_holds_something_else_is_told_without_what_was_sent() {
    let redis = Redis::start().unwrap();
    let config = config(&redis.url());
    let key = format!("{}lease:hunter2", config.prefix);
    let leases = RedisLeases::new(
        RedisLink::new(RedisConfig {
            deadline: PATIENCE,
            ..config
        })
        .unwrap(),
    );
    redis.command(&["LPUSH", &key, "hunter2"]).unwrap();
    assert_eq!(leases.take("hunter2", LONG).await.unwrap(), None);
    let held = Lease {
        key: "hunter2".to_owned(),
        token: "hunter2".to_owned(),
    };
    let error = leases.give_back(&held).await.unwrap_err();
    assert_eq!(error.kind, PortErrorKind::Unexpected);
    assert!(!whole_text(&error).contains("hunter2"));
    // Nothing listens on the port of discard.
    let away = RedisLeases::new(link_to("redis://127.0.0.1:9"));
    for error in [
        away.take("hunter2", LONG).await.unwrap_err(),
        away.give_back(&held).await.unwrap_err(),
    ] {
        assert!(matches!(
            error.kind,
            PortErrorKind::Unavailable | PortErrorKind::Timeout
        ));
        assert!(!whole_text(&error).contains("hunter2"));
    }
}
