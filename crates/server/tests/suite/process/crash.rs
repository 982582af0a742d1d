//! What is there after `kill -9`: everything that was acknowledged.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use reqwest::Method;
use serde_json::{Value, json};

use super::{Parlance, Running};
use crate::harness::{TestUser, assert_problem};

/// Writes until the server is gone; gives the words whose write was acknowledged.
async fn write_until_the_end(
    user: TestUser,
    round: usize,
    writer: usize,
    begun: Arc<AtomicBool>,
) -> Vec<String> {
    let mut acknowledged = Vec::new();
    for number in 0.. {
        let word = format!("r{round}-w{writer}-{number}");
        let request = user.request(Method::PUT, &format!("/api/v1/progress/{word}"));
        let body = json!({ "studyCount": number + 1 });
        match request.json(&body).send().await {
            Ok(response) => {
                assert_eq!(response.status(), 200);
                acknowledged.push(word);
                begun.store(true, Ordering::SeqCst);
            }
            Err(_) => break,
        }
    }
    acknowledged
}

async fn words_of(server: &Running, user: &TestUser) -> Vec<String> {
    let request = server
        .request(Method::GET, "/api/v1/progress")
        .bearer_auth(&user.token);
    let rows: Value = request.send().await.unwrap().json().await.unwrap();
    let rows = rows.as_array().unwrap();
    rows.iter()
        .map(|row| row["wordId"].as_str().unwrap().to_owned())
        .collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_acknowledged_write_survives_ten_crashes() {
    const WRITERS: usize = 8;
    let parlance = Parlance::new();
    let mut server = parlance.serve().await;
    let mut expected: Vec<String> = Vec::new();
    let user = server.register("anna@example.com").await;
    for round in 0..10_usize {
        let user_now = server.login("anna@example.com").await;
        let begun = Arc::new(AtomicBool::new(false));
        let writers: Vec<_> = (0..WRITERS)
            .map(|writer| {
                tokio::spawn(write_until_the_end(
                    user_now.clone(),
                    round,
                    writer,
                    Arc::clone(&begun),
                ))
            })
            .collect();
        while !begun.load(Ordering::SeqCst) {
            tokio::task::yield_now().await;
        }
        // Each round is cut at another moment, in the middle of writing.
        tokio::time::sleep(Duration::from_millis(37 * round as u64)).await;
        server.crash().await;
        let before = expected.len();
        for writer in writers {
            expected.extend(writer.await.unwrap());
        }
        assert!(
            expected.len() > before,
            "round {round}: nothing was written before the crash"
        );

        server = parlance.serve().await;
        let there = words_of(&server, &user).await;
        let lost: Vec<&String> = expected.iter().filter(|word| !there.contains(word)).collect();
        assert!(lost.is_empty(), "round {round}: lost {lost:?}");
        // At most the one write of each writer that was under way may be there besides.
        assert!(there.len() <= expected.len() + WRITERS * (round + 1));
    }
    server.stop().await;
}

#[tokio::test]
async fn threat_06_a_signed_out_session_stays_so_after_a_crash() {
    let parlance = Parlance::new();
    let server = parlance.serve().await;
    let user = server.register("anna@example.com").await;
    let other = server.login("anna@example.com").await;
    server
        .post_cookie("/api/v1/auth/logout", &user.cookie)
        .await
        .expect(200);
    assert_problem(&user.get("/api/v1/auth/me").await, 401, "UNAUTHORIZED");
    server.crash().await;

    let server = parlance.serve().await;
    let me = async |token: &str| {
        let request = server.request(Method::GET, "/api/v1/auth/me").bearer_auth(token);
        request.send().await.unwrap().status().as_u16()
    };
    assert_eq!(me(&user.token).await, 401);
    assert_eq!(me(&other.token).await, 200);
    assert_problem(
        &server.post_cookie("/api/v1/auth/refresh", &user.cookie).await,
        401,
        "INVALID_REFRESH_TOKEN",
    );
    server.stop().await;
}

#[tokio::test]
async fn threat_03_a_refresh_token_used_before_a_crash_is_known_to_be_used_after_it() {
    let parlance = Parlance::new().set("REFRESH_GRACE_SECONDS", "0");
    let server = parlance.serve().await;
    let first = server.register("anna@example.com").await.cookie;
    let refresh =
        async |server: &Running, cookie: &str| server.post_cookie("/api/v1/auth/refresh", cookie).await;
    let second = refresh(&server, &first)
        .await
        .expect(200)
        .cookie("refreshToken")
        .unwrap();
    let third = refresh(&server, &second)
        .await
        .expect(200)
        .cookie("refreshToken")
        .unwrap();
    server.crash().await;

    let server = parlance.serve().await;
    assert_problem(&refresh(&server, &first).await, 401, "REFRESH_TOKEN_REUSED");
    assert_problem(&refresh(&server, &third).await, 401, "INVALID_REFRESH_TOKEN");
    server.stop().await;
}

#[tokio::test]
async fn a_server_is_ready_again_within_two_seconds_of_a_crash() {
    let parlance = Parlance::new();
    parlance.serve().await.crash().await;
    let began = Instant::now();
    let server = parlance.serve().await;
    server.get("/readyz").await.expect(200);
    // An unoptimised build on a machine that does other things besides is given more time.
    assert!(began.elapsed() < Duration::from_secs(5), "{:?}", began.elapsed());
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn reviews_sent_again_after_a_crash_are_counted_once() {
    let parlance = Parlance::new();
    let server = parlance.serve().await;
    let user = server.register("anna@example.com").await;
    let ids: Vec<String> = (0..200_u128)
        .map(|n| uuid::Uuid::from_u128(n + 1).to_string())
        .collect();
    let review = |id: &String| json!({ "reviews": [{ "id": id, "wordId": "zh-00001", "rating": "good", "reviewedAt": "2026-01-01T00:00:00.000Z" }] });
    let crashed = Arc::new(AtomicBool::new(false));
    let sending = {
        let (user, crashed) = (user.clone(), Arc::clone(&crashed));
        let bodies: Vec<Value> = ids.iter().map(review).collect();
        tokio::spawn(async move {
            for body in &bodies {
                let request = user.request(Method::POST, "/api/v1/reviews").json(body);
                if request.send().await.is_err() {
                    assert!(crashed.load(Ordering::SeqCst), "failed before the crash");
                    return;
                }
            }
        })
    };
    tokio::time::sleep(Duration::from_millis(150)).await;
    crashed.store(true, Ordering::SeqCst);
    server.crash().await;
    sending.await.unwrap();

    let server = parlance.serve().await;
    let user = server.login("anna@example.com").await;
    for id in &ids {
        user.post("/api/v1/reviews", &review(id)).await.expect(200);
    }
    let row = user.get("/api/v1/progress/zh-00001").await.expect(200).json();
    assert_eq!(row["studyCount"], 200);
    server.stop().await;
}
