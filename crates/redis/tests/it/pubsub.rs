//! What publish-subscribe over Redis promises beyond its port: a listener is never deaf without knowing.

use std::time::{Duration, Instant};

use bytes::Bytes;
use futures_util::StreamExt;
use futures_util::stream::BoxStream;
use parlance_domain::pubsub::PubSub;
use parlance_redis::{RedisConfig, RedisLink, RedisPubSub};
use parlance_testbed::Redis;
use tokio::time::timeout;

use crate::support::{PATIENCE, patient_link_to, prefix, until};

async fn next(listener: &mut BoxStream<'static, Bytes>) -> Option<Bytes> {
    timeout(PATIENCE, listener.next()).await.unwrap()
}

async fn subscribe_again(pubsub: &RedisPubSub) -> BoxStream<'static, Bytes> {
    let begun = Instant::now();
    loop {
        if let Ok(listener) = pubsub.subscribe("topic").await {
            return listener;
        }
        assert!(begun.elapsed() < PATIENCE, "nobody hears any more");
    }
}

#[tokio::test]
async fn copies_hear_each_other() {
    let redis = Redis::start().unwrap();
    let prefix = prefix();
    let copies = [(); 2].map(|()| {
        let config = RedisConfig {
            prefix: prefix.clone(),
            deadline: PATIENCE,
            ..RedisConfig::new(redis.url())
        };
        RedisPubSub::new(RedisLink::new(config).unwrap())
    });
    let mut heard = [
        copies[0].subscribe("topic").await.unwrap(),
        copies[1].subscribe("topic").await.unwrap(),
    ];
    copies[0].publish("topic", "message".into()).await.unwrap();
    for listener in &mut heard {
        assert_eq!(next(listener).await.unwrap(), "message");
    }
}

#[tokio::test]
async fn fault_15_a_stream_ends_with_its_connection_and_can_be_had_again() {
    let redis = Redis::start().unwrap();
    let pubsub = RedisPubSub::new(patient_link_to(&redis.url()));
    let mut listeners = Vec::new();
    for topic in ["topic", "topic", "other"] {
        listeners.push(pubsub.subscribe(topic).await.unwrap());
    }
    redis.kill().unwrap();
    for listener in &mut listeners {
        assert_eq!(next(listener).await, None);
    }
    assert!(pubsub.subscribe("topic").await.is_err());
    redis.start_again().unwrap();
    let mut listener = subscribe_again(&pubsub).await;
    until("publishing was to work again", async || {
        pubsub.publish("topic", "message".into()).await.is_ok()
    })
    .await;
    assert_eq!(next(&mut listener).await.unwrap(), "message");
}

#[tokio::test]
async fn fault_16_a_stream_ends_when_redis_hangs() {
    let redis = Redis::start().unwrap();
    let pubsub = RedisPubSub::new(patient_link_to(&redis.url()));
    let mut listener = pubsub.subscribe("topic").await.unwrap();
    redis.freeze().unwrap();
    let begun = Instant::now();
    assert_eq!(next(&mut listener).await, None);
    assert!(begun.elapsed() < Duration::from_secs(10), "{:?}", begun.elapsed());
    redis.thaw().unwrap();
    let mut listener = subscribe_again(&pubsub).await;
    pubsub.publish("topic", "message".into()).await.unwrap();
    assert_eq!(next(&mut listener).await.unwrap(), "message");
}

#[tokio::test]
async fn who_does_not_hear_is_not_asked_to_wait_for_ever_and_does_not_spin() {
    let redis = Redis::start().unwrap();
    let pubsub = RedisPubSub::new(patient_link_to(&redis.url()));
    redis.kill().unwrap();
    let begun = Instant::now();
    let mut attempts = 0;
    while begun.elapsed() < Duration::from_secs(3) {
        assert!(pubsub.subscribe("topic").await.is_err());
        attempts += 1;
    }
    assert!((2..60).contains(&attempts), "{attempts}");
}

#[tokio::test]
async fn the_connection_is_given_back_when_nobody_listens_any_more() {
    let redis = Redis::start().unwrap();
    let pubsub = RedisPubSub::new(patient_link_to(&redis.url()));
    let kept = pubsub.subscribe("kept").await.unwrap();
    for number in 0..100 {
        drop(pubsub.subscribe(&number.to_string()).await.unwrap());
    }
    let channels = || redis.command(&["PUBSUB", "CHANNELS"]).unwrap();
    until("the other channels were to be left", async || {
        channels().lines().count() == 1 && channels().ends_with("topic:kept")
    })
    .await;
    drop(kept);
    let clients = || redis.command(&["CLIENT", "LIST", "TYPE", "pubsub"]).unwrap();
    until("the connection was to be given back", async || {
        clients().trim().is_empty()
    })
    .await;
    let mut listener = pubsub.subscribe("kept").await.unwrap();
    pubsub.publish("kept", "message".into()).await.unwrap();
    assert_eq!(next(&mut listener).await.unwrap(), "message");
}
