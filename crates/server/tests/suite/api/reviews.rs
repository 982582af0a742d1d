//! `/reviews`: recording, taking back, reading the log.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::learner::{Learner, id, review, without};
use crate::harness::TestApp;

const DAY_1: &str = "2024-01-01T08:00:00.000Z";
const DAY_3: &str = "2024-01-03T08:00:00.000Z";

/// What differs between two learners who did the same.
const PERSONAL: [&str; 4] = ["id", "userId", "createdAt", "updatedAt"];

fn reviews(reviews: &[Value]) -> Value {
    json!({"reviews": reviews})
}

#[tokio::test]
async fn a_review_counts_once_and_schedules_the_next() {
    let app = TestApp::start().await;
    let ann = Learner::new(&app).await;
    let body = reviews(&[review(&id(1), "zh-1", "good", DAY_1)]);
    let report = ann.post("/reviews", &body).await.ok();
    assert_eq!(
        (&report["accepted"], &report["duplicates"]),
        (&json!(1), &json!(0))
    );
    assert_eq!(report["cursor"], "1");
    let progress = &report["progress"][0];
    assert_eq!(
        (&progress["wordId"], &progress["userId"]),
        (&json!("zh-1"), &json!(ann.id()))
    );
    assert_eq!(
        (&progress["studyCount"], &progress["correctCount"]),
        (&json!(1), &json!(1))
    );
    let memory = json!({"stability": 2.3065, "difficulty": 2.1181, "lastReview": DAY_1, "lapses": 0});
    assert_eq!(progress["memory"], memory);
    assert_eq!(progress["nextReview"], DAY_3);
    let again = ann.post("/reviews", &body).await.ok();
    assert_eq!((&again["accepted"], &again["duplicates"]), (&json!(0), &json!(1)));
    assert_eq!(
        (&again["progress"], &again["cursor"]),
        (&report["progress"], &report["cursor"])
    );
}

#[tokio::test]
async fn the_first_content_of_an_id_wins() {
    let app = TestApp::start().await;
    let ann = Learner::new(&app).await;
    ann.post("/reviews", &reviews(&[review(&id(1), "a", "good", DAY_1)]))
        .await
        .ok();
    let other = reviews(&[
        review(&id(1), "b", "again", DAY_3),
        review(&id(2), "b", "easy", DAY_3),
    ]);
    let report = ann.post("/reviews", &other).await.ok();
    assert_eq!(
        (&report["accepted"], &report["duplicates"]),
        (&json!(1), &json!(1))
    );
    assert_eq!(ann.get("/progress/a").await.ok()["correctCount"], 1);
    assert_eq!(ann.get("/progress/b").await.ok()["studyCount"], 1);
    let twice = review(&id(3), "c", "good", DAY_1);
    let report = ann.post("/reviews", &reviews(&[twice.clone(), twice])).await.ok();
    assert_eq!(
        (&report["accepted"], &report["duplicates"]),
        (&json!(1), &json!(1))
    );
    assert_eq!(report["progress"].as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn the_log_is_read_in_order_of_arrival_by_pages_and_by_word() {
    let app = TestApp::start().await;
    let ann = Learner::new(&app).await;
    let empty = ann.get("/reviews").await.ok();
    assert_eq!(empty, json!({"reviews": [], "cursor": "0", "hasMore": false}));
    let mut late = review(&id(1), "a", "hard", DAY_3);
    late["durationMs"] = json!(86_400_000);
    late["deviceId"] = json!("phone-1");
    let early = review(&id(2), "b", "again", DAY_1);
    let third = review(&id(3), "a", "easy", DAY_1);
    ann.post("/reviews", &reviews(&[late, early, third])).await.ok();
    let all = ann.get("/reviews").await.ok();
    let first = json!({
        "id": id(1), "wordId": "a", "rating": "hard", "reviewedAt": DAY_3, "durationMs": 86_400_000,
        "deviceId": "phone-1", "undone": false,
    });
    assert_eq!(all["reviews"][0], first);
    assert_eq!(all["reviews"][1]["durationMs"], json!(null));
    assert_eq!(
        (&all["reviews"][2]["id"], &all["hasMore"]),
        (&json!(id(3)), &json!(false))
    );
    let page = ann.get("/reviews?limit=2").await.ok();
    assert_eq!(
        (page["reviews"].as_array().unwrap().len(), &page["hasMore"]),
        (2, &json!(true))
    );
    let rest = ann
        .get(&format!("/reviews?after={}", page["cursor"].as_str().unwrap()))
        .await
        .ok();
    assert_eq!(rest["reviews"], json!([all["reviews"][2]]));
    assert_eq!(rest["cursor"], all["cursor"]);
    let of_word = ann.get("/reviews?wordId=a&limit=1").await.ok();
    assert_eq!(
        (&of_word["reviews"][0]["id"], &of_word["hasMore"]),
        (&json!(id(1)), &json!(true))
    );
    let next = ann
        .get(&format!(
            "/reviews?wordId=a&after={}",
            of_word["cursor"].as_str().unwrap()
        ))
        .await
        .ok();
    assert_eq!(next["reviews"], json!([all["reviews"][2]]));
}

#[tokio::test]
async fn a_review_is_taken_back_once() {
    let app = TestApp::start().await;
    let ann = Learner::new(&app).await;
    let before = ann
        .post("/reviews", &reviews(&[review(&id(1), "a", "good", DAY_1)]))
        .await
        .ok();
    ann.post("/reviews", &reviews(&[review(&id(2), "a", "again", DAY_3)]))
        .await
        .ok();
    let undo = format!("/reviews/{}/undo", id(2));
    let undone = ann.post(&undo, &json!({})).await;
    let tag = undone.header("etag").unwrap().to_owned();
    let undone = undone.ok();
    assert_eq!(
        without(&undone, &["updatedAt"]),
        without(&before["progress"][0], &["updatedAt"])
    );
    let again = ann.post(&undo, &json!({})).await;
    assert_eq!(again.header("etag"), Some(tag.as_str()));
    assert_eq!(again.ok(), undone);
    let log = ann.get("/reviews").await.ok();
    let marks: Vec<_> = log["reviews"]
        .as_array()
        .unwrap()
        .iter()
        .map(|review| &review["undone"])
        .collect();
    assert_eq!(marks, [&json!(false), &json!(true)]);
    // The id is taken: sent again, it stays taken back.
    let report = ann
        .post("/reviews", &reviews(&[review(&id(2), "a", "easy", DAY_3)]))
        .await
        .ok();
    assert_eq!(
        (&report["duplicates"], &report["progress"][0]),
        (&json!(1), &undone)
    );
}

#[tokio::test]
async fn an_undo_needs_no_body() {
    let app = TestApp::start().await;
    let ann = Learner::new(&app).await;
    ann.post("/reviews", &reviews(&[review(&id(1), "a", "good", DAY_1)]))
        .await
        .ok();
    let undone = ann
        .send("POST", &format!("/reviews/{}/undo", id(1)), &[], None)
        .await
        .ok();
    assert_eq!(
        (&undone["studyCount"], &undone["memory"]),
        (&json!(0), &json!(null))
    );
}

#[tokio::test]
async fn what_cannot_be_taken_back_is_refused() {
    let app = TestApp::start().await;
    let ann = Learner::new(&app).await;
    ann.post(&format!("/reviews/{}/undo", id(1)), &json!({}))
        .await
        .refused(404, "REVIEW_NOT_FOUND");
    for bad in ["x", "1", "00000000000070008000000000000001", "%00"] {
        let reply = ann.post(&format!("/reviews/{bad}/undo"), &json!({})).await;
        assert_eq!(reply.bad_fields(), ["id"], "{bad}");
    }
    ann.post("/reviews", &reviews(&[review(&id(1), "a", "good", DAY_1)]))
        .await
        .ok();
    ann.delete("/progress/a").await.no_content();
    let reply = ann.post(&format!("/reviews/{}/undo", id(1)), &json!({})).await;
    reply.refused(404, "PROGRESS_NOT_FOUND");
}

#[tokio::test]
async fn every_bad_member_is_named_and_nothing_is_recorded() {
    let app = TestApp::start().await;
    let ann = Learner::new(&app).await;
    let good = review(&id(1), "a", "good", DAY_1);
    let bad = json!({
        "id": "7", "wordId": "a b", "rating": "best", "reviewedAt": "yesterday", "durationMs": 86_400_001,
        "deviceId": "a\u{0}b",
    });
    let reply = ann
        .post("/reviews", &reviews(&[good, bad, json!(null), json!({})]))
        .await;
    let expected = [
        "reviews[1].id",
        "reviews[1].wordId",
        "reviews[1].rating",
        "reviews[1].reviewedAt",
        "reviews[1].durationMs",
        "reviews[1].deviceId",
        "reviews[2]",
        "reviews[3].id",
        "reviews[3].wordId",
        "reviews[3].rating",
        "reviews[3].reviewedAt",
    ];
    assert_eq!(reply.bad_fields(), expected);
    let many: Vec<_> = (0..1001).map(|n| review(&id(n), "a", "good", DAY_1)).collect();
    for body in [
        json!({}),
        reviews(&[]),
        reviews(&many),
        json!({"reviews": {"0": 1}}),
    ] {
        assert_eq!(ann.post("/reviews", &body).await.bad_fields(), ["reviews"]);
    }
    assert_eq!(ann.get("/reviews").await.ok()["reviews"], json!([]));
    assert_eq!(ann.get("/progress").await.ok(), json!([]));
}

#[tokio::test]
async fn threat_47_odd_times_are_refused_and_the_year_9999_is_the_time_of_arrival() {
    let app = TestApp::start().await;
    let ann = Learner::new(&app).await;
    for at in [
        "0000-01-01T00:00:00Z",
        "1970-01-01T00:00:00Z",
        "1999-12-31T23:59:59.999Z",
        "-001-01-01T00:00:00Z",
        "+10000-01-01T00:00:00Z",
        "2016-12-31T23:59:60Z",
        "2026-02-29T00:00:00Z",
        "2024-01-01T00:00:00+99:99",
        "Thu, 01 Jan 2026 00:00:00 GMT",
        "1767225600000",
        "",
    ] {
        let reply = ann
            .post("/reviews", &reviews(&[review(&id(1), "a", "good", at)]))
            .await;
        assert_eq!(reply.bad_fields(), ["reviews[0].reviewedAt"], "{at}");
    }
    let report = ann
        .post(
            "/reviews",
            &reviews(&[review(&id(1), "a", "good", "9999-12-31T23:59:59-23:59")]),
        )
        .await
        .ok();
    let progress = &report["progress"][0];
    assert_eq!(progress["memory"]["lastReview"], progress["updatedAt"]);
    for query in [
        "from=9999-12-31",
        "to=0000-01-01",
        "from=-262143-01-01",
        "to=2026-02-30",
        "from=2026-1-1",
    ] {
        let reply = ann.get(&format!("/progress/activity?{query}")).await;
        let field = query.split('=').next().unwrap();
        assert_eq!(reply.bad_fields(), [field], "{query}");
    }
}

#[tokio::test]
async fn threat_50_a_batch_sent_sixteen_times_at_once_counts_once() {
    let app = TestApp::start().await;
    let ann = Learner::new(&app).await;
    let body = reviews(&[
        review(&id(1), "a", "good", DAY_1),
        review(&id(2), "b", "hard", DAY_1),
        review(&id(3), "a", "easy", DAY_3),
    ]);
    let sent = futures_util::future::join_all((0..16).map(|_| ann.post("/reviews", &body))).await;
    let reports: Vec<Value> = sent.into_iter().map(|reply| reply.ok()).collect();
    let accepted: u64 = reports
        .iter()
        .map(|report| report["accepted"].as_u64().unwrap())
        .sum();
    assert_eq!(accepted, 3);
    let duplicates: u64 = reports
        .iter()
        .map(|report| report["duplicates"].as_u64().unwrap())
        .sum();
    assert_eq!(duplicates, 45);
    assert!(
        reports
            .iter()
            .all(|report| report["progress"] == reports[0]["progress"])
    );
    assert_eq!(ann.get("/progress/a").await.ok()["studyCount"], 2);
    assert_eq!(
        ann.get("/reviews").await.ok()["reviews"]
            .as_array()
            .unwrap()
            .len(),
        3
    );
    assert_eq!(ann.get("/progress/changes").await.ok()["cursor"], "2");
}

#[tokio::test]
async fn threat_51_a_clock_ten_years_ahead_does_not_win_for_ever() {
    let app = TestApp::start().await;
    let ann = Learner::new(&app).await;
    let ahead = review(&id(1), "a", "easy", "2046-01-01T00:00:00Z");
    let report = ann.post("/reviews", &reviews(&[ahead])).await.ok();
    let progress = report["progress"][0].clone();
    assert_eq!(progress["memory"]["lastReview"], progress["updatedAt"]);
    // What is done afterwards comes after it.
    let set = ann
        .put("/progress/a", &json!({"studyCount": 0, "confidence": 0}))
        .await
        .ok();
    assert_eq!((&set["studyCount"], &set["confidence"]), (&json!(0), &json!(0.0)));
    ann.delete("/progress/a").await.no_content();
    ann.get("/progress/a").await.refused(404, "PROGRESS_NOT_FOUND");
    let begun = ann.put("/progress/a", &json!({"studyCount": 1})).await.ok();
    assert_eq!(
        (&begun["studyCount"], &begun["memory"]),
        (&json!(1), &json!(null))
    );
}

#[tokio::test]
async fn a_late_review_keeps_its_place_but_not_in_what_was_fixed_or_forgotten() {
    let app = TestApp::start().await;
    let ann = Learner::new(&app).await;
    ann.put("/progress/a", &json!({"studyCount": 10})).await.ok();
    let report = ann
        .post("/reviews", &reviews(&[review(&id(1), "a", "good", DAY_1)]))
        .await
        .ok();
    let progress = &report["progress"][0];
    assert_eq!(
        (&progress["studyCount"], &progress["correctCount"]),
        (&json!(10), &json!(1))
    );
    ann.delete("/progress/a").await.no_content();
    let late = ann
        .post("/reviews", &reviews(&[review(&id(2), "a", "good", DAY_3)]))
        .await
        .ok();
    assert_eq!((&late["accepted"], &late["progress"]), (&json!(1), &json!([])));
    ann.get("/progress/a").await.refused(404, "PROGRESS_NOT_FOUND");
}

/// A small generator, so that each run shuffles alike.
struct Dice(u64);

impl Dice {
    fn below(&mut self, bound: usize) -> usize {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(self.0 >> 33).unwrap() % bound
    }

    fn shuffle<T>(&mut self, items: &mut [T]) {
        for last in (1..items.len()).rev() {
            items.swap(last, self.below(last + 1));
        }
    }
}

async fn state_of(learner: &Learner<'_>) -> Vec<Value> {
    let whole = learner.get("/progress").await.ok();
    let mut rows: Vec<Value> = whole
        .as_array()
        .unwrap()
        .iter()
        .map(|row| without(row, &PERSONAL))
        .collect();
    rows.sort_by_key(|row| row["wordId"].to_string());
    rows
}

#[tokio::test]
async fn reviews_of_two_devices_end_the_same_in_any_order_and_grouping() {
    let app = TestApp::start().await;
    let ratings = ["again", "hard", "good", "easy"];
    let mut all = Vec::new();
    for n in 0..24_u32 {
        let at = format!("2024-01-{:02}T08:00:00.000Z", 1 + (n * 7) % 28);
        all.push(review(
            &id(n),
            &format!("w{}", n % 3),
            ratings[n as usize % 4],
            &at,
        ));
    }
    let reference = Learner::new(&app).await;
    reference.post("/reviews", &reviews(&all)).await.ok();
    let expected = state_of(&reference).await;
    let studied: u64 = expected
        .iter()
        .map(|row| row["studyCount"].as_u64().unwrap())
        .sum();
    assert_eq!(studied, 24);
    let mut dice = Dice(7);
    for round in 0..6 {
        let learner = Learner::new(&app).await;
        let mut sent = [all.clone(), all[..8].to_vec()].concat();
        dice.shuffle(&mut sent);
        let mut rest = &sent[..];
        while !rest.is_empty() {
            let (group, after) = rest.split_at(1 + dice.below(rest.len().min(6)));
            learner.post("/reviews", &reviews(group)).await.ok();
            rest = after;
        }
        assert_eq!(state_of(&learner).await, expected, "round {round}");
    }
}

/// What a device got back for each of its requests: how many reviews were new, and the learner's head.
async fn send_all(device: &Learner<'_>, batches: Vec<Value>) -> Vec<(u64, u64)> {
    let mut answers = Vec::new();
    for batch in batches {
        let report = device.post("/reviews", &batch).await.ok();
        let cursor = report["cursor"].as_str().unwrap().parse().unwrap();
        answers.push((report["accepted"].as_u64().unwrap(), cursor));
    }
    answers
}

/// Each batch is of one word, so that one with anything new takes exactly one revision.
fn batches_of(device: u32) -> Vec<Value> {
    let batch = |word: u32| {
        let at = |n: u32| format!("2024-01-{:02}T0{device}:00:00.000Z", 1 + n);
        let one = |n: u32| review(&id(word * 10 + n), &format!("w{word}"), "good", &at(n));
        // The devices share the review in the middle.
        reviews(&[one(device), one(1)])
    };
    (0..4).map(batch).collect()
}

#[tokio::test]
async fn fifty_learners_with_two_devices_each_lose_no_event_and_no_revision() {
    let app = TestApp::start().await;
    let mut learners = Vec::new();
    for _ in 0..50 {
        learners.push(Learner::new(&app).await);
    }
    let work = learners.iter().map(async |learner| {
        tokio::join!(send_all(learner, batches_of(0)), send_all(learner, batches_of(2)))
    });
    let answers = futures_util::future::join_all(work).await;
    for (learner, (one, other)) in learners.iter().zip(answers) {
        let answers = [one, other].concat();
        let accepted: u64 = answers.iter().map(|(accepted, _)| accepted).sum();
        assert_eq!(accepted, 12, "4 words with 3 distinct reviews each");
        let revisions: Vec<u64> = answers
            .iter()
            .filter(|(new, _)| *new > 0)
            .map(|(_, cursor)| *cursor)
            .collect();
        let distinct: BTreeSet<u64> = revisions.iter().copied().collect();
        let without_gaps: BTreeSet<u64> = (1..=revisions.len() as u64).collect();
        assert_eq!(distinct, without_gaps);
        let rows = learner.get("/progress").await.ok();
        let counts: Vec<_> = rows
            .as_array()
            .unwrap()
            .iter()
            .map(|row| row["studyCount"].as_u64().unwrap())
            .collect();
        assert_eq!(counts, [3, 3, 3, 3]);
        let log = learner.get("/reviews?limit=1000").await.ok();
        let ids: BTreeSet<_> = log["reviews"]
            .as_array()
            .unwrap()
            .iter()
            .map(|r| r["id"].as_str().unwrap().to_owned())
            .collect();
        assert_eq!((ids.len(), log["reviews"].as_array().unwrap().len()), (12, 12));
        let head = learner.get("/progress/changes?limit=1000").await.ok()["cursor"].clone();
        assert_eq!(head, revisions.len().to_string());
    }
}
