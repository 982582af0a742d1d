//! Two copies on one PostgreSQL and one Redis: what happens on one holds on the other.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use futures_util::future::join_all;
use parlance_soak::cluster::{Client, Cluster, Request, Setup};
use parlance_soak::volume::{Learner, Session, fix};
use parlance_testbed::Redis;
use rand::Rng;
use reqwest::Method;
use serde_json::json;

use crate::{room, seed};

/// What one copy ended has ended on the other within a second; a busy machine may take longer to answer.
const A_SECOND: Duration = Duration::from_millis(2_500);
const ADDRESS: &str = "10.9.0.1";

async fn two(setup: Setup) -> (Cluster, [Client; 2]) {
    let cluster = setup.start().await.unwrap();
    let clients = [0, 1].map(|copy| cluster.client(copy).unwrap());
    (cluster, clients)
}

fn limited(name: &str, limit: usize) -> Setup {
    Setup::copies(2)
        .setting("TRUSTED_PROXIES", "127.0.0.1")
        // What waits longer counts by itself, and a busy machine has everything wait.
        .setting("REDIS_DEADLINE_MS", "10000")
        .setting(name, limit.to_string())
}

async fn status(client: &Client, request: Request) -> u16 {
    client.send(request).await.unwrap().status
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn copies_that_migrate_at_once_apply_each_migration_once() {
    let _room = room().await;
    let cluster = Setup::copies(2).without_redis().prepare().await.unwrap();
    let migrators = (0..2).map(|copy| cluster.copy(copy).command("migrate").output());
    let mut applied = Vec::new();
    for output in join_all(migrators).await {
        let output = output.unwrap();
        assert!(output.status.success());
        let said = String::from_utf8(output.stdout).unwrap();
        let named = said.lines().filter_map(|line| line.strip_prefix("applied "));
        applied.extend(named.map(str::to_owned));
    }
    let distinct: BTreeSet<&String> = applied.iter().collect();
    assert_eq!(distinct.len(), applied.len(), "{applied:?}");
    let there = "SELECT count(*) FROM __diesel_schema_migrations";
    assert_eq!(cluster.sql_value(there).await.unwrap(), applied.len().to_string());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn copies_that_start_at_once_see_the_same() {
    let _room = room().await;
    let (_cluster, clients) = two(Setup::copies(2)).await;
    let (learner, session) = Learner::register(&clients[0], "two", 0).await.unwrap();
    let set = fix(&learner.word(0), 3).token(&session.access);
    clients[0].expect(200, set).await.unwrap();
    let get = Request::get(&format!("/progress/{}", learner.word(0))).token(&session.access);
    let row = clients[1].expect(200, get).await.unwrap().json().unwrap();
    assert_eq!(row["studyCount"], 3);
    let lists = clients[1]
        .expect(200, Request::get("/vocabulary/lists"))
        .await
        .unwrap();
    assert!(!lists.json().unwrap().as_array().unwrap().is_empty());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn threat_20_of_many_guesses_at_once_on_both_copies_as_many_as_the_limit_are_evaluated() {
    let _room = room().await;
    let (_cluster, clients) = two(limited("LOGIN_LIMIT_PER_MINUTE", 5)).await;
    let (learner, _) = Learner::register(&clients[0], "guessed", 0).await.unwrap();
    let guess = || learner.login_with("Wrong-Password-1").forwarded_for(ADDRESS);
    let guesses = (0..100).map(|number| status(&clients[number % 2], guess()));
    let answers = join_all(guesses).await;
    let evaluated = answers.iter().filter(|status| **status == 401).count();
    assert_eq!(evaluated, 5);
    assert!(
        answers.iter().all(|status| [401, 429].contains(status)),
        "{answers:?}"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_login_limit_reached_on_one_copy_holds_on_the_other() {
    let _room = room().await;
    let (_cluster, clients) = two(limited("LOGIN_LIMIT_PER_MINUTE", 5)).await;
    let (learner, _) = Learner::register(&clients[0], "limited", 0).await.unwrap();
    for _ in 0..5 {
        clients[0]
            .expect(200, learner.login().forwarded_for(ADDRESS))
            .await
            .unwrap();
    }
    let refused = clients[1]
        .expect(429, learner.login().forwarded_for(ADDRESS))
        .await
        .unwrap();
    assert!(refused.headers.contains_key("retry-after"));
    clients[1]
        .expect(200, learner.login().forwarded_for("10.9.0.2"))
        .await
        .unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_default_limit_reached_on_one_copy_holds_on_the_other_within_one_lease() {
    // A twentieth of the limit; of a lease, one is spent at once.
    const LIMIT: usize = 100;
    const LEFT_OF_A_LEASE: usize = LIMIT / 20 - 1;
    let _room = room().await;
    let (_cluster, clients) = two(limited("RATE_LIMIT_PER_MINUTE", LIMIT)).await;
    let ask = || Request::get("/config").forwarded_for(ADDRESS);
    let mut allowed = [0, 0];
    for (copy, allowed) in allowed.iter_mut().enumerate() {
        for _ in 0..LIMIT * 2 {
            *allowed += usize::from(status(&clients[copy], ask()).await == 200);
        }
    }
    assert!(allowed[0] <= LIMIT, "{allowed:?}");
    assert!(allowed[1] <= LEFT_OF_A_LEASE, "{allowed:?}");
    let total = allowed[0] + allowed[1];
    assert!(
        (LIMIT - LEFT_OF_A_LEASE..=LIMIT + LEFT_OF_A_LEASE).contains(&total),
        "{allowed:?}"
    );
}

/// Ends a session on the first copy; how long it goes on on the second.
async fn survival(clients: &[Client; 2], learner: &Learner) -> Duration {
    let session = learner.sign_in(&clients[0]).await.unwrap();
    clients[1].expect(200, session.me()).await.unwrap();
    clients[0].expect(200, session.logout()).await.unwrap();
    afterlife(&clients[1], &session).await
}

/// How long a session goes on there that has ended elsewhere.
async fn afterlife(client: &Client, session: &Session) -> Duration {
    let ended = Instant::now();
    while status(client, session.me()).await != 401 {
        assert!(ended.elapsed() < A_SECOND, "the session goes on");
    }
    ended.elapsed()
}

async fn sessions_end_everywhere(setup: Setup, harm: fn(&Redis) -> anyhow::Result<()>) {
    let _room = room().await;
    let (cluster, clients) = two(setup).await;
    let (learner, _) = Learner::register(&clients[0], "parting", 0).await.unwrap();
    println!("{:?}", survival(&clients, &learner).await);
    if cluster.redis().is_ok() {
        cluster.with_redis(harm).await.unwrap();
        // At once, when nobody has noticed yet, and then when everybody has.
        for _ in 0..3 {
            println!("{:?}", survival(&clients, &learner).await);
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn logout_on_one_copy_stops_the_access_token_on_the_other() {
    sessions_end_everywhere(Setup::copies(2), |_| Ok(())).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn logout_stops_the_access_token_everywhere_when_redis_is_dead() {
    sessions_end_everywhere(Setup::copies(2), Redis::kill).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn logout_stops_the_access_token_everywhere_when_redis_hangs() {
    sessions_end_everywhere(Setup::copies(2), Redis::freeze).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn logout_stops_the_access_token_everywhere_when_redis_is_not_used() {
    let setup = Setup::copies(2).setting("USE_REDIS", "false");
    sessions_end_everywhere(setup, Redis::kill).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn deactivation_on_one_copy_stops_the_access_token_on_the_other() {
    let _room = room().await;
    let (cluster, clients) = two(Setup::copies(2)).await;
    let (keeper, _) = Learner::register(&clients[0], "keeper", 0).await.unwrap();
    let mut grant = cluster.copy(0).command("admin");
    let granted = grant.args(["grant", keeper.email()]).status().await;
    assert!(granted.unwrap().success());
    let by = keeper.sign_in(&clients[0]).await.unwrap();
    let (learner, session) = Learner::register(&clients[0], "deactivated", 0).await.unwrap();
    clients[1].expect(200, session.me()).await.unwrap();
    let order = Request::new(Method::PATCH, &format!("/admin/users/{}", learner.id))
        .body(json!({ "active": false }))
        .token(&by.access);
    clients[0].expect(200, order).await.unwrap();
    println!("{:?}", afterlife(&clients[1], &session).await);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn threat_07_one_refresh_token_on_both_copies_at_once_has_one_successor() {
    let _room = room().await;
    let (_cluster, clients) = two(Setup::copies(2)).await;
    let (_, mut session) = Learner::register(&clients[0], "rotating", 0).await.unwrap();
    for _ in 0..10 {
        let exchanges = (0..32).map(|number| clients[number % 2].send(session.exchange()));
        let answers = join_all(exchanges).await.into_iter().map(Result::unwrap);
        let renewed: Vec<Session> = answers
            .map(|answer| Session::of(&answer).unwrap_or_else(|error| panic!("{error:#}: {}", answer.told())))
            .collect();
        let successors: BTreeSet<&str> = renewed.iter().map(|session| session.refresh.as_str()).collect();
        assert_eq!(successors.len(), 1);
        session = renewed.into_iter().next().unwrap();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_change_feed_has_no_gap_and_no_duplicate_on_either_copy_while_both_write() {
    const WRITERS: u32 = 4;
    const WORDS: u32 = 25;
    let _room = room().await;
    let (_cluster, clients) = two(Setup::copies(2)).await;
    let (learner, session) = Learner::register(&clients[0], "feed", 0).await.unwrap();
    let mut rng = rand::rng();
    let writers = (0..WRITERS).map(|writer| {
        let client = &clients[writer as usize % 2];
        let pauses: Vec<u64> = (0..WORDS).map(|_| rng.random_range(0..20)).collect();
        let (learner, session) = (&learner, &session);
        async move {
            for (word, pause) in (0..WORDS).zip(pauses) {
                let word = learner.word(writer * WORDS + word);
                client
                    .expect(200, fix(&word, 1).token(&session.access))
                    .await
                    .unwrap();
                tokio::time::sleep(Duration::from_millis(pause)).await;
            }
        }
    });
    let total = (WRITERS * WORDS) as usize;
    let readers = clients.iter().map(|client| read_feed(client, &session, total));
    let (_, feeds) = tokio::join!(join_all(writers), join_all(readers));
    for feed in feeds {
        let words: BTreeSet<&str> = feed.iter().map(|(word, _)| word.as_str()).collect();
        assert_eq!(words.len(), total, "a word came twice");
        let cursors: Vec<u64> = feed.iter().map(|(_, cursor)| *cursor).collect();
        assert_eq!(cursors, (1..=total as u64).collect::<Vec<_>>());
    }
}

/// Reads a change at a time until so many came.
async fn read_feed(client: &Client, session: &Session, total: usize) -> Vec<(String, u64)> {
    let mut feed: Vec<(String, u64)> = Vec::new();
    let deadline = Instant::now() + Duration::from_mins(1);
    while feed.len() < total {
        assert!(Instant::now() < deadline, "only {} changes came", feed.len());
        let after = feed.last().map_or(0, |(_, cursor)| *cursor);
        let get = Request::get(&format!("/progress/changes?after={after}&limit=1")).token(&session.access);
        let page = client.expect(200, get).await.unwrap().json().unwrap();
        let cursor = page["cursor"].as_str().unwrap().parse().unwrap();
        for change in page["changes"].as_array().unwrap() {
            feed.push((change["wordId"].as_str().unwrap().to_owned(), cursor));
        }
    }
    feed
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn threat_59_of_registrations_with_one_email_on_both_copies_one_succeeds() {
    let _room = room().await;
    println!("{}", seed());
    let (_cluster, clients) = two(Setup::copies(2)).await;
    let (learner, _) = Learner::register(&clients[0], "unique", 0).await.unwrap();
    for round in 0..5 {
        let register = || learner.register_another(Some(round));
        let attempts = (0..16).map(|number| status(&clients[number % 2], register()));
        let answers = join_all(attempts).await;
        assert_eq!(
            answers.iter().filter(|status| **status == 201).count(),
            1,
            "{answers:?}"
        );
        assert!(
            answers.iter().all(|status| [201, 409].contains(status)),
            "{answers:?}"
        );
    }
}
