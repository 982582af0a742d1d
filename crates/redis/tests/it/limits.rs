//! What a limiter over Redis promises beyond its port.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use parlance_contract::limits::PassTime;
use parlance_domain::limits::{Limit, RateLimiter};
use parlance_redis::{RedisConfig, RedisLimiter, RedisLink};
use parlance_testbed::Redis;

use crate::support::{PATIENCE, limiter, link, patient_link_to, prefix, until};

const LIMIT: Limit = Limit::per_minute("login", 5);

async fn granted(limiter: &RedisLimiter, limit: &Limit, wanted: u32) -> u32 {
    limiter.take_up_to("key", limit, wanted).await.unwrap().granted
}

#[tokio::test]
async fn copies_count_together() {
    let redis = Redis::start().unwrap();
    let prefix = prefix();
    let copies: Vec<_> = (0..2)
        .map(|_| {
            let config = RedisConfig {
                prefix: prefix.clone(),
                deadline: PATIENCE,
                ..RedisConfig::new(redis.url())
            };
            RedisLimiter::new(RedisLink::new(config).unwrap())
        })
        .collect();
    let mut allowed = 0;
    for attempt in 0..20 {
        let decision = copies[attempt % 2].take("key", &LIMIT).await.unwrap();
        allowed += u32::from(decision.allowed);
    }
    assert_eq!(allowed, LIMIT.quota);
}

/// Numbers that look like chance and are the same in each run.
fn numbers(mut seed: u64) -> impl FnMut(u64) -> u64 {
    move |below| {
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        (seed >> 33) % below
    }
}

#[tokio::test]
async fn every_window_is_exact_to_the_microsecond() {
    // Of no round number; the window is longer than the test.
    const UNIT: u64 = 1_234_567;
    const WINDOW: u64 = 50 * UNIT;
    let limit = Limit {
        name: "exact",
        quota: 7,
        window: Duration::from_micros(WINDOW),
    };
    let mut number = numbers(1);
    let (limiter, time) = limiter(link());
    let mut passed: Vec<(u64, u32)> = Vec::new();
    let mut now = 0;
    for step in 0..1_000 {
        let micros = number(20) * UNIT;
        now += micros;
        time.pass(Duration::from_micros(micros)).await;
        let wanted = u32::try_from(number(5)).unwrap();
        passed.retain(|(then, _)| then + WINDOW > now);
        let counted: u32 = passed.iter().map(|(_, count)| count).sum();
        let taken = limiter.take_up_to("key", &limit, wanted).await.unwrap();
        assert_eq!(taken.granted, wanted.min(limit.quota - counted), "step {step}");
        assert_eq!(
            taken.remaining,
            limit.quota - counted - taken.granted,
            "step {step}"
        );
        passed.push((now, taken.granted));
        let oldest = passed.iter().find(|(_, count)| *count > 0);
        let left = oldest.map_or(WINDOW, |(then, _)| then + WINDOW - now);
        assert_eq!(taken.reset_after, Duration::from_micros(left), "step {step}");
    }
}

#[tokio::test]
async fn the_time_is_that_of_the_server() {
    let limit = Limit {
        window: Duration::from_millis(200),
        ..LIMIT
    };
    let limiter = RedisLimiter::new(link());
    assert_eq!(granted(&limiter, &limit, 5).await, 5);
    until("the window was to pass", async || {
        granted(&limiter, &limit, 1).await == 1
    })
    .await;
}

#[tokio::test]
async fn a_large_quota_takes_little_room_and_is_never_exceeded() {
    const WINDOW: u64 = 60_000;
    let redis = Redis::start().unwrap();
    let limit = Limit::per_minute("large", 1_000_000);
    let mut number = numbers(2);
    let (limiter, time) = limiter(patient_link_to(&redis.url()));
    let mut passed: Vec<(u64, u64)> = Vec::new();
    let mut now = 0;
    for _ in 0..5_000 {
        let millis = number(40);
        now += millis;
        time.pass(Duration::from_millis(millis)).await;
        let wanted = u32::try_from(number(1_000)).unwrap();
        passed.push((now, granted(&limiter, &limit, wanted).await.into()));
        let within = |span: u64| {
            let window = passed.iter().rev().take_while(move |(then, _)| then + span > now);
            window.map(|(_, count)| count).sum::<u64>()
        };
        assert!(within(WINDOW) <= limit.quota.into());
        // Nothing is counted for longer than a thousandth of the window besides.
        let taken = limiter.take_up_to("key", &limit, 0).await.unwrap();
        let longest = WINDOW + WINDOW / 1_000;
        assert!(u64::from(taken.remaining) + within(longest) >= limit.quota.into());
    }
    let keys = redis.command(&["KEYS", "*limit:large:key"]).unwrap();
    let entries: u32 = redis.command(&["LLEN", &keys]).unwrap().parse().unwrap();
    let bytes: u32 = redis
        .command(&["MEMORY", "USAGE", &keys, "SAMPLES", "0"])
        .unwrap()
        .parse()
        .unwrap();
    assert!(
        entries <= 1_001 && bytes < 64_000,
        "{entries} entries, {bytes} bytes"
    );
    time.pass(limit.window).await;
    assert_eq!(granted(&limiter, &limit, u32::MAX).await, limit.quota);
}

#[tokio::test]
async fn what_nobody_asks_for_is_gone_after_the_window() {
    let redis = Redis::start().unwrap();
    let limit = Limit {
        window: Duration::from_millis(300),
        ..LIMIT
    };
    let (limiter, _) = limiter(patient_link_to(&redis.url()));
    granted(&limiter, &limit, 3).await;
    let key = redis.command(&["KEYS", "*"]).unwrap();
    let left: i64 = redis.command(&["PTTL", &key]).unwrap().parse().unwrap();
    assert!(left <= 300, "{left}");
}

#[tokio::test]
async fn threat_74_a_clock_that_is_set_back_locks_nobody_out_for_longer_than_a_window() {
    let (limiter, time) = limiter(link());
    let hour = Duration::from_hours(1);
    let before = time.0.load(Ordering::Relaxed);
    time.pass(hour).await;
    assert_eq!(granted(&limiter, &LIMIT, 4).await, 4);
    time.0.store(before, Ordering::Relaxed);
    // What was counted still is.
    assert_eq!(granted(&limiter, &LIMIT, 10).await, 1);
    let refused = limiter.take("key", &LIMIT).await.unwrap();
    assert!(!refused.allowed && refused.reset_after <= LIMIT.window);
    time.pass(LIMIT.window).await;
    assert_eq!(granted(&limiter, &LIMIT, 10).await, 5);
}

#[tokio::test]
async fn fault_17_a_server_that_forgot_the_script_is_told_it_again() {
    let redis = Redis::start().unwrap();
    let limiter = Arc::new(RedisLimiter::new(patient_link_to(&redis.url())));
    assert_eq!(granted(&limiter, &LIMIT, 3).await, 3);
    redis.command(&["SCRIPT", "FLUSH"]).unwrap();
    assert_eq!(granted(&limiter, &LIMIT, 3).await, 2);
    redis.command(&["FLUSHALL"]).unwrap();
    assert_eq!(granted(&limiter, &LIMIT, 3).await, 3);
}

#[tokio::test]
async fn one_question_is_one_round_trip() {
    let redis = Redis::start().unwrap();
    let limiter = RedisLimiter::new(patient_link_to(&redis.url()));
    granted(&limiter, &LIMIT, 1).await;
    redis.command(&["CONFIG", "RESETSTAT"]).unwrap();
    for _ in 0..100 {
        granted(&limiter, &LIMIT, 1).await;
    }
    let stats = redis.command(&["INFO", "commandstats"]).unwrap();
    let calls = |command: &str| {
        let line = stats
            .lines()
            .find(|line| line.starts_with(&format!("cmdstat_{command}:")));
        line.map(|line| {
            line.split_once("calls=")
                .unwrap()
                .1
                .split(',')
                .next()
                .unwrap()
                .to_owned()
        })
    };
    assert_eq!(calls("evalsha").as_deref(), Some("100"));
    assert_eq!(calls("ping"), None);
}
