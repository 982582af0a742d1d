//! Accounts that are gone for good.

use std::sync::Arc;

use chrono::TimeDelta;
use futures_util::future::{join, join_all};
use parlance_contract::fakes::TestClock;
use serde_json::json;

use super::Scene;
use crate::harness::{TestApp, TestUser, assert_problem, eventually};

/// The tables that have rows of users.
fn tables(app: &TestApp) -> Vec<String> {
    let query = if app.place().is_postgres() {
        "SELECT table_name::text FROM information_schema.columns WHERE column_name = 'user_id' AND table_schema = 'public'"
    } else {
        "SELECT t.name FROM pragma_table_list t JOIN pragma_table_info(t.name) c WHERE c.name = 'user_id'"
    };
    let tables = app.place().texts(query);
    assert!(tables.len() >= 8, "{tables:?}");
    tables
}

/// How many rows there are of somebody, and of nobody, in all tables.
fn rows(app: &TestApp, user: &TestUser) -> (i64, i64) {
    let id = app.place().id(&user.id);
    tables(app).iter().fold((0, 0), |(own, orphans), table| {
        let count = |condition: &str| {
            app.place()
                .number(&format!("SELECT count(*) FROM {table} WHERE {condition}"))
        };
        let orphaned = "user_id NOT IN (SELECT id FROM accounts)";
        (own + count(&format!("user_id = {id}")), orphans + count(orphaned))
    })
}

/// Waits until there is no such account.
async fn gone(app: &TestApp, user: &TestUser) {
    let id = app.place().id(&user.id);
    let count = format!("SELECT count(*) FROM accounts WHERE id = {id}");
    eventually("the account is still there", async || {
        app.place().number(&count) == 0
    })
    .await;
}

async fn write(user: &TestUser, number: usize) -> u16 {
    let path = format!("/api/v1/progress/word-{number}");
    user.put(&path, &json!({ "studyCount": 3 })).await.status
}

#[tokio::test]
async fn threat_58_an_account_that_is_purged_leaves_nothing_but_the_log() {
    let clock = Arc::new(TestClock::default());
    let builder = TestApp::builder().clock(&clock);
    let scene = Scene::with(builder.start().await).await;
    let (ann, bob) = (scene.app.register().await, scene.app.register().await);
    for user in [&ann, &bob] {
        assert_eq!(write(user, 1).await, 200);
    }
    // Writes that are under way when the account is deleted are made or refused, nothing between.
    let writes = join_all((2..30).map(|number| write(&ann, number)));
    let (written, deleted) = join(writes, scene.delete(&ann.id)).await;
    deleted.expect(200);
    for status in written {
        assert!([200, 401].contains(&status), "{status}");
    }
    clock.advance(TimeDelta::days(30) - TimeDelta::milliseconds(1));
    let app = scene.app.restart().await;
    assert!(rows(&app, &ann).0 > 0, "its time has not come");
    clock.advance(TimeDelta::milliseconds(1));
    let app = app.restart().await;
    gone(&app, &ann).await;
    assert_eq!(rows(&app, &ann), (0, 0));
    assert!(rows(&app, &bob).0 > 0);
    let id = app.place().id(&ann.id);
    let told = format!(
        "SELECT count(*) FROM audit_entries WHERE action = 'account.purged' AND actor_kind = 'system' \
         AND subject_id = {id}"
    );
    assert_eq!(app.place().number(&told), 1);
    let ann = ann.at(&app);
    assert_eq!(write(&ann, 99).await, 401);
    let refresh = app.post_cookie("/api/v1/auth/refresh", &ann.cookie).await;
    assert_problem(&refresh, 401, "INVALID_REFRESH_TOKEN");
    assert_problem(
        &super::sign_in(&app, &ann.email).await,
        401,
        "INVALID_CREDENTIALS",
    );
    // The address is free again, and whoever takes it is somebody else.
    let again = app.register_as(&ann.email).await;
    assert_ne!(again.id, ann.id);
    assert_eq!(again.get("/api/v1/progress").await.json(), json!([]));
}

#[tokio::test]
async fn threat_58_a_purge_while_others_write_touches_nobody_else() {
    let clock = Arc::new(TestClock::default());
    let builder = TestApp::builder().clock(&clock).with(|settings| {
        settings.sessions.access_seconds = 86_400 * 60;
    });
    let scene = Scene::with(builder.start().await).await;
    let ann = scene.app.register().await;
    let bob = scene.app.register().await;
    assert_eq!(write(&ann, 1).await, 200);
    scene.delete(&ann.id).await.expect(200);
    clock.advance(TimeDelta::days(31));
    let app = scene.app.restart().await;
    let bob = bob.at(&app);
    let written = join_all((0..50).map(|number| write(&bob, number))).await;
    assert!(written.iter().all(|status| *status == 200), "{written:?}");
    gone(&app, &ann).await;
    assert_eq!(rows(&app, &ann), (0, 0));
    assert_eq!(
        write(&ann.at(&app), 99).await,
        401,
        "however long the token was to live"
    );
}
