//! What callers who mean harm cost: memory and time are measured at the process.

use std::time::{Duration, Instant};

use reqwest::Method;
use serde_json::json;

use super::{Parlance, Running};
use crate::harness::{PASSWORD, RawConnection};

const MEBIBYTE: u64 = 1024 * 1024;

/// Sends a body as JSON, whatever it is; gives the status, or `None` when the server closed the connection.
async fn post(server: &Running, path: &str, headers: &str, body: &[u8]) -> Option<u16> {
    let mut connection = RawConnection::open(server.address).await;
    let length = body.len();
    let head = format!(
        "POST {path} HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n{headers}Content-Length: {length}\r\n\r\n"
    );
    connection.send(head).await;
    connection.send(body).await;
    connection.response().await.map(|response| response.status)
}

#[tokio::test]
async fn threat_34_deep_and_large_bodies_cost_no_memory() {
    let parlance = Parlance::new();
    let server = parlance.serve().await;
    let path = "/api/v1/auth/login";
    let bodies = [
        "[".repeat(100_000).into_bytes(),
        "{\"a\":".repeat(50_000).into_bytes(),
        vec![b' '; 10 * 1024 * 1024],
    ];
    let round = async || {
        for body in &bodies {
            let status = post(&server, path, "", body).await;
            assert!(matches!(status, Some(400 | 413) | None), "{status:?}");
        }
        server.resident()
    };
    // The allocator first takes what it will go on using, and gives back late: the lowest of many readings counts.
    for _ in 0..10 {
        round().await;
    }
    let before = server.resident();
    let mut lowest = u64::MAX;
    for _ in 0..10 {
        lowest = lowest.min(round().await);
    }
    let grown = lowest.saturating_sub(before);
    assert!(grown < 16 * MEBIBYTE, "{grown}");
    server.get("/livez").await.expect(200);
    server.stop().await;
}

#[tokio::test]
async fn threat_36_a_compressed_bomb_is_refused_unopened() {
    let parlance = Parlance::new();
    let server = parlance.serve().await;
    // A gzip head and a megabyte of what would become a gigabyte of zeros.
    let mut bomb = vec![0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 3];
    bomb.resize(1_000_000, 0);
    let before = server.resident();
    for encoding in ["gzip", "br", "zstd", "deflate", "gzip, gzip"] {
        let began = Instant::now();
        let header = format!("Content-Encoding: {encoding}\r\n");
        let status = post(&server, "/api/v1/auth/login", &header, &bomb).await;
        assert!(matches!(status, Some(413 | 415)), "{encoding}: {status:?}");
        assert!(
            began.elapsed() < Duration::from_secs(1),
            "{encoding}: {:?}",
            began.elapsed()
        );
    }
    let grown = server.resident().saturating_sub(before);
    assert!(grown < 32 * MEBIBYTE, "{grown}");
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn threat_19_a_flood_of_sign_ins_leaves_the_rest_quick() {
    // Nobody is locked: all of them are to reach the queue of passwords.
    let parlance = Parlance::new()
        .set("BCRYPT_COST", "10")
        .set("LOCKOUT_ATTEMPTS", "100")
        .set("LOCKOUT_ADDRESS_ATTEMPTS", "0");
    let server = parlance.serve().await;
    let emails = ["anna@example.com", "bob@example.com", "carl@example.com"];
    for email in emails {
        server.register(email).await;
    }
    let flood: Vec<_> = (0..200)
        .map(|number| {
            let email = emails[number % emails.len()];
            let body = json!({ "email": email, "password": PASSWORD });
            let request = server.request(Method::POST, "/api/v1/auth/login").json(&body);
            tokio::spawn(async move {
                let response = request.send().await.unwrap();
                (
                    response.status().as_u16(),
                    response.headers().contains_key("retry-after"),
                )
            })
        })
        .collect();
    let mut times = Vec::new();
    while !flood.iter().all(tokio::task::JoinHandle::is_finished) || times.len() < 20 {
        let began = Instant::now();
        server.get("/livez").await.expect(200);
        times.push(began.elapsed());
    }
    times.sort_unstable();
    // Those that asks and answers share two cores with the hashing: the middle one rather than the worst.
    let median = times[times.len() / 2];
    assert!(
        median < Duration::from_millis(100),
        "{median:?} of {}",
        times.len()
    );
    let mut statuses = Vec::new();
    for answer in flood {
        let (status, retry_after) = answer.await.unwrap();
        assert!(status == 200 || status == 503 && retry_after, "{status}");
        statuses.push(status);
    }
    assert!(
        statuses.contains(&200) && statuses.contains(&503),
        "the queue is bounded: {statuses:?}"
    );
    server.stop().await;
}

#[tokio::test]
async fn threat_43_endless_heads_are_refused() {
    let parlance = Parlance::new();
    let server = parlance.serve().await;
    let before = server.resident();
    let long_path = format!("GET /{} HTTP/1.1\r\nHost: x\r\n\r\n", "a".repeat(1024 * 1024));
    let headers: Vec<String> = (0..1_000)
        .map(|number| format!("X-{number}: {}", "b".repeat(1_000)))
        .collect();
    let headers = headers.join(
        "
",
    );
    let many_headers = format!("GET /livez HTTP/1.1\r\nHost: x\r\n{headers}\r\n\r\n");
    for head in [&long_path, &many_headers] {
        for _ in 0..10 {
            let mut connection = RawConnection::open(server.address).await;
            connection.send(head).await;
            let status = connection.response().await.map(|response| response.status);
            assert!(matches!(status, None | Some(400..=499)), "{status:?}");
        }
    }
    let grown = server.resident().saturating_sub(before);
    assert!(grown < 16 * MEBIBYTE, "{grown}");
    server.get("/livez").await.expect(200);
    server.stop().await;
}

#[tokio::test]
async fn threat_72_made_up_paths_make_no_series() {
    let parlance = Parlance::new().set("METRICS_ADDR", "127.0.0.1:0");
    let server = parlance.serve().await;
    let series = async || {
        let text = server.metrics().await;
        assert!(text.ends_with("# EOF\n"), "{text}");
        text.lines().count()
    };
    for path in [
        "/livez",
        "/nowhere",
        "/api/v1/vocabulary/words/zh-00001",
        "/api/v1/vocabulary/words/none",
    ] {
        server.get(path).await;
    }
    let before = series().await;
    for number in 0..1_000 {
        server.get(&format!("/nowhere/{number}")).await.expect(404);
        server
            .get(&format!("/api/v1/vocabulary/words/none-{number}"))
            .await
            .expect(404);
    }
    assert_eq!(series().await, before);
    server.stop().await;
}

#[tokio::test]
async fn threat_71_running_out_of_files_is_survived() {
    let parlance = Parlance::new();
    let mut command = tokio::process::Command::new("sh");
    command
        .args([
            "-c",
            "ulimit -n 100 && exec \"$0\" serve",
            env!("CARGO_BIN_EXE_parlance"),
        ])
        .current_dir(parlance.dir())
        .envs([
            ("PORT", "0"),
            ("METRICS_ADDR", "off"),
            ("LOG_FORMAT", "json"),
            ("BCRYPT_COST", "4"),
        ])
        .stdout(std::process::Stdio::piped())
        .stderr(std::process::Stdio::piped())
        .kill_on_drop(true);
    let server = Running::follow(command.spawn().unwrap()).await;
    let mut connections = Vec::new();
    for _ in 0..200 {
        let mut connection = RawConnection::open(server.address).await;
        connection.send("GET /livez HTTP/1.1\r\n").await;
        connections.push(connection);
    }
    drop(connections);
    server.get("/livez").await.expect(200);
    server.get("/readyz").await.expect(200);
    server.stop().await;
}
