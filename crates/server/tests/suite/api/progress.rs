//! `/progress`: reading, fixing and resetting what a learner knows.

use serde_json::{Value, json};

use super::learner::{Learner, without};
use crate::harness::TestApp;

const RESERVED: [&str; 6] = ["stats", "due", "activity", "changes", "batch", "import"];

#[tokio::test]
async fn a_put_begins_a_word_and_fixes_only_what_it_carries() {
    let app = TestApp::start().await;
    let ann = Learner::new(&app).await;
    let reply = ann
        .put("/progress/zh-1", &json!({"studyCount": 5, "confidence": 0.5}))
        .await;
    assert_eq!(reply.header("etag"), Some("\"1\""));
    assert_eq!(reply.header("cache-control"), Some("no-store"));
    let begun = reply.ok();
    let expected = json!({
        "id": begun["id"], "userId": ann.id(), "wordId": "zh-1", "studyCount": 5, "correctCount": 0, "confidence": 0.5,
        "nextReview": begun["nextReview"], "mastered": false, "createdAt": begun["createdAt"],
        "updatedAt": begun["updatedAt"], "memory": null,
    });
    assert_eq!(begun, expected);
    assert!(begun["updatedAt"].as_str().unwrap().ends_with('Z'));
    let more = ann.put("/progress/zh-1", &json!({"correctCount": 3})).await;
    assert_eq!(more.header("etag"), Some("\"2\""));
    let more = more.ok();
    for kept in ["id", "studyCount", "confidence", "nextReview", "createdAt"] {
        assert_eq!(more[kept], begun[kept], "{kept}");
    }
    assert_eq!(
        (&more["correctCount"], &more["mastered"]),
        (&json!(3), &json!(true))
    );
    assert_eq!(ann.get("/progress/zh-1").await.ok(), more);
}

#[tokio::test]
async fn a_put_that_says_what_is_there_changes_nothing() {
    let app = TestApp::start().await;
    let ann = Learner::new(&app).await;
    let body = json!({"studyCount": 5, "correctCount": null, "confidence": 0.5});
    let first = ann.put("/progress/zh-1", &body).await;
    let again = ann.put("/progress/zh-1", &body).await;
    assert_eq!(again.header("etag"), first.header("etag"));
    assert_eq!(again.ok(), first.ok());
    let empty = ann.put("/progress/zh-1", &json!({})).await;
    assert_eq!(empty.header("etag"), Some("\"1\""));
}

#[tokio::test]
async fn an_empty_put_begins_a_word_with_zeros() {
    let app = TestApp::start().await;
    let ann = Learner::new(&app).await;
    let begun = ann.put("/progress/a.word:of_MINE-1", &json!({})).await.ok();
    assert_eq!(
        (&begun["studyCount"], &begun["confidence"]),
        (&json!(0), &json!(0.0))
    );
    assert_eq!(begun["nextReview"], begun["createdAt"]);
}

#[tokio::test]
async fn what_the_server_owns_cannot_be_sent() {
    let app = TestApp::start().await;
    let ann = Learner::new(&app).await;
    let body = json!({
        "studyCount": 1, "id": "x", "userId": "y", "wordId": 3, "nextReview": "2099-01-01T00:00:00Z", "mastered": true,
        "memory": {"stability": 1}, "createdAt": null, "role": "admin",
    });
    let begun = ann.put("/progress/zh-1", &body).await.ok();
    assert_eq!(
        (&begun["userId"], &begun["wordId"]),
        (&json!(ann.id()), &json!("zh-1"))
    );
    assert_eq!(
        (&begun["mastered"], &begun["memory"]),
        (&json!(false), &json!(null))
    );
    assert_ne!(begun["nextReview"], "2099-01-01T00:00:00.000Z");
}

#[tokio::test]
async fn the_confidence_fixes_the_next_review() {
    let app = TestApp::start().await;
    let ann = Learner::new(&app).await;
    for (confidence, days) in [(0.0, 1), (0.5, 8), (0.8, 20), (1.0, 30)] {
        let set = ann
            .put(&format!("/progress/w{days}"), &json!({"confidence": confidence}))
            .await
            .ok();
        let at = |name: &str| {
            set[name]
                .as_str()
                .unwrap()
                .parse::<chrono::DateTime<chrono::Utc>>()
                .unwrap()
        };
        assert_eq!(
            (at("nextReview") - at("updatedAt")).num_days(),
            days,
            "{confidence}"
        );
    }
}

#[tokio::test]
async fn a_precondition_guards_a_put() {
    let app = TestApp::start().await;
    let ann = Learner::new(&app).await;
    let put = async |tag: &str, count: u32| {
        let body = json!({"studyCount": count});
        ann.send("PUT", "/progress/zh-1", &[("if-match", tag)], Some(&body))
            .await
    };
    put("*", 1).await.refused(412, "PRECONDITION_FAILED");
    put("\"1\"", 1).await.refused(412, "PRECONDITION_FAILED");
    ann.get("/progress/zh-1").await.refused(404, "PROGRESS_NOT_FOUND");
    ann.put("/progress/zh-1", &json!({"studyCount": 1})).await.ok();
    put("*", 2).await.ok();
    put("\"7\", \"2\"", 3).await.ok();
    for stale in ["\"2\"", "W/\"3\"", "\"x\", W/\"3\"", "\"03\"", "\"\""] {
        put(stale, 9).await.refused(412, "PRECONDITION_FAILED");
    }
    for malformed in ["3", "\"3", "*, \"3\"", ",", "\"3\" \"4\""] {
        assert_eq!(put(malformed, 9).await.bad_fields(), ["If-Match"], "{malformed}");
    }
    assert_eq!(ann.get("/progress/zh-1").await.ok()["studyCount"], 3);
    put("\"3\"", 4).await.ok();
    ann.delete("/progress/zh-1").await.no_content();
    put("*", 5).await.refused(412, "PRECONDITION_FAILED");
}

#[tokio::test]
async fn a_word_is_begun_once_by_those_who_insist_on_beginning_it() {
    let app = TestApp::start().await;
    let ann = Learner::new(&app).await;
    let put = async |tag: &str, count: u32| {
        let body = json!({"studyCount": count});
        ann.send("PUT", "/progress/zh-1", &[("if-none-match", tag)], Some(&body))
            .await
    };
    put("*", 1).await.ok();
    put("*", 2).await.refused(412, "PRECONDITION_FAILED");
    for known in ["\"1\"", "\"7\", W/\"1\""] {
        put(known, 2).await.refused(412, "PRECONDITION_FAILED");
    }
    for malformed in ["1", "*, \"1\"", ""] {
        assert_eq!(
            put(malformed, 2).await.bad_fields(),
            ["If-None-Match"],
            "{malformed}"
        );
    }
    assert_eq!(ann.get("/progress/zh-1").await.ok()["studyCount"], 1);
    put("\"7\"", 2).await.ok();
    ann.delete("/progress/zh-1").await.no_content();
    put("*", 5).await.ok();
    let both = [("if-match", "x"), ("if-none-match", "y")];
    let body = json!({"studyCount": 9});
    let bad = ann.send("PUT", "/progress/zh-1", &both, Some(&body)).await;
    assert_eq!(bad.bad_fields(), ["If-Match", "If-None-Match"]);
}

#[tokio::test]
async fn a_precondition_guards_a_delete() {
    let app = TestApp::start().await;
    let ann = Learner::new(&app).await;
    let delete = async |tag: &str| {
        ann.send("DELETE", "/progress/zh-1", &[("if-match", tag)], None)
            .await
    };
    // Without a row there is nothing to insist on (RFC 9110, 13.2.1).
    for tag in ["*", "\"1\""] {
        delete(tag).await.refused(404, "PROGRESS_NOT_FOUND");
    }
    ann.put("/progress/zh-1", &json!({"studyCount": 1})).await.ok();
    let seen = ann.put("/progress/zh-1", &json!({"studyCount": 2})).await;
    let tag = seen.header("etag").unwrap().to_owned();
    for stale in ["\"1\"", "W/\"2\"", "\"02\""] {
        delete(stale).await.refused(412, "PRECONDITION_FAILED");
    }
    assert_eq!(delete("2").await.bad_fields(), ["If-Match"]);
    assert_eq!(ann.get("/progress/zh-1").await.ok()["studyCount"], 2);
    delete(&tag).await.no_content();
    ann.get("/progress/zh-1").await.refused(404, "PROGRESS_NOT_FOUND");
    ann.put("/progress/zh-1", &json!({"studyCount": 3})).await.ok();
    delete("*").await.no_content();
}

#[tokio::test]
async fn what_a_client_has_already_is_not_sent_again() {
    let app = TestApp::start().await;
    let ann = Learner::new(&app).await;
    ann.put("/progress/zh-1", &json!({"studyCount": 1})).await.ok();
    for (tag, status) in [
        ("\"1\"", 304),
        ("W/\"1\"", 304),
        ("*", 304),
        ("\"0\", \"1\"", 304),
        ("\"2\"", 200),
        ("1", 200),
    ] {
        let reply = ann
            .send("GET", "/progress/zh-1", &[("if-none-match", tag)], None)
            .await;
        assert_eq!(
            (reply.status, reply.header("etag")),
            (status, Some("\"1\"")),
            "{tag}"
        );
        assert_eq!(reply.body.is_empty(), status == 304, "{tag}");
    }
}

#[tokio::test]
async fn every_bad_member_is_named_and_nothing_changes() {
    let app = TestApp::start().await;
    let ann = Learner::new(&app).await;
    let bad = ann
        .put(
            "/progress/zh-1",
            &json!({"studyCount": -1, "correctCount": "3", "confidence": 1.01}),
        )
        .await;
    assert_eq!(bad.bad_fields(), ["studyCount", "correctCount", "confidence"]);
    for (member, value) in [
        ("studyCount", json!(2_147_483_648_u64)),
        ("studyCount", json!(0.5)),
        ("studyCount", json!(1e300)),
        ("correctCount", json!(true)),
        ("correctCount", json!([1])),
        ("confidence", json!(-0.01)),
        ("confidence", json!({"a": 1})),
        ("confidence", json!("0.5")),
    ] {
        let reply = ann.put("/progress/zh-1", &json!({(member): value})).await;
        assert_eq!(reply.bad_fields(), [member], "{member} {value}");
    }
    ann.get("/progress/zh-1").await.refused(404, "PROGRESS_NOT_FOUND");
    let most = ann
        .put(
            "/progress/zh-1",
            &json!({"studyCount": 2_147_483_647, "correctCount": 0, "confidence": 1}),
        )
        .await;
    assert_eq!(most.ok()["studyCount"], 2_147_483_647);
}

#[tokio::test]
async fn reserved_names_and_what_is_no_slug_are_not_word_ids() {
    let app = TestApp::start().await;
    let ann = Learner::new(&app).await;
    for id in ["a%20b", "a%2Fb", "%00", "%E7%88%B1", &"x".repeat(65)] {
        let path = format!("/progress/{id}");
        assert_eq!(ann.get(&path).await.bad_fields(), ["wordId"], "{id}");
        assert_eq!(ann.put(&path, &json!({})).await.bad_fields(), ["wordId"], "{id}");
        assert_eq!(ann.delete(&path).await.bad_fields(), ["wordId"], "{id}");
    }
    for name in RESERVED {
        let path = format!("/progress/{name}");
        let put = ann.put(&path, &json!({})).await;
        let allowed = if ["batch", "import"].contains(&name) {
            "POST"
        } else {
            "GET"
        };
        assert!(put.header("allow").unwrap().contains(allowed), "{name}");
        put.refused(405, "METHOD_NOT_ALLOWED");
        ann.delete(&path).await.refused(405, "METHOD_NOT_ALLOWED");
        let update = json!({"updates": [{"wordId": name}]});
        assert_eq!(
            ann.post("/progress/batch", &update).await.bad_fields(),
            ["updates[0].wordId"]
        );
    }
    assert_eq!(ann.get("/progress").await.ok(), json!([]));
}

#[tokio::test]
async fn a_deleted_word_is_gone_and_begins_anew() {
    let app = TestApp::start().await;
    let ann = Learner::new(&app).await;
    ann.delete("/progress/zh-1")
        .await
        .refused(404, "PROGRESS_NOT_FOUND");
    let first = ann.put("/progress/zh-1", &json!({"studyCount": 7})).await.ok();
    ann.delete("/progress/zh-1").await.no_content();
    ann.delete("/progress/zh-1")
        .await
        .refused(404, "PROGRESS_NOT_FOUND");
    ann.get("/progress/zh-1").await.refused(404, "PROGRESS_NOT_FOUND");
    assert_eq!(ann.get("/progress").await.ok(), json!([]));
    let second = ann.put("/progress/zh-1", &json!({"correctCount": 1})).await.ok();
    assert_eq!(
        (&second["studyCount"], &second["correctCount"]),
        (&json!(0), &json!(1))
    );
    assert_ne!(second["id"], first["id"]);
}

#[tokio::test]
async fn the_list_comes_newest_change_first_whole_or_in_pages() {
    let app = TestApp::start().await;
    let ann = Learner::new(&app).await;
    for n in 0..10 {
        ann.put(&format!("/progress/w{n}"), &json!({"studyCount": 1}))
            .await
            .ok();
    }
    ann.put("/progress/w3", &json!({"studyCount": 2})).await.ok();
    ann.delete("/progress/w9").await.no_content();
    let reply = ann.get("/progress").await;
    assert_eq!(
        (reply.header("link"), reply.header("cache-control")),
        (None, Some("no-store"))
    );
    let whole = reply.ok();
    let words: Vec<_> = whole
        .as_array()
        .unwrap()
        .iter()
        .map(|row| row["wordId"].as_str().unwrap())
        .collect();
    assert_eq!(words, ["w3", "w8", "w7", "w6", "w5", "w4", "w2", "w1", "w0"]);
    let mut pages = Vec::new();
    let mut path = Some("/progress?limit=2".to_owned());
    while let Some(at) = path {
        let reply = ann.get(&at).await;
        path = reply.next_page();
        pages.extend(reply.ok().as_array().unwrap().clone());
    }
    assert_eq!(Value::Array(pages), whole);
    let exact = ann.get("/progress?limit=9").await;
    assert_eq!(exact.next_page(), None);
}

#[tokio::test]
async fn a_batch_is_applied_in_order_all_or_nothing() {
    let app = TestApp::start().await;
    let ann = Learner::new(&app).await;
    let updates = json!({"updates": [
        {"wordId": "b", "studyCount": 1, "userId": "x"},
        {"wordId": "a", "confidence": 0.9},
        {"wordId": "b", "correctCount": 2},
    ]});
    let rows = ann.post("/progress/batch", &updates).await.ok();
    let words: Vec<_> = rows
        .as_array()
        .unwrap()
        .iter()
        .map(|row| row["wordId"].as_str().unwrap())
        .collect();
    assert_eq!(words, ["b", "a", "b"]);
    assert_eq!(
        (&rows[2]["studyCount"], &rows[2]["correctCount"]),
        (&json!(1), &json!(2))
    );
    assert_eq!(rows[1]["mastered"], true);
    let before = ann.get("/progress").await.ok();
    let bad = json!({"updates": [
        {"wordId": "c", "studyCount": 1},
        {"wordId": "d", "studyCount": -1, "confidence": "x"},
        7,
        {"studyCount": 1},
    ]});
    let reply = ann.post("/progress/batch", &bad).await;
    assert_eq!(
        reply.bad_fields(),
        [
            "updates[1].studyCount",
            "updates[1].confidence",
            "updates[2]",
            "updates[3].wordId"
        ]
    );
    assert_eq!(ann.get("/progress").await.ok(), before);
}

#[tokio::test]
async fn a_batch_holds_one_to_a_thousand_updates() {
    let app = TestApp::start().await;
    let ann = Learner::new(&app).await;
    let batch = |count: usize| {
        let updates: Vec<_> = (0..count).map(|n| json!({"wordId": format!("w{n}")})).collect();
        json!({"updates": updates})
    };
    for body in [
        json!({}),
        json!({"updates": null}),
        json!({"updates": {}}),
        json!({"updates": "x"}),
        batch(0),
        batch(1001),
    ] {
        assert_eq!(ann.post("/progress/batch", &body).await.bad_fields(), ["updates"]);
    }
    assert_eq!(ann.get("/progress").await.ok(), json!([]));
    let rows = ann.post("/progress/batch", &batch(1000)).await.ok();
    assert_eq!(rows.as_array().unwrap().len(), 1000);
}

#[tokio::test]
async fn threat_35_odd_json_is_refused_and_changes_nothing() {
    let app = TestApp::start().await;
    let ann = Learner::new(&app).await;
    let utf16: Vec<u8> = "{}".encode_utf16().flat_map(u16::to_le_bytes).collect();
    let deep = format!("{{\"a\":{}1{}}}", "[".repeat(10_000), "]".repeat(10_000));
    let malformed: [&[u8]; 12] = [
        b"",
        b"{",
        b"{\"studyCount\":1,\"studyCount\":2}",
        b"{\"a\":\"\\ud800\"}",
        b"{\"studyCount\":1e400}",
        b"\xEF\xBB\xBF{}",
        b"{} garbage",
        b"{\"a\":\"\xFF\"}",
        b"{\"a\":\"\x00\"}",
        b"{studyCount:1}",
        &utf16,
        deep.as_bytes(),
    ];
    for body in malformed {
        for (method, path) in [
            ("PUT", "/progress/zh-1"),
            ("POST", "/progress/batch"),
            ("POST", "/reviews"),
            ("POST", "/progress/import"),
        ] {
            ann.send_bytes(method, path, body)
                .await
                .refused(400, "MALFORMED_JSON");
        }
    }
    for body in ["[]", "null", "3", "\"x\"", "[{\"studyCount\":1}]"] {
        let reply = ann.send_bytes("PUT", "/progress/zh-1", body.as_bytes()).await;
        reply.refused(400, "VALIDATION_FAILED");
    }
    let nul = ann
        .post("/progress/batch", &json!({"updates": [{"wordId": "a\u{0}b"}]}))
        .await;
    assert_eq!(nul.bad_fields(), ["updates[0].wordId"]);
    let large = "x".repeat(2 * 1024 * 1024);
    let reply = ann.put("/progress/zh-1", &json!({"more": large})).await;
    reply.refused(413, "PAYLOAD_TOO_LARGE");
    assert_eq!(ann.get("/progress").await.ok(), json!([]));
    assert_eq!(ann.get("/progress/changes").await.ok()["cursor"], "0");
}

#[tokio::test]
async fn threat_45_odd_queries_are_refused() {
    let app = TestApp::start().await;
    let ann = Learner::new(&app).await;
    let limited = [
        "/progress",
        "/progress/due",
        "/progress/changes",
        "/reviews",
        "/study",
    ];
    for path in limited {
        for limit in ["0", "-1", "9223372036854775808", "1001", "x", "1e1", "%27;--"] {
            let reply = ann.get(&format!("{path}?limit={limit}")).await;
            assert_eq!(reply.bad_fields(), ["limit"], "{path} {limit}");
        }
    }
    for cursor in ["x", "%27", "LTE", "OTIyMzM3MjAzNjg1NDc3NTgwOA", "MSBvciAx"] {
        let reply = ann.get(&format!("/progress?cursor={cursor}")).await;
        assert_eq!(reply.bad_fields(), ["cursor"], "{cursor}");
    }
    for path in ["/progress/changes", "/reviews"] {
        for after in [
            "x",
            "-1",
            "1.0",
            "9223372036854775808",
            "18446744073709551616",
            "%00",
        ] {
            let reply = ann.get(&format!("{path}?after={after}")).await;
            assert_eq!(reply.bad_fields(), ["after"], "{path} {after}");
        }
        let beyond = ann.get(&format!("{path}?after=9223372036854775807")).await.ok();
        assert_eq!(
            (&beyond["cursor"], &beyond["hasMore"]),
            (&json!("9223372036854775807"), &json!(false))
        );
    }
    assert_eq!(ann.get("/reviews?wordId=a%20b").await.bad_fields(), ["wordId"]);
    assert_eq!(
        ann.get("/progress/due?listId=a%20b").await.bad_fields(),
        ["listId"]
    );
    assert_eq!(
        ann.get("/study?listId=%00&newLimit=-1").await.bad_fields(),
        ["listId", "newLimit"]
    );
}

#[tokio::test]
async fn threat_49_two_devices_that_push_from_the_same_base_lose_nothing() {
    let app = TestApp::start().await;
    let ann = Learner::new(&app).await;
    let base = ann.put("/progress/zh-1", &json!({"studyCount": 1})).await;
    let tag = base.header("etag").unwrap().to_owned();
    let (a, b) = (json!({"studyCount": 2}), json!({"correctCount": 2}));
    let guard = [("if-match", tag.as_str())];
    let (one, other) = tokio::join!(
        ann.send("PUT", "/progress/zh-1", &guard, Some(&a)),
        ann.send("PUT", "/progress/zh-1", &guard, Some(&b)),
    );
    let mut statuses = [one.status, other.status];
    statuses.sort_unstable();
    assert_eq!(statuses, [200, 412]);
    // Without a precondition each device fixes only the members it carries.
    let (one, other) = tokio::join!(ann.put("/progress/zh-2", &a), ann.put("/progress/zh-2", &b));
    one.ok();
    other.ok();
    let merged = ann.get("/progress/zh-2").await.ok();
    assert_eq!(
        (&merged["studyCount"], &merged["correctCount"]),
        (&json!(2), &json!(2))
    );
}

#[tokio::test]
async fn wrong_media_types_are_refused() {
    let app = TestApp::start().await;
    let ann = Learner::new(&app).await;
    let form = ann
        .send_raw(
            "PUT",
            "/progress/zh-1",
            &[("content-type", "text/plain")],
            b"{}".to_vec(),
        )
        .await;
    form.refused(415, "UNSUPPORTED_MEDIA_TYPE");
}

#[tokio::test]
async fn rows_of_two_learners_never_mix() {
    let app = TestApp::start().await;
    let (ann, ben) = (Learner::new(&app).await, Learner::new(&app).await);
    let of_ann = ann.put("/progress/zh-1", &json!({"studyCount": 1})).await.ok();
    let of_ben = ben.put("/progress/zh-1", &json!({"studyCount": 2})).await.ok();
    assert_eq!(ann.get("/progress").await.ok(), json!([of_ann]));
    assert_eq!(ben.get("/progress").await.ok(), json!([of_ben]));
    assert_ne!(
        without(&of_ann, &["studyCount"]),
        without(&of_ben, &["studyCount"])
    );
}
