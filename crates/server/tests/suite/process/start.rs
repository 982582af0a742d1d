//! The first start, and what keeps a start from happening.

use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Output;

use parlance_testbed::{Redis, TestDatabase};
use serde_json::json;

use super::Parlance;

fn mode(path: &Path) -> u32 {
    std::fs::metadata(path).unwrap().permissions().mode() & 0o777
}

fn errors(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).unwrap()
}

#[tokio::test]
async fn the_first_start_makes_everything_and_says_what_to_try() {
    let parlance = Parlance::new();
    let server = parlance.serve().await;
    let data = parlance.dir().join("data");
    assert_eq!(mode(&data), 0o700);
    assert_eq!(mode(&data.join("development.secret")), 0o600);
    assert_eq!(mode(&data.join("parlance.db")), 0o600);

    let port = server.address.port();
    assert!(server.out.line("curl").await.is_some());
    server.out.line("Ctrl-C").await.unwrap();
    let banner = server.out.text();
    for part in [
        format!("http://localhost:{port}/api-docs"),
        "SQLite".to_owned(),
        "./data".to_owned(),
        "10969 words on 7 lists".to_owned(),
    ] {
        assert!(banner.contains(&part), "{part} is not in {banner}");
    }
    let curl = banner.lines().find(|line| line.contains("curl")).unwrap();
    let path = curl.split(&port.to_string()).nth(1).unwrap();
    let lists = server.get(path).await.expect(200).json();
    let counts = lists
        .as_array()
        .unwrap()
        .iter()
        .map(|list| list["wordCount"].as_u64().unwrap());
    assert_eq!(counts.sum::<u64>(), 10_969);
    server.stop().await;
}

#[tokio::test]
async fn the_process_takes_no_huge_pages() {
    let server = Parlance::new().serve().await;
    assert!(!server.takes_huge_pages());
    server.stop().await;
}

#[tokio::test]
async fn a_later_start_keeps_secret_and_accounts_and_loads_nothing_again() {
    let parlance = Parlance::new();
    let server = parlance.serve().await;
    let user = server.register("anna@example.com").await;
    server.stop().await;

    let server = parlance.serve().await;
    let request = server.request(reqwest::Method::GET, "/api/v1/auth/me");
    let response = request.bearer_auth(&user.token).send().await.unwrap();
    assert_eq!(response.status(), 200);
    server.out.line("Ctrl-C").await.unwrap();
    assert!(!server.out.text().contains("10969"));
    server.stop().await;
}

#[tokio::test]
async fn on_postgresql_and_redis_nothing_of_the_embedded_default_is_used() {
    let (database, redis) = (TestDatabase::empty().await, Redis::start().unwrap());
    let parlance = Parlance::new()
        .set("DATABASE_URL", &database.url())
        .set("REDIS_URL", &redis.url())
        .set("RATE_LIMIT_PER_MINUTE", "100")
        // Tests have to do with less of the machine than a server has.
        .set("REDIS_DEADLINE_MS", "1000");
    let server = parlance.serve().await;
    let user = server.register("anna@example.com").await;
    user.put("/api/v1/progress/zh-00001", &json!({ "studyCount": 3 }))
        .await
        .expect(200);
    let limits = redis.command(&["KEYS", "parlance:limit:default:*"]).unwrap();
    assert!(!limits.is_empty(), "the limit was counted elsewhere");
    server.stop().await;
    for table in ["accounts", "sessions", "progress_events", "progress"] {
        let count = database.query(&format!("SELECT count(*) FROM {table}")).unwrap();
        assert_eq!(count[0][0].as_deref(), Some("1"), "{table}");
    }
    let data = std::fs::read_dir(parlance.dir().join("data")).unwrap();
    let files: Vec<String> = data
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    assert!(!files.iter().any(|name| name.contains(".db")), "{files:?}");
}

#[tokio::test]
async fn a_second_server_on_the_same_data_is_refused() {
    let parlance = Parlance::new();
    let server = parlance.serve().await;
    let second = parlance.run(&[]).await;
    assert!(!second.status.success());
    assert!(
        errors(&second).contains("another Parlance server is running"),
        "{}",
        errors(&second)
    );
    server.get("/livez").await.expect(200);
    server.stop().await;
}

#[tokio::test]
async fn threat_13_production_does_not_start_with_a_bad_secret() {
    for secret in [
        "",
        "changeme",
        "only-thirty-one-bytes-long-4711",
        "changeme-changeme-changeme-changeme",
        "your-super-secret-jwt-key-change-in-production",
    ] {
        let output = Parlance::new()
            .in_production()
            .set("JWT_SECRET", secret)
            .run(&[])
            .await;
        assert!(!output.status.success(), "{secret}");
        let errors = errors(&output);
        assert!(errors.contains("JWT_SECRET"), "{errors}");
        assert!(secret.is_empty() || !errors.contains(secret), "{errors}");
    }
}

#[tokio::test]
async fn production_starts_with_what_it_wants_and_prints_no_banner() {
    let parlance = Parlance::new().in_production();
    let server = parlance.serve().await;
    let answer = server.get("/api/v1/health").await.expect(200);
    assert_eq!(answer.json()["environment"], "production");
    assert!(answer.header("strict-transport-security").is_some());
    assert!(!parlance.dir().join("data/development.secret").exists());
    let out = server.out.clone();
    server.stop().await;
    assert_eq!(out.text(), "");
}

#[tokio::test]
async fn every_problem_with_the_settings_is_listed_at_once() {
    let parlance = Parlance::new().set("PORT", "http").set("BCRYPT_COST", "99");
    for arguments in [&["config", "check"][..], &["serve"]] {
        let output = parlance.run(arguments).await;
        assert!(!output.status.success());
        let errors = errors(&output);
        assert!(errors.contains("2 problems"), "{errors}");
        assert!(
            errors.contains("PORT") && errors.contains("BCRYPT_COST"),
            "{errors}"
        );
    }
    assert!(!parlance.dir().join("data").exists());
}

#[tokio::test]
async fn an_unknown_name_in_the_env_file_stops_the_start_and_none_in_the_environment_does() {
    let parlance = Parlance::new().set("SOMETHING_ELSE", "1");
    assert!(parlance.run(&["config", "check"]).await.status.success());
    std::fs::write(parlance.dir().join(".env"), "PROT=8080\nJWT_SECERT=hunter2\n").unwrap();
    let output = parlance.run(&["config", "check"]).await;
    assert!(!output.status.success());
    let errors = errors(&output);
    assert!(
        errors.contains("PROT") && errors.contains("JWT_SECERT"),
        "{errors}"
    );
    assert!(!errors.contains("hunter2"), "{errors}");
}

#[tokio::test]
async fn a_port_that_is_taken_is_named() {
    let first = Parlance::new();
    let server = first.serve().await;
    let second = Parlance::new().set("PORT", &server.address.port().to_string());
    let output = second.run(&[]).await;
    assert!(!output.status.success());
    assert!(
        errors(&output).contains(&server.address.to_string()),
        "{}",
        errors(&output)
    );
    server.stop().await;
}

#[tokio::test]
async fn metrics_whose_address_is_taken_are_done_without_in_development_only() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let development = Parlance::new().set("METRICS_ADDR", &address);
    let server = development.serve().await;
    assert!(server.log.line("METRICS_ADDR is taken").await.is_some());
    server.stop().await;

    let production = Parlance::new().in_production().set("METRICS_ADDR", &address);
    let output = production.run(&[]).await;
    assert!(!output.status.success());
    assert!(errors(&output).contains("METRICS_ADDR"), "{}", errors(&output));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn metrics_tell_of_the_connections_for_transactions_which_a_setting_bounds() {
    let database = TestDatabase::empty().await;
    let parlance = Parlance::new()
        .set("DATABASE_URL", &database.url())
        .set("DATABASE_TRANSACTIONS", "3")
        .set("METRICS_ADDR", "127.0.0.1:0");
    let server = parlance.serve().await;
    server.register("ann@example.com").await;
    let metrics = server.metrics().await;
    for line in [
        "parlance_database_transactions 3",
        "parlance_database_transactions_refused 0",
        "parlance_database_transaction_timeouts 0",
    ] {
        assert!(metrics.contains(line), "{line} is not in\n{metrics}");
    }
    for made in ["transactions_connected", "transaction_connects"] {
        let none = format!("parlance_database_{made} 0");
        assert!(!metrics.contains(&none), "{none} is in\n{metrics}");
    }
    server.stop().await;
}

#[tokio::test]
async fn threat_71_a_closed_output_does_not_end_the_process() {
    let parlance = Parlance::new();
    let mut child = parlance.command(&[]).spawn().unwrap();
    drop(child.stdout.take());
    let log = child.stderr.take().unwrap();
    // Only the address is read, then nobody reads any more.
    let mut lines = tokio::io::AsyncBufReadExt::lines(tokio::io::BufReader::new(log));
    let address = loop {
        let line = lines.next_line().await.unwrap().unwrap();
        let line: serde_json::Value = serde_json::from_str(&line).unwrap();
        if let Some(address) = line["address"].as_str() {
            break address.to_owned();
        }
    };
    drop(lines);
    for _ in 0..100 {
        let response = reqwest::get(format!("http://{address}/nowhere")).await.unwrap();
        assert_eq!(response.status(), 404);
    }
    assert!(child.try_wait().unwrap().is_none());
}
