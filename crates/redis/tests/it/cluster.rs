//! A Redis Cluster.

use std::sync::Arc;

use parlance_domain::cache::Cache;
use parlance_domain::health::Probe;
use parlance_domain::limits::{Limit, RateLimiter};
use parlance_domain::port::PortErrorKind;
use parlance_redis::{RedisCache, RedisLeases, RedisPubSub};
use parlance_testbed::RedisCluster;

use crate::support::{limiter, link_to, patient_link_to, until};

/// Over one cluster, since to start one takes a while; each with keys of its own.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn the_ports_keep_to_their_contracts_in_a_cluster() {
    use parlance_contract::{cache, leases, limits, pubsub};
    let cluster = RedisCluster::start().unwrap();
    let url = cluster.url();
    let link = || patient_link_to(&url);
    link().check().await.unwrap();

    limits::no_more_than_the_quota_are_allowed(&limiter(link())).await;
    limits::the_window_slides(&limiter(link())).await;
    limits::keys_do_not_influence_each_other(&limiter(link())).await;
    limits::parallel_calls_for_several_are_granted_no_more_than_the_quota(&limiter(link())).await;

    let new = || Arc::new(RedisCache::new(link()));
    cache::any_text_is_a_key_of_its_own(&new()).await;
    cache::a_value_lives_as_long_as_it_was_given(&new()).await;
    cache::a_lifetime_of_zero_forgets(&new()).await;
    cache::a_group_is_forgotten_whole_and_nothing_else(&new()).await;
    cache::a_forgotten_group_can_begin_again(&new()).await;
    cache::a_value_is_of_the_group_it_was_put_under_last(&new()).await;
    cache::groups_and_keys_of_the_same_name_are_not_each_other(&new()).await;
    cache::parallel_users_do_not_disturb_each_other(&new()).await;

    let new = || Arc::new(RedisLeases::new(link()));
    leases::of_parallel_calls_one_gets_the_lease(&new()).await;
    leases::after_its_lifetime_a_lease_is_anybodys(&new()).await;
    leases::a_lease_that_ran_out_gives_back_nothing_of_its_successor(&new()).await;
    leases::a_lease_is_given_back_once(&new()).await;
    leases::any_text_is_a_key_of_its_own(&new()).await;

    let new = || RedisPubSub::new(link());
    pubsub::every_listener_of_a_topic_hears_each_message_once_and_in_order(&new()).await;
    pubsub::a_listener_hears_nothing_of_other_topics(&new()).await;
    pubsub::a_listener_that_falls_behind_still_hears_the_newest(&new()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_cluster_that_lost_a_node_is_unavailable_and_comes_back() {
    let cluster = RedisCluster::start().unwrap();
    let link = link_to(&cluster.url());
    let (limiter, _) = limiter(link.clone());
    let limit = Limit::per_minute("login", 5);
    let all = async || {
        let mut errors = Vec::new();
        for number in 0..20 {
            errors.extend(limiter.take(&number.to_string(), &limit).await.err());
        }
        errors
    };
    until("the cluster was to answer", async || all().await.is_empty()).await;
    cluster.servers()[1].kill().unwrap();
    let errors = all().await;
    assert!(!errors.is_empty());
    for error in errors {
        let expected = [PortErrorKind::Unavailable, PortErrorKind::Timeout];
        assert!(expected.contains(&error.kind), "{error:?}");
    }
    cluster.servers()[1].start_again().unwrap();
    until("the cluster was to come back", async || all().await.is_empty()).await;
}

#[tokio::test]
async fn a_value_of_a_group_is_found_wherever_its_group_lies() {
    let cluster = RedisCluster::start().unwrap();
    let cache = RedisCache::new(patient_link_to(&cluster.url()));
    let hour = std::time::Duration::from_hours(1);
    for number in 0..50 {
        let (key, group) = (format!("key {number}"), format!("group {}", number % 7));
        cache
            .put(&key, key.clone().into(), hour, Some(&group))
            .await
            .unwrap();
    }
    for number in 0..50 {
        let key = format!("key {number}");
        assert_eq!(cache.get(&key).await.unwrap().unwrap(), key);
    }
}
