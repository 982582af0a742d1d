//! How the process stops: in good order, and at once when asked twice.

use std::net::SocketAddr;
use std::os::unix::process::ExitStatusExt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use nix::sys::signal::Signal;
use reqwest::{Client, Method};
use serde_json::json;

use super::Parlance;
use crate::harness::RawConnection;

/// Sends requests over its own connections until the server says it is not ready, as behind a load balancer.
async fn load(
    client: Client,
    base: String,
    token: String,
    stop: Arc<AtomicBool>,
    answered: Arc<AtomicUsize>,
) -> Vec<String> {
    let mut failures = Vec::new();
    let mut number = 0;
    while !stop.load(Ordering::SeqCst) {
        number += 1;
        let url = format!("{base}/api/v1/progress/word-{}", number % 50);
        let request = client.request(Method::PUT, url).bearer_auth(&token);
        match request.json(&json!({ "studyCount": number })).send().await {
            Ok(response) if response.status() == 200 => {
                answered.fetch_add(1, Ordering::SeqCst);
            }
            Ok(response) => failures.push(response.status().to_string()),
            Err(error) => failures.push(format!("{error:?}")),
        }
    }
    failures
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn threat_65_no_accepted_request_fails_when_the_server_is_stopped_under_load() {
    let parlance = Parlance::new().set("DRAIN_SECONDS", "4");
    let mut server = parlance.serve().await;
    let token = server.register("anna@example.com").await.token;
    let (stop, answered) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicUsize::new(0)));
    let senders: Vec<_> = (0..16)
        .map(|sender| {
            // Half of them open a connection for each request.
            let idle = if sender % 2 == 0 { 8 } else { 0 };
            let client = Client::builder()
                .no_proxy()
                .pool_max_idle_per_host(idle)
                .build()
                .unwrap();
            let base = format!("http://{}", server.address);
            let (stop, answered) = (Arc::clone(&stop), Arc::clone(&answered));
            tokio::spawn(load(client, base, token.clone(), stop, answered))
        })
        .collect();
    while answered.load(Ordering::SeqCst) < 200 {
        tokio::task::yield_now().await;
    }
    server.signal(Signal::SIGTERM);
    // The load balancer notices.
    while server.get("/readyz").await.status == 200 {}
    let at_signal = answered.load(Ordering::SeqCst);
    server.get("/livez").await.expect(200);
    while answered.load(Ordering::SeqCst) < at_signal + 16 {
        tokio::task::yield_now().await;
    }
    stop.store(true, Ordering::SeqCst);
    for sender in senders {
        let failures = sender.await.unwrap();
        assert!(failures.is_empty(), "{failures:?}");
    }
    let status = server.ended().await;
    assert_eq!(status.code(), Some(0), "{}", server.log.text());
    assert!(server.log.line("\"stopped\"").await.is_some());
}

/// Sends requests over one connection until it is told that this was the last one on it.
async fn until_told_to_part(
    address: SocketAddr,
    token: String,
    answered: Arc<AtomicUsize>,
) -> Result<(), u32> {
    let mut connection = RawConnection::open(address).await;
    for number in 1_u32.. {
        let body = format!("{{\"studyCount\":{number}}}");
        let head = format!(
            "PUT /api/v1/progress/word-{} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {token}\r\n\
             Content-Type: application/json\r\nContent-Length: {}\r\n\r\n",
            number % 50,
            body.len()
        );
        connection.send(head + &body).await;
        let response = connection.response().await.ok_or(number)?;
        assert_eq!(response.status, 200);
        answered.fetch_add(1, Ordering::SeqCst);
        if response.header("connection") == Some("close") {
            break;
        }
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn threat_65_clients_on_open_connections_are_told_to_part_before_these_are_closed() {
    let parlance = Parlance::new();
    let mut server = parlance.serve().await;
    let token = server.register("anna@example.com").await.token;
    let answered = Arc::new(AtomicUsize::new(0));
    let senders: Vec<_> = (0..16)
        .map(|_| {
            tokio::spawn(until_told_to_part(
                server.address,
                token.clone(),
                Arc::clone(&answered),
            ))
        })
        .collect();
    while answered.load(Ordering::SeqCst) < 200 {
        tokio::task::yield_now().await;
    }
    server.signal(Signal::SIGTERM);
    for sender in senders {
        assert_eq!(sender.await.unwrap(), Ok(()), "a request was dropped");
    }
    assert_eq!(server.ended().await.code(), Some(0), "{}", server.log.text());
}

#[tokio::test]
async fn a_request_that_runs_is_finished_and_an_idle_connection_does_not_hold_up_the_end() {
    let parlance = Parlance::new();
    let mut server = parlance.serve().await;
    let mut idle = RawConnection::open(server.address).await;
    idle.send("GET /livez HTTP/1.1\r\nHost: x\r\n\r\n").await;
    assert_eq!(idle.response().await.unwrap().status, 200);
    let mut running = RawConnection::open(server.address).await;
    running
        .send("POST /api/v1/auth/login HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 20\r\n\r\n{\"email\"")
        .await;
    // The head has been read once the next request on another connection is answered.
    server.get("/livez").await.expect(200);
    let began = Instant::now();
    server.signal(Signal::SIGTERM);
    server.log.line("\"stopping\"").await.unwrap();
    running.send(":\"a@b.cd\", }").await;
    let answer = running
        .response()
        .await
        .expect("the request that ran was dropped");
    assert_eq!(answer.status, 400);
    assert_eq!(server.ended().await.code(), Some(0));
    assert!(began.elapsed() < Duration::from_secs(10), "{:?}", began.elapsed());
}

#[tokio::test]
async fn a_second_signal_ends_it_at_once() {
    for signal in [Signal::SIGTERM, Signal::SIGINT] {
        let parlance = Parlance::new().set("DRAIN_SECONDS", "60");
        let mut server = parlance.serve().await;
        server.signal(signal);
        server.log.line("\"stopping\"").await.unwrap();
        assert_eq!(server.get("/readyz").await.status, 503);
        let began = Instant::now();
        server.signal(signal);
        let status = server.ended().await;
        assert!(began.elapsed() < Duration::from_secs(5), "{:?}", began.elapsed());
        assert_eq!(
            (status.code(), status.signal()),
            (Some(128 + signal as i32), None)
        );
    }
}
