//! Rate limits as clients see them.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use parlance_testbed::Redis;
use reqwest::Method;
use serde_json::json;

use crate::harness::{Answer, Builder, TestApp, assert_problem};

const CONFIG: &str = "/api/v1/config";
const LOGIN: &str = "/api/v1/auth/login";

/// What the script that counts calls, and what there is of connections beside requests.
const BESIDE_REQUESTS: [&str; 16] = [
    "time",
    "lindex",
    "lpop",
    "lset",
    "rpush",
    "pexpire",
    "del",
    "hello",
    "client",
    "auth",
    "select",
    "subscribe",
    "ping",
    "script",
    "config",
    "info",
];

/// A limited server whose minutes the test lets pass.
fn limited(per_minute: u32, login_per_minute: u32) -> (Builder, Arc<AtomicU64>) {
    let seconds = Arc::new(AtomicU64::new(1_000));
    let elapsed = Arc::clone(&seconds);
    let builder = TestApp::builder()
        .with(|settings| {
            settings.limits.per_minute = per_minute;
            settings.limits.login_per_minute = login_per_minute;
        })
        .elapsed(Arc::new(move || {
            Duration::from_secs(elapsed.load(Ordering::Relaxed))
        }));
    (builder, seconds)
}

fn behind_a_proxy(builder: Builder) -> Builder {
    builder.with(|settings| settings.trusted_proxies = vec!["127.0.0.1/32".parse().unwrap()])
}

async fn from(app: &TestApp, forwarded_for: &str) -> Answer {
    app.send(
        app.request(Method::GET, CONFIG)
            .header("x-forwarded-for", forwarded_for),
    )
    .await
}

async fn try_login(app: &TestApp) -> Answer {
    app.post(
        LOGIN,
        &json!({ "email": "nobody@example.com", "password": "Wrong-Password-1" }),
    )
    .await
}

#[tokio::test]
async fn over_the_limit_comes_429_and_after_a_minute_it_goes_on() {
    let (builder, seconds) = limited(3, 0);
    let app = builder.start().await;
    for left in ["2", "1", "0"] {
        let answer = app.get(CONFIG).await.expect(200);
        assert_eq!(answer.header("ratelimit-policy"), Some("\"default\";q=3;w=60"));
        assert_eq!(answer.header("x-ratelimit-limit"), Some("3"));
        assert_eq!(answer.header("x-ratelimit-remaining"), Some(left));
        let reset = answer.header("x-ratelimit-reset").unwrap();
        assert_eq!(
            answer.header("ratelimit").unwrap(),
            format!("\"default\";r={left};t={reset}")
        );
    }
    let refused = app.get(CONFIG).await;
    assert_problem(&refused, 429, "RATE_LIMIT_EXCEEDED");
    let wait: u64 = refused.header("retry-after").unwrap().parse().unwrap();
    assert!((1..=60).contains(&wait), "{wait}");
    assert_eq!(refused.header("x-ratelimit-remaining"), Some("0"));
    seconds.fetch_add(wait, Ordering::Relaxed);
    app.get(CONFIG).await.expect(200);
}

#[tokio::test]
async fn everything_counts_but_probes_and_documentation() {
    let (builder, _) = limited(3, 0);
    let app = builder.start().await;
    for path in [
        "/health",
        "/api/v1/health",
        "/livez",
        "/readyz",
        "/api-docs",
        "/api-docs/openapi.json",
    ] {
        let answer = app.get(path).await.expect(200);
        assert_eq!(answer.header("x-ratelimit-limit"), None, "{path}");
    }
    assert_eq!(app.get("/nope").await.status, 404);
    assert_eq!(app.get("/api/v1/users/me").await.status, 401);
    assert_eq!(app.post_bytes(LOGIN, "{").await.status, 400);
    assert_eq!(app.get("/nope").await.status, 429);
    assert_eq!(app.get("/health").await.status, 200);
}

#[tokio::test]
async fn signing_in_has_a_limit_of_its_own_besides() {
    let (builder, _) = limited(100, 5);
    let app = builder.start().await;
    for _ in 0..5 {
        let answer = try_login(&app).await;
        assert_problem(&answer, 401, "INVALID_CREDENTIALS");
        assert_eq!(
            answer.header("ratelimit-policy"),
            Some("\"default\";q=100;w=60, \"login\";q=5;w=60")
        );
        assert_eq!(answer.header("x-ratelimit-limit"), Some("5"));
    }
    let refused = try_login(&app).await;
    assert_problem(&refused, 429, "RATE_LIMIT_EXCEEDED");
    assert!(refused.header("retry-after").is_some());
    app.get(CONFIG).await.expect(200);
    // The path written in another way is the same route.
    let disguised = app.post_bytes("/api/v1/auth/%6Cogin", "{}").await;
    assert!(matches!(disguised.status, 404 | 429), "{}", disguised.status);
}

#[tokio::test]
async fn without_limits_there_are_no_headers() {
    let app = TestApp::start().await;
    let answer = app.get(CONFIG).await.expect(200);
    assert_eq!(
        (answer.header("ratelimit"), answer.header("x-ratelimit-limit")),
        (None, None)
    );
}

#[tokio::test]
async fn threat_21_a_client_cannot_choose_its_address() {
    let (builder, _) = limited(10, 0);
    let app = builder.start().await;
    let mut refused = 0;
    for n in 0..40 {
        refused += u32::from(from(&app, &format!("10.0.{}.{}", n / 250, n % 250)).await.status == 429);
    }
    assert_eq!(refused, 30);
}

#[tokio::test]
async fn threat_21_what_stands_left_of_the_proxys_own_hop_is_not_believed() {
    let (builder, _) = limited(2, 0);
    let app = behind_a_proxy(builder).start().await;
    for n in 0..4 {
        let answer = from(&app, &format!("1.1.1.{n}, 9.9.9.9")).await;
        assert_eq!(answer.status, if n < 2 { 200 } else { 429 });
    }
    from(&app, "9.9.9.9, 8.8.8.8").await.expect(200);
}

#[tokio::test]
async fn threat_22_one_ipv6_network_is_one_client() {
    let (builder, _) = limited(2, 0);
    let app = behind_a_proxy(builder).start().await;
    from(&app, "2001:db8::1").await.expect(200);
    from(&app, "2001:DB8:0:0:ffff::2").await.expect(200);
    assert_eq!(from(&app, "2001:0db8::3").await.status, 429);
    from(&app, "2001:db8:0:1::1").await.expect(200);
    from(&app, "1.2.3.4").await.expect(200);
    from(&app, "::ffff:1.2.3.4").await.expect(200);
    assert_eq!(from(&app, "::FFFF:102:304").await.status, 429);
}

/// How often Redis was given each command since its figures were reset.
fn commands(redis: &Redis) -> BTreeMap<String, u64> {
    let figures = redis.command(&["INFO", "commandstats"]).unwrap();
    let mut commands = BTreeMap::<String, u64>::new();
    for line in figures.lines().filter_map(|line| line.strip_prefix("cmdstat_")) {
        let (name, rest) = line.split_once(":calls=").unwrap();
        let calls: u64 = rest.split(',').next().unwrap().parse().unwrap();
        let name = name.split('|').next().unwrap();
        *commands.entry(name.to_owned()).or_default() += calls;
    }
    commands
}

#[tokio::test]
async fn a_signed_in_request_asks_redis_nothing_of_its_own() {
    let redis = Redis::start().unwrap();
    let builder = TestApp::builder().shared().redis(&redis.url());
    let builder = builder.with(|settings| {
        settings.limits.per_minute = 100;
        // Tests have to do with less of the machine than a server has.
        settings.redis.as_mut().unwrap().deadline = Duration::from_secs(10);
    });
    let app = behind_a_proxy(builder).start().await;
    // From another address than what follows, which is to have the whole quota.
    let user = app.register().await;
    redis.command(&["CONFIG", "RESETSTAT"]).unwrap();
    let began = Instant::now();
    for _ in 0..100 {
        let request = user.request(Method::GET, "/api/v1/auth/me");
        user.send(request.header("x-forwarded-for", "203.0.113.7"))
            .await
            .expect(200);
    }
    let mut commands = commands(&redis);
    let seconds = began.elapsed().as_secs();
    let asked = ["evalsha", "eval"].map(|name| commands.remove(name).unwrap_or_default());
    let asked: u64 = asked.iter().sum();
    // Five at a time; besides, what Redis said is asked for anew after ten seconds.
    assert!((1..=20 + seconds / 10).contains(&asked), "{asked} in {seconds} s");
    // Whoever listens for announcements asks once a second whether Redis is there.
    let pings = commands.get("ping").copied().unwrap_or_default();
    assert!(pings <= seconds + 2, "{pings} in {seconds} s");
    commands.retain(|name, _| !BESIDE_REQUESTS.contains(&name.as_str()));
    assert!(commands.is_empty(), "{commands:?}");
}
