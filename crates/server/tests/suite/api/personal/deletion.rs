//! The end of an account by its owner.

use chrono::TimeDelta;
use futures_util::future::{join, join_all};
use parlance_domain::mail::Message;
use parlance_domain::personal::{Rows, TABLES};
use serde_json::json;

use super::{EXPORT, ME, ask, audited, files, made, timed};
use crate::harness::{Answer, PASSWORD, TestApp, TestUser, assert_problem, eventually};

const LOGIN: &str = "/api/v1/auth/login";
const REFRESH: &str = "/api/v1/auth/refresh";
const FORTNIGHT: TimeDelta = TimeDelta::days(14);

async fn leave(user: &TestUser) -> Answer {
    user.delete(ME).await
}

async fn log_in(app: &TestApp, email: &str) -> Answer {
    let body = json!({ "email": email, "password": PASSWORD });
    app.post(LOGIN, &body).await
}

async fn write(user: &TestUser, number: usize) -> u16 {
    let path = format!("/api/v1/progress/word-{number}");
    user.put(&path, &json!({ "studyCount": 3 })).await.status
}

/// How many rows there are of somebody, in all tables that go with the account.
fn rows(app: &TestApp, user: &TestUser) -> i64 {
    let id = app.place().id(&user.id);
    let count = |(table, column)| {
        let query = format!("SELECT count(*) FROM {table} WHERE {column} = {id}");
        app.place().number(&query)
    };
    let tables = TABLES.iter().filter_map(|table| match table.rows {
        Rows::OfUser(column) => Some((table.name, column)),
        Rows::OfActorAndSubject | Rows::OfNobody(_) => None,
    });
    tables.map(count).sum()
}

fn mails(app: &TestApp, user: &TestUser, is_it: fn(&Message) -> bool) -> usize {
    let mails = app.mails_to(&user.email).into_iter();
    mails.filter(|mail| is_it(&mail.message)).count()
}

#[tokio::test]
async fn an_account_that_its_owner_deleted_is_signed_out_and_told_so() {
    let (app, _) = timed().await;
    let first = app.register().await;
    let second = app.login(&first.email).await;
    let left = leave(&second).await.expect(202);
    let told = left.json();
    assert_eq!(
        told,
        json!({ "success": true, "data": { "purgeAt": "2026-03-15T12:00:00.000Z" } })
    );
    let cookie = left.set_cookie("refreshToken").unwrap();
    assert!(cookie.contains("Max-Age=0"), "{cookie}");
    for user in [&first, &second] {
        assert_problem(&user.get(ME).await, 401, "UNAUTHORIZED");
        let refreshed = app.post_cookie(REFRESH, &user.cookie).await;
        assert_problem(&refreshed, 401, "INVALID_REFRESH_TOKEN");
    }
    assert_eq!(
        mails(&app, &first, |message| matches!(
            message,
            Message::DeletionRequested { .. }
        )),
        1
    );
    assert_eq!(audited(&app, &first, "deletion.requested"), 1);
    // The address is still its own.
    let taken = json!({ "email": first.email, "password": PASSWORD });
    let taken = app.post("/api/v1/auth/register", &taken).await;
    assert_problem(&taken, 409, "EMAIL_EXISTS");
}

#[tokio::test]
async fn leaving_wants_a_step_up() {
    let (app, clock) = timed().await;
    let ann = app.register().await;
    let nobody = app.send(app.request(reqwest::Method::DELETE, ME)).await;
    assert_problem(&nobody, 401, "UNAUTHORIZED");
    clock.advance(TimeDelta::minutes(11));
    assert_problem(&leave(&ann).await, 403, "STEP_UP_REQUIRED");
    ann.get(ME).await.expect(200);
    let password = json!({ "password": PASSWORD });
    ann.post("/api/v1/auth/step-up", &password).await.expect(200);
    leave(&ann).await.expect(202);
}

#[tokio::test]
async fn threat_31_the_last_administrator_does_not_leave() {
    let (app, _) = timed().await;
    let admin = app.register_admin().await;
    assert_problem(&leave(&admin).await, 409, "LAST_ADMINISTRATOR");
    admin.get(ME).await.expect(200);
    let second = app.register_admin().await;
    let left = join(leave(&admin), leave(&second)).await;
    let mut statuses = [left.0.status, left.1.status];
    statuses.sort_unstable();
    assert_eq!(statuses, [202, 409]);
}

#[tokio::test]
async fn whoever_signs_in_within_a_fortnight_keeps_everything() {
    let (app, clock) = timed().await;
    let ann = app.register().await;
    assert_eq!(write(&ann, 1).await, 200);
    leave(&ann).await.expect(202);
    clock.advance(FORTNIGHT - TimeDelta::milliseconds(1));
    let app = app.restart().await;
    log_in(&app, &ann.email).await.expect(200);
    clock.advance(TimeDelta::days(1));
    let app = app.restart().await;
    let back = app.login(&ann.email).await;
    assert_eq!(back.id, ann.id);
    back.get("/api/v1/progress/word-1").await.expect(200);
    assert_eq!(
        mails(&app, &ann, |message| *message == Message::DeletionCancelled),
        1
    );
    assert_eq!(audited(&app, &ann, "deletion.cancelled"), 1);
    assert_eq!(audited(&app, &ann, "account.purged"), 0);
}

#[tokio::test]
async fn threat_58_after_a_fortnight_nothing_is_left_but_the_log() {
    let (app, clock) = timed().await;
    let (ann, bob) = (app.register().await, app.register().await);
    ask(&ann).await.expect(202);
    made(&ann).await;
    assert_eq!(files(&app), 1);
    // Writes that are under way are made or refused, nothing between.
    let writes = join_all((1..30).map(|number| write(&ann, number)));
    let (written, left) = join(writes, leave(&ann)).await;
    left.expect(202);
    assert!(
        written.iter().all(|status| [200, 401].contains(status)),
        "{written:?}"
    );
    assert_eq!(write(&bob, 1).await, 200);
    clock.advance(FORTNIGHT - TimeDelta::milliseconds(1));
    let app = app.restart().await;
    eventually("the file stays", async || files(&app) == 0).await;
    assert!(rows(&app, &ann) > 0, "its time has not come");
    clock.advance(TimeDelta::milliseconds(1));
    let app = app.restart().await;
    let id = app.place().id(&ann.id);
    let accounts = format!("SELECT count(*) FROM accounts WHERE id = {id}");
    eventually("the account is still there", async || {
        app.place().number(&accounts) == 0
    })
    .await;
    assert_eq!(rows(&app, &ann), 0);
    assert!(rows(&app, &bob) > 0);
    assert_eq!(audited(&app, &ann, "deletion.requested"), 1);
    assert_eq!(audited(&app, &ann, "account.purged"), 1);
    assert_problem(&log_in(&app, &ann.email).await, 401, "INVALID_CREDENTIALS");
    let ann = ann.at(&app);
    assert_eq!(write(&ann, 99).await, 401);
    // Whoever takes the address is somebody else.
    let again = app.register_as(&ann.email).await;
    assert_ne!(again.id, ann.id);
    assert_eq!(again.get("/api/v1/progress").await.json(), json!([]));
}

#[tokio::test]
async fn threat_31_whoever_left_has_no_archive_made_or_fetched() {
    let (app, clock) = timed().await;
    let ann = app.register().await;
    ask(&ann).await.expect(202);
    made(&ann).await;
    let token = app.token_to(&ann.email);
    leave(&ann).await.expect(202);
    let link = json!({ "token": token });
    let fetched = ann.post(super::DOWNLOAD, &link).await;
    assert_problem(&fetched, 401, "UNAUTHORIZED");
    assert_problem(&ask(&ann).await, 401, "UNAUTHORIZED");
    assert_problem(&ann.get(EXPORT).await, 401, "UNAUTHORIZED");
    // One that was asked for just before is not made any more.
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
        "INSERT INTO exports (user_id, id, requested_at, due_at) VALUES ({user}, {export}, {time}, {time})"
    ));
    eventually("it is neither made nor given up", async || {
        place.number("SELECT count(*) FROM exports WHERE failed_at IS NOT NULL") == 1
    })
    .await;
    clock.advance(TimeDelta::days(8));
    let app = app.restart().await;
    eventually("old archives are remembered", async || {
        app.place().number("SELECT count(*) FROM exports") == 0
    })
    .await;
}
