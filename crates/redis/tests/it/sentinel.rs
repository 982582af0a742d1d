//! A Redis that sentinels watch.

use std::sync::Arc;
use std::time::Duration;

use futures_util::StreamExt;
use parlance_domain::cache::Cache;
use parlance_domain::caching::Leases;
use parlance_domain::health::Probe;
use parlance_domain::pubsub::PubSub;
use parlance_redis::{RedisCache, RedisLeases, RedisPubSub};
use parlance_testbed::Sentinel;

use crate::support::{limiter, patient_link_to, until, whole_text};

fn url(sentinel: &Sentinel, service: &str) -> String {
    // One that is not there, before the one that is.
    sentinel.url(service).replace("://", "://127.0.0.1:1,")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn the_ports_keep_to_their_contracts_behind_a_sentinel_and_after_a_failover() {
    let sentinel = Sentinel::start("primary").unwrap();
    let link = patient_link_to(&url(&sentinel, "primary"));
    link.check().await.unwrap();
    parlance_contract::limits::no_more_than_the_quota_are_allowed(&limiter(link.clone())).await;
    let leases = Arc::new(RedisLeases::new(link.clone()));
    parlance_contract::leases::a_lease_is_given_back_once(&leases).await;
    let pubsub = RedisPubSub::new(link.clone());
    parlance_contract::pubsub::every_listener_of_a_topic_hears_each_message_once_and_in_order(&pubsub).await;
    let mut listener = pubsub.subscribe("topic").await.unwrap();

    sentinel.fail_over().unwrap();
    assert!(
        listener.next().await.is_none(),
        "the stream ends with the connection"
    );
    let cache = RedisCache::new(link.clone());
    until("the new master was to be found", async || {
        let put = cache.put("key", "value".into(), Duration::from_mins(1), None);
        put.await.is_ok()
    })
    .await;
    assert_eq!(cache.get("key").await.unwrap().unwrap(), "value");
    let taken = leases.take("after", Duration::from_mins(1)).await.unwrap();
    leases.give_back(&taken.unwrap()).await.unwrap();
    let mut listener = pubsub.subscribe("topic").await.unwrap();
    pubsub.publish("topic", "message".into()).await.unwrap();
    assert_eq!(listener.next().await.unwrap(), "message");
}

#[tokio::test]
async fn a_service_that_no_sentinel_knows_is_unavailable() {
    let sentinel = Sentinel::start("primary").unwrap();
    let link = patient_link_to(&url(&sentinel, "secondary"));
    let error = link.check().await.unwrap_err();
    assert!(whole_text(&error).contains("no master"), "{}", whole_text(&error));
}
