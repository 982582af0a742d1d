//! What a cache over Redis promises beyond its port.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use parlance_domain::cache::Cache;
use parlance_domain::port::PortErrorKind;
use parlance_redis::{RedisCache, RedisConfig, RedisLink};
use parlance_testbed::Redis;

use crate::support::{PATIENCE, config, patient_link_to, prefix, whole_text};

const LONG: Duration = Duration::from_hours(1);

#[tokio::test]
async fn copies_share_values_and_groups() {
    let redis = Redis::start().unwrap();
    let prefix = prefix();
    let copies = [(); 2].map(|()| {
        let config = RedisConfig {
            prefix: prefix.clone(),
            deadline: PATIENCE,
            ..RedisConfig::new(redis.url())
        };
        RedisCache::new(RedisLink::new(config).unwrap())
    });
    for (key, copy) in [("a", 0), ("b", 1)] {
        let put = copies[copy].put(key, "value".into(), LONG, Some("group"));
        put.await.unwrap();
    }
    for copy in &copies {
        assert_eq!(copy.get("a").await.unwrap().unwrap(), "value");
        assert_eq!(copy.get("b").await.unwrap().unwrap(), "value");
    }
    copies[0].forget_group("group").await.unwrap();
    for copy in &copies {
        assert_eq!(copy.get("a").await.unwrap(), None);
        assert_eq!(copy.get("b").await.unwrap(), None);
    }
}

#[tokio::test]
async fn a_group_that_redis_evicted_does_not_bring_its_values_back() {
    let redis = Redis::start().unwrap();
    let cache = RedisCache::new(patient_link_to(&redis.url()));
    cache
        .put("old", "value".into(), LONG, Some("group"))
        .await
        .unwrap();
    let group = redis.command(&["KEYS", "*group:group"]).unwrap();
    redis.command(&["DEL", &group]).unwrap();
    assert_eq!(cache.get("old").await.unwrap(), None);
    cache
        .put("new", "value".into(), LONG, Some("group"))
        .await
        .unwrap();
    assert_eq!(cache.get("old").await.unwrap(), None);
    assert_eq!(cache.get("new").await.unwrap().unwrap(), "value");
}

#[tokio::test]
async fn a_group_lives_as_long_as_the_longest_of_its_values() {
    let redis = Redis::start().unwrap();
    let cache = RedisCache::new(patient_link_to(&redis.url()));
    for lifetime in [LONG, Duration::from_secs(1)] {
        cache
            .put("key", "value".into(), lifetime, Some("group"))
            .await
            .unwrap();
    }
    let group = redis.command(&["KEYS", "*group:group"]).unwrap();
    let left: i64 = redis.command(&["PTTL", &group]).unwrap().parse().unwrap();
    assert!(left > 3_000_000, "{left}");
}

#[tokio::test]
async fn a_lifetime_beyond_all_measure_is_a_long_one() {
    let redis = Redis::start().unwrap();
    let cache = RedisCache::new(patient_link_to(&redis.url()));
    cache
        .put("key", "value".into(), Duration::MAX, Some("group"))
        .await
        .unwrap();
    assert_eq!(cache.get("key").await.unwrap().unwrap(), "value");
}

#[tokio::test]
async fn what_somebody_else_wrote_is_corrupt_and_not_told() {
    let redis = Redis::start().unwrap();
    let config = RedisConfig {
        deadline: PATIENCE,
        ..config(&redis.url())
    };
    let key = format!("{}cache:key", config.prefix);
    let cache = RedisCache::new(RedisLink::new(config).unwrap());
    redis.command(&["SET", &key, "\u{1}hunter2"]).unwrap();
    let error = cache.get("key").await.unwrap_err();
    assert_eq!(error.kind, PortErrorKind::Corrupt);
    assert!(!whole_text(&error).contains("hunter2"));
    redis.command(&["DEL", &key]).unwrap();
    redis.command(&["LPUSH", &key, "hunter2"]).unwrap();
    let error = cache.get("key").await.unwrap_err();
    assert_eq!(error.kind, PortErrorKind::Unexpected);
    assert!(!whole_text(&error).contains("hunter2"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn threat_53_who_hangs_up_leaves_no_answer_for_others() {
    let redis = Redis::start().unwrap();
    let cache = Arc::new(RedisCache::new(patient_link_to(&redis.url())));
    for number in 0..10_u8 {
        let value = Bytes::from(vec![number; 1_000]);
        cache
            .put(&number.to_string(), value, LONG, Some("group"))
            .await
            .unwrap();
    }
    let calls: Vec<_> = (0..2_000_u64)
        .map(|call| {
            let cache = Arc::clone(&cache);
            tokio::spawn(async move {
                let number = u8::try_from(call % 10).unwrap();
                let key = number.to_string();
                let hang_up = tokio::time::sleep(Duration::from_micros(call * 7 % 1_500));
                tokio::select! {
                    value = cache.get(&key) => assert_eq!(value.unwrap().unwrap(), vec![number; 1_000]),
                    () = hang_up => {}
                }
            })
        })
        .collect();
    for call in calls {
        call.await.unwrap();
    }
    assert_eq!(cache.get("3").await.unwrap().unwrap(), vec![3; 1_000]);
}
