//! Everything that is held of a learner, handed out to them and to nobody else.

use std::collections::BTreeSet;

use chrono::TimeDelta;
use futures_util::future::join_all;
use parlance_domain::mail::Message;
use parlance_domain::personal::TABLES;
use serde_json::{Value, json};

use super::{DOWNLOAD, EXPORT, ME, ask, audited, fetch, files, made, timed, unpacked};
use crate::harness::{PASSWORD, TestApp, TestUser, assert_problem, eventually};

const NO_STEP_UP: TimeDelta = TimeDelta::minutes(11);

fn is_of_kind(name: &str, extension: &str) -> bool {
    std::path::Path::new(name)
        .extension()
        .is_some_and(|found| found == extension)
}

/// How many mails tell somebody that an archive is ready.
fn told(app: &TestApp, user: &TestUser) -> usize {
    let mails = app.mails_to(&user.email).into_iter();
    mails
        .filter(|mail| matches!(mail.message, Message::ExportReady { .. }))
        .count()
}

#[tokio::test]
async fn an_archive_holds_every_table_as_json_and_as_csv() {
    let (app, _) = timed().await;
    let (ann, bob) = (app.register().await, app.register().await);
    let name = json!({ "displayName": "=cmd|' /C calc'!A0", "targetLanguage": "zh-CN" });
    ann.patch(ME, &name).await.expect(200);
    for user in [&ann, &bob] {
        let set = json!({ "studyCount": 3, "confidence": 0.5 });
        user.put("/api/v1/progress/-word", &set).await.expect(200);
    }
    let asked = ask(&ann).await.expect(202).json();
    assert_eq!(asked["state"], "pending");
    assert_eq!(asked["expiresAt"], Value::Null);
    let ready = made(&ann).await;
    assert_eq!(ready["state"], "ready", "{ready}");
    assert_eq!(ready["id"], asked["id"]);
    let archive = fetch(&ann).await.expect(200);
    assert_eq!(archive.header("content-type"), Some("application/zip"));
    assert_eq!(archive.header("cache-control"), Some("no-store"));
    assert_eq!(ready["bytes"], archive.body.len());
    let disposition = archive.header("content-disposition").unwrap();
    assert!(
        disposition.starts_with("attachment; filename=\"personal-data-2026-03-01"),
        "{disposition}"
    );

    let files = unpacked(&archive);
    let exported = TABLES.iter().filter(|table| table.is_exported());
    let expected =
        exported.flat_map(|table| ["json", "csv"].map(|format| format!("{}.{format}", table.name)));
    let expected: BTreeSet<String> = expected.chain(["about.json".to_owned()]).collect();
    assert_eq!(files.keys().cloned().collect::<BTreeSet<_>>(), expected);
    for (name, text) in &files {
        assert!(
            !text.contains(&bob.id) && !text.contains(&bob.email),
            "{name}: {text}"
        );
        assert!(!text.contains("$2b$"), "{name} holds the hash of the password");
        if is_of_kind(name, "json") {
            let _: Value =
                serde_json::from_str(text).unwrap_or_else(|error| panic!("{name}: {error}: {text}"));
        }
    }
    let of = |name: &str| -> Value { serde_json::from_str(&files[name]).unwrap() };
    assert_eq!(of("accounts.json")[0]["email"], ann.email.as_str());
    assert_eq!(of("accounts.json")[0]["displayName"], "=cmd|' /C calc'!A0");
    assert_eq!(of("progress.json")[0]["studyCount"], 3);
    assert_eq!(of("progress_events.json")[0]["wordId"], "-word");
    assert_eq!(of("sessions.json").as_array().unwrap().len(), 1);
    assert_eq!(of("outbox.json")[0]["recipient"], ann.email.as_str());
    let actions = of("audit_entries.json");
    let actions: Vec<&str> = actions
        .as_array()
        .unwrap()
        .iter()
        .map(|entry| entry["action"].as_str().unwrap())
        .collect();
    assert_eq!(
        actions,
        ["account.registered", "profile.changed", "export.requested"]
    );
    assert_eq!(of("about.json")["userId"], ann.id.as_str());
    let left_out = &of("about.json")["tables"][0]["leftOut"]["passwordHash"];
    assert!(left_out.is_string(), "{left_out}");
}

#[tokio::test]
async fn threat_37_no_cell_of_an_archive_is_a_formula() {
    let (app, _) = timed().await;
    let ann = app.register().await;
    for name in [
        "=HYPERLINK(\"http://evil.example\",\"x\")",
        "+1",
        "@SUM(A1)",
        "-2+3",
    ] {
        ann.patch(ME, &json!({ "displayName": name })).await.expect(200);
    }
    let request = ann
        .request(reqwest::Method::PATCH, ME)
        .json(&json!({ "displayName": "-2+3+cmd" }));
    ann.send(request.header("user-agent", "=1+1|cmd"))
        .await
        .expect(200);
    ann.put("/api/v1/progress/-2", &json!({ "studyCount": 1 }))
        .await
        .expect(200);
    ask(&ann).await.expect(202);
    made(&ann).await;
    let files = unpacked(&fetch(&ann).await.expect(200));
    for (name, text) in files.iter().filter(|(name, _)| is_of_kind(name, "csv")) {
        let mut lines = csv::ReaderBuilder::new()
            .has_headers(false)
            .flexible(true)
            .from_reader(text.as_bytes());
        for cell in lines
            .records()
            .flat_map(|line| line.unwrap().iter().map(str::to_owned).collect::<Vec<_>>())
        {
            let is_number = cell.parse::<f64>().is_ok_and(|_| !cell.starts_with("-2"));
            assert!(
                is_number || !cell.starts_with(['=', '+', '-', '@', '\t', '\r']),
                "{name}: {cell}"
            );
        }
    }
    assert!(files["accounts.csv"].contains("'-2+3+cmd"));
    assert!(files["progress.csv"].contains("'-2"));
    assert!(files["audit_entries.csv"].contains("'=1+1|cmd"));
}

#[tokio::test]
async fn an_archive_is_there_for_a_day() {
    let (app, clock) = timed().await;
    let ann = app.register().await;
    assert_problem(&ann.get(EXPORT).await, 404, "EXPORT_NOT_FOUND");
    assert_problem(&fetch(&ann).await, 404, "EXPORT_NOT_FOUND");
    ask(&ann).await.expect(202);
    let ready = made(&ann).await;
    assert_eq!(ready["expiresAt"], "2026-03-02T12:00:00.000Z");
    assert_eq!(files(&app), 1);
    let token = app.token_to(&ann.email);
    clock.advance(TimeDelta::days(1) - TimeDelta::milliseconds(1));
    let ann = app.login(&ann.email).await;
    ann.get(EXPORT).await.expect(200);
    fetch(&ann).await.expect(200);
    clock.advance(TimeDelta::milliseconds(1));
    assert_problem(&ann.get(EXPORT).await, 404, "EXPORT_NOT_FOUND");
    assert_problem(&fetch(&ann).await, 404, "EXPORT_NOT_FOUND");
    let late = ann.post(DOWNLOAD, &json!({ "token": token })).await;
    assert_problem(&late, 400, "LINK_NOT_VALID");
    // Nobody can fetch it; some time later it is gone.
    clock.advance(TimeDelta::hours(2));
    let app = app.restart().await;
    eventually("the file stays", async || files(&app) == 0).await;
}

#[tokio::test]
async fn threat_30_neither_a_mail_nor_a_session_alone_fetches_an_archive() {
    let (app, clock) = timed().await;
    let (ann, bob) = (app.register().await, app.register().await);
    ask(&ann).await.expect(202);
    made(&ann).await;
    let with_token = json!({ "token": app.token_to(&ann.email) });
    // The link without a session, and with somebody else's.
    assert_problem(&app.post(DOWNLOAD, &with_token).await, 401, "UNAUTHORIZED");
    assert_problem(&bob.post(DOWNLOAD, &with_token).await, 400, "LINK_NOT_VALID");
    assert_problem(&bob.get(EXPORT).await, 404, "EXPORT_NOT_FOUND");
    assert_problem(&fetch(&bob).await, 404, "EXPORT_NOT_FOUND");
    // A session that was stolen, without the link.
    clock.advance(NO_STEP_UP);
    assert_problem(&fetch(&ann).await, 403, "STEP_UP_REQUIRED");
    for token in ["", "x", &"A".repeat(64), &"A".repeat(257)] {
        let answer = ann.post(DOWNLOAD, &json!({ "token": token })).await;
        assert_eq!(answer.status, 400, "{token}");
    }
    // Both, as often as wanted; and a step-up in place of the link.
    for _ in 0..2 {
        ann.post(DOWNLOAD, &with_token).await.expect(200);
    }
    let password = json!({ "password": PASSWORD });
    ann.post("/api/v1/auth/step-up", &password).await.expect(200);
    fetch(&ann).await.expect(200);
    assert_eq!(audited(&app, &ann, "export.downloaded"), 3);
    assert_eq!(audited(&app, &bob, "export.downloaded"), 0);
}

#[tokio::test]
async fn threat_08_the_token_of_another_link_fetches_nothing() {
    let (app, _) = timed().await;
    let ann = app.register().await;
    let verification = app.token_to(&ann.email);
    ask(&ann).await.expect(202);
    made(&ann).await;
    let answer = ann.post(DOWNLOAD, &json!({ "token": verification })).await;
    assert_problem(&answer, 400, "LINK_NOT_VALID");
    let export = app.token_to(&ann.email);
    for path in ["/api/v1/auth/email-verification/confirm", "/api/v1/auth/unlock"] {
        let answer = app.post(path, &json!({ "token": export })).await;
        assert_problem(&answer, 400, "LINK_NOT_VALID");
    }
    let bearer = app.request(reqwest::Method::GET, EXPORT).bearer_auth(&export);
    assert_problem(&app.send(bearer).await, 401, "UNAUTHORIZED");
}

#[tokio::test]
async fn asking_wants_a_step_up_and_is_bounded() {
    let (app, clock) = timed().await;
    let ann = app.register().await;
    assert_problem(
        &app.send(app.request(reqwest::Method::POST, EXPORT)).await,
        401,
        "UNAUTHORIZED",
    );
    assert_problem(&app.get(EXPORT).await, 401, "UNAUTHORIZED");
    clock.advance(NO_STEP_UP);
    assert_problem(&ask(&ann).await, 403, "STEP_UP_REQUIRED");
    let ann = app.login(&ann.email).await;
    for _ in 0..3 {
        ask(&ann).await.expect(202);
        made(&ann).await;
    }
    let refused = ask(&ann).await;
    assert_problem(&refused, 429, "RATE_LIMIT_EXCEEDED");
    assert_eq!(refused.header("retry-after"), Some("86400"));
    clock.advance(TimeDelta::days(1));
    let ann = app.login(&ann.email).await;
    ask(&ann).await.expect(202);
}

#[tokio::test]
async fn threat_07_many_that_ask_at_once_get_one_archive_and_one_mail() {
    let (app, _) = timed().await;
    let ann = app.register().await;
    let asked = join_all((0..16).map(|_| ask(&ann))).await;
    let ids: BTreeSet<String> = asked.iter().map(|asked| asked.json()["id"].to_string()).collect();
    assert!(
        asked.iter().all(|asked| [202, 429].contains(&asked.status)),
        "{asked:?}"
    );
    made(&ann).await;
    // One that was ready in between makes room for the next.
    assert!(ids.len() <= 4, "{ids:?}");
    let begun = audited(&app, &ann, "export.requested");
    assert!((1..=3).contains(&begun), "{begun}");
    assert_eq!(i64::try_from(told(&app, &ann)).unwrap(), begun);
}

#[tokio::test]
async fn copies_make_an_archive_once() {
    let app = TestApp::builder().shared().start().await;
    let copy = app.copy().await;
    let ann = app.register().await;
    for round in 1..=3 {
        ask(&ann).await.expect(202);
        made(&ann).await;
        assert_eq!(told(&app, &ann), round);
    }
    fetch(&ann.at(&copy)).await.expect(200);
    assert_eq!(files(&app), 3);
}

#[tokio::test]
async fn an_archive_whose_maker_died_is_made_by_the_next() {
    let (app, clock) = timed().await;
    let ann = app.register().await;
    let place = app.place();
    let time = |text: &str| {
        if place.is_postgres() {
            format!("'{text}'")
        } else {
            format!("unixepoch('{text}') * 1000")
        }
    };
    let (user, export) = (
        place.id(&ann.id),
        place.id("00000000-0000-7000-8000-000000000007"),
    );
    place.execute(&format!(
        "INSERT INTO exports (user_id, id, requested_at, due_at, attempts, attempt) \
         VALUES ({user}, {export}, {}, {}, 1, {export})",
        time("2026-03-01T12:00:00Z"),
        time("2026-03-01T12:02:00Z")
    ));
    clock.advance(TimeDelta::seconds(119));
    assert_eq!(ask(&ann).await.expect(202).json()["state"], "pending");
    assert_eq!(ann.get(EXPORT).await.json()["state"], "pending");
    clock.advance(TimeDelta::seconds(1));
    assert_eq!(made(&ann).await["state"], "ready");
    assert_eq!(told(&app, &ann), 1);
    assert_eq!(place.number("SELECT attempts FROM exports"), 2);
}

#[tokio::test]
async fn an_archive_that_kills_its_makers_is_given_up() {
    let (app, clock) = timed().await;
    let ann = app.register().await;
    let place = app.place();
    let time = if place.is_postgres() {
        "'2026-03-01T12:00:00Z'"
    } else {
        "unixepoch('2026-03-01T12:00:00Z') * 1000"
    };
    let (user, export) = (
        place.id(&ann.id),
        place.id("00000000-0000-7000-8000-000000000007"),
    );
    place.execute(&format!(
        "INSERT INTO exports (user_id, id, requested_at, due_at, attempts, attempt) \
         VALUES ({user}, {export}, {time}, {time}, 5, {export})"
    ));
    assert_eq!(made(&ann).await["state"], "failed");
    assert_eq!(told(&app, &ann), 0);
    assert_problem(&fetch(&ann).await, 404, "EXPORT_NOT_FOUND");
    clock.advance(TimeDelta::seconds(1));
    ask(&ann).await.expect(202);
    assert_eq!(made(&ann).await["state"], "ready");
}
