//! `/vocabulary`: lists, words, search.

use serde_json::{Value, json};

use super::learner::{Learner, Reply, with_words};

const LIST: &str = "/vocabulary/lists/hsk3-band-1";

/// Follows `Link: rel="next"` to the end; every page but the last is full.
async fn all_pages(guest: &Learner<'_>, first: &str, limit: usize) -> Vec<Value> {
    let mut all = Vec::new();
    let mut path = Some(first.to_owned());
    while let Some(at) = path {
        let reply = guest.get(&at).await;
        path = reply.next_page();
        let page = reply.ok();
        let page = page.as_array().unwrap().clone();
        assert!(
            page.len() == limit || path.is_none() && page.len() < limit,
            "{at}: {}",
            page.len()
        );
        all.extend(page);
    }
    all
}

fn is_public_and_tagged(reply: &Reply) {
    assert_eq!(reply.header("cache-control"), Some("public, max-age=300"));
    assert!(reply.header("etag").is_some());
}

#[tokio::test]
async fn lists_are_shown_to_everybody() {
    let app = with_words().await;
    let guest = Learner::guest(&app);
    let reply = guest.get("/vocabulary/lists").await;
    is_public_and_tagged(&reply);
    let lists = reply.ok();
    let band_1 = json!({
        "id": "hsk3-band-1", "name": "HSK 3.0 Band 1", "description": "Words of HSK 3.0 band 1, most frequent first.",
        "language": "zh-CN", "difficulty": "beginner", "tags": ["HSK 3.0", "Band 1"], "wordCount": 506,
    });
    assert_eq!(lists[0], band_1);
    assert_eq!(guest.get(LIST).await.ok(), band_1);
}

#[tokio::test]
async fn what_a_client_has_already_is_not_sent_again() {
    let app = with_words().await;
    let guest = Learner::guest(&app);
    for path in [
        "/vocabulary/lists",
        LIST,
        "/vocabulary/lists/hsk3-band-1/words",
        "/vocabulary/lists/hsk3-band-1/words?limit=3",
        "/vocabulary/search?q=band",
        "/vocabulary/words?q=ai&limit=3",
        "/vocabulary/words/zh-00001",
    ] {
        let first = guest.get(path).await;
        is_public_and_tagged(&first);
        let tag = first.header("etag").unwrap().to_owned();
        let again = guest.send("GET", path, &[("if-none-match", &tag)], None).await;
        assert_eq!((again.status, again.body.as_str()), (304, ""), "{path}");
        is_public_and_tagged(&again);
        let other = guest
            .send("GET", path, &[("if-none-match", "\"other\"")], None)
            .await;
        assert_eq!(other.ok(), first.ok(), "{path}");
    }
}

#[tokio::test]
async fn an_unknown_list_or_word_is_not_found() {
    let app = with_words().await;
    let guest = Learner::guest(&app);
    guest
        .get("/vocabulary/lists/none")
        .await
        .refused(404, "LIST_NOT_FOUND");
    guest
        .get("/vocabulary/lists/none/words")
        .await
        .refused(404, "LIST_NOT_FOUND");
    guest
        .get("/vocabulary/words/none")
        .await
        .refused(404, "WORD_NOT_FOUND");
    guest.get("/vocabulary/none").await.refused(404, "NOT_FOUND");
}

#[tokio::test]
async fn what_is_no_id_is_refused() {
    let app = with_words().await;
    let guest = Learner::guest(&app);
    for id in ["a%20b", "a%2Fb", "%00", "%C3%A9", &"x".repeat(65)] {
        let reply = guest.get(&format!("/vocabulary/lists/{id}")).await;
        assert_eq!(reply.bad_fields(), ["listId"], "{id}");
        let reply = guest.get(&format!("/vocabulary/lists/{id}/words")).await;
        assert_eq!(reply.bad_fields(), ["listId"], "{id}");
        let reply = guest.get(&format!("/vocabulary/words/{id}")).await;
        assert_eq!(reply.bad_fields(), ["wordId"], "{id}");
    }
    assert_eq!(
        guest.get("/vocabulary/words/stats").await.bad_fields(),
        ["wordId"]
    );
}

#[tokio::test]
async fn a_chinese_word_has_its_older_names_too() {
    let app = with_words().await;
    let guest = Learner::guest(&app);
    let word = guest.get("/vocabulary/words/zh-00077").await.ok();
    let gloss = &word["gloss"];
    assert!(gloss.as_str().unwrap().starts_with("to love"));
    let expected = json!({
        "wordId": "zh-00077", "language": "zh-CN", "term": "爱", "reading": "ài", "gloss": gloss,
        "alternateForms": ["愛"], "partOfSpeech": "v vn b", "frequencyRank": 130, "listIds": ["hsk3-band-1"],
        "simplified": "爱", "traditional": "愛", "pinyin": "ài", "english": gloss,
    });
    assert_eq!(word, expected);
}

#[tokio::test]
async fn a_list_comes_whole_or_in_pages() {
    let app = with_words().await;
    let guest = Learner::guest(&app);
    let path = "/vocabulary/lists/hsk3-band-1/words";
    let reply = guest.get(path).await;
    assert_eq!(reply.header("link"), None);
    let whole = reply.ok();
    assert_eq!(whole.as_array().unwrap().len(), 506);
    assert_eq!(whole[0]["wordId"], "zh-00001");
    assert_eq!(guest.get(path).await.ok(), whole);
    let pages = all_pages(&guest, &format!("{path}?limit=100"), 100).await;
    assert_eq!(Value::Array(pages), whole);
    let exact = all_pages(&guest, &format!("{path}?limit=253"), 253).await;
    assert_eq!(Value::Array(exact), whole);
}

#[tokio::test]
async fn words_are_found_by_term_reading_or_gloss() {
    let app = with_words().await;
    let guest = Learner::guest(&app);
    let found = async |q: &str| -> Vec<String> {
        let words = guest
            .get(&format!("/vocabulary/words?q={q}&limit=500"))
            .await
            .ok();
        let ids = words
            .as_array()
            .unwrap()
            .iter()
            .map(|word| word["wordId"].as_str().unwrap().to_owned());
        ids.collect()
    };
    let love = "zh-00077".to_owned();
    for q in ["%E7%88%B1", "%E6%84%9B", "%C3%A0i", "ai", "AI", "to%20love"] {
        assert!(found(q).await.contains(&love), "{q}");
    }
    assert_eq!(found("%E7%88%B1").await[0], love);
    assert!(found("no-word-is-called-like-this").await.is_empty());
    let french = guest.get("/vocabulary/words?q=ai&language=fr").await.ok();
    assert_eq!(french, json!([]));
    let chinese = guest.get("/vocabulary/words?q=ai&language=ZH-cn").await.ok();
    assert!(!chinese.as_array().unwrap().is_empty());
    let default = guest.get("/vocabulary/words").await.ok();
    assert_eq!(default.as_array().unwrap().len(), 100);
}

#[tokio::test]
async fn a_search_in_pages_finds_each_word_once() {
    let app = with_words().await;
    let guest = Learner::guest(&app);
    let whole = guest.get("/vocabulary/words?q=love&limit=500").await.ok();
    let count = whole.as_array().unwrap().len();
    assert!((10..500).contains(&count), "{count}");
    let pages = all_pages(&guest, "/vocabulary/words?q=love&limit=7", 7).await;
    assert_eq!(Value::Array(pages), whole);
}

#[tokio::test]
async fn lists_are_found_by_text_difficulty_and_any_tag() {
    let app = with_words().await;
    let guest = Learner::guest(&app);
    let found = async |query: &str| {
        let lists = guest.get(&format!("/vocabulary/search?{query}")).await.ok();
        lists.as_array().unwrap().len()
    };
    let all = found("").await;
    assert_eq!(
        all,
        guest
            .get("/vocabulary/lists")
            .await
            .ok()
            .as_array()
            .unwrap()
            .len()
    );
    assert_eq!(found("q=&difficulty=&tags=").await, all);
    assert_eq!(found("q=BAND%201").await, 1);
    assert_eq!(found("tags=Band%201,%20band%202").await, 2);
    assert_eq!(found("tags=Band%201&difficulty=advanced").await, 0);
    assert!(found("difficulty=beginner").await > 0);
    assert_eq!(found("q=nothing-like-it").await, 0);
    let bad = guest
        .get(&format!(
            "/vocabulary/search?difficulty=hard&q={}",
            "x".repeat(201)
        ))
        .await;
    assert_eq!(bad.bad_fields(), ["q", "difficulty"]);
}

#[tokio::test]
async fn threat_45_odd_queries_are_refused() {
    let app = with_words().await;
    let guest = Learner::guest(&app);
    for path in ["/vocabulary/words", "/vocabulary/lists/hsk3-band-1/words"] {
        for limit in [
            "0",
            "-1",
            "501",
            "9223372036854775808",
            "1e2",
            "id;--",
            "%00",
            "1.5",
        ] {
            let reply = guest.get(&format!("{path}?limit={limit}")).await;
            assert_eq!(reply.bad_fields(), ["limit"], "{path} {limit}");
        }
        for cursor in ["x", "%27;--", "MDsxLHg", "%00", &"A".repeat(4000)] {
            let reply = guest.get(&format!("{path}?cursor={cursor}&limit=0")).await;
            assert_eq!(reply.bad_fields(), ["limit", "cursor"], "{path} {cursor}");
        }
    }
    let wild = guest
        .get(&format!("/vocabulary/words?q={}&limit=500", "%25_".repeat(50)))
        .await;
    assert_eq!(wild.ok(), serde_json::json!([]));
    assert_eq!(
        guest.get("/vocabulary/words?language=a_b").await.bad_fields(),
        ["language"]
    );
    assert_eq!(
        guest
            .get(&format!("/vocabulary/words?q={}", "a".repeat(201)))
            .await
            .bad_fields(),
        ["q"]
    );
}

#[tokio::test]
async fn other_methods_are_refused() {
    let app = with_words().await;
    let guest = Learner::guest(&app);
    for path in [
        "/vocabulary/lists",
        LIST,
        "/vocabulary/search",
        "/vocabulary/words",
        "/vocabulary/words/zh-00001",
    ] {
        let reply = guest.send("POST", path, &[], Some(&json!({}))).await;
        assert!(reply.header("allow").unwrap().contains("GET"), "{path}");
        reply.refused(405, "METHOD_NOT_ALLOWED");
    }
}

#[tokio::test]
async fn progress_with_a_list_counts_its_words() {
    let app = with_words().await;
    let path = "/vocabulary/lists/hsk3-band-1/progress";
    Learner::guest(&app).get(path).await.refused(401, "UNAUTHORIZED");
    let ann = Learner::new(&app).await;
    ann.get("/vocabulary/lists/none/progress")
        .await
        .refused(404, "LIST_NOT_FOUND");
    assert_eq!(
        ann.get("/vocabulary/lists/a%20b/progress").await.bad_fields(),
        ["listId"]
    );
    let updates = json!({"updates": [
        {"wordId": "zh-00001", "confidence": 0.8},
        {"wordId": "zh-00002", "correctCount": 3},
        {"wordId": "zh-00003", "confidence": 0.1},
        {"wordId": "zh-00695", "confidence": 1},
        {"wordId": "my-own", "confidence": 1},
    ]});
    ann.post("/progress/batch", &updates).await.ok();
    let reply = ann.get(path).await;
    assert_eq!(reply.header("cache-control"), Some("no-store"));
    let expected = json!({
        "listId": "hsk3-band-1", "listName": "HSK 3.0 Band 1", "totalWords": 506, "masteredCount": 2,
        "learningCount": 1, "newCount": 503, "progressPercent": 0,
    });
    assert_eq!(reply.ok(), expected);
    let ben = Learner::new(&app).await;
    assert_eq!(ben.get(path).await.ok()["newCount"], 506);
}
