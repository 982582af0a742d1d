//! Roles that call for a second factor, and administrators who reset one.

use std::sync::Arc;

use chrono::TimeDelta;
use parlance_contract::fakes::TestClock;
use parlance_domain::accounts::{Role, Roles};
use serde_json::json;

use super::{ANN, ME, TOTP, clock, log_in, mailed, state, step_up, timed, with_factor};
use crate::harness::{Authenticator, TestApp, TestUser, assert_problem};

const USERS: &str = "/api/v1/admin/users";

/// A server where administrators must have a second factor.
async fn strict() -> (TestApp, Arc<TestClock>) {
    let clock = clock();
    let app = TestApp::builder()
        .clock(&clock)
        .with(|settings| settings.second_factor_roles = Roles::from([Role::Admin]));
    (app.start().await, clock)
}

fn path(user: &TestUser) -> String {
    format!("{USERS}/{}", user.id)
}

#[tokio::test]
async fn who_must_have_a_second_factor_administers_nothing_without() {
    let (app, clock) = strict().await;
    let admin = app.register_admin().await;
    assert_eq!(state(&admin).await["required"], true);
    assert_problem(&admin.get(USERS).await, 403, "SECOND_FACTOR_SETUP_REQUIRED");
    let ann = app.register().await;
    let patch = admin.patch(&path(&ann), &json!({ "isPremium": true })).await;
    assert_problem(&patch, 403, "SECOND_FACTOR_SETUP_REQUIRED");
    admin.get(ME).await.expect(200);

    let weak = app.login(&admin.email).await;
    let authenticator = Authenticator::set_up(&admin, clock.clone()).await;
    admin.get(USERS).await.expect(200);
    // A session that began by the password alone does not count.
    assert_problem(&weak.get(USERS).await, 403, "STEP_UP_REQUIRED");
    clock.advance(TimeDelta::seconds(30));
    step_up(&weak, Some(&authenticator.code())).await.expect(200);
    weak.get(USERS).await.expect(200);

    assert_problem(&admin.delete(TOTP).await, 409, "SECOND_FACTOR_MANDATORY");
    assert_eq!(state(&ann).await["required"], false);
    assert_problem(&ann.get(USERS).await, 403, "FORBIDDEN");
}

#[tokio::test]
async fn an_administrator_resets_a_second_factor_with_a_reason() {
    let (app, clock) = timed().await;
    let (ann, _) = with_factor(&app, &clock, ANN).await;
    let admin = app.register_admin().await;
    let nameless = admin
        .patch(&path(&ann), &json!({ "resetSecondFactor": true }))
        .await;
    let details = assert_problem(&nameless, 400, "VALIDATION_FAILED");
    assert_eq!(details["fields"][0]["field"], "reason");
    let off = json!({ "resetSecondFactor": false, "reason": "Lost the phone" });
    assert_problem(&admin.patch(&path(&ann), &off).await, 400, "VALIDATION_FAILED");
    let reset = json!({ "resetSecondFactor": true, "reason": "Lost the phone" });
    assert_problem(&ann.patch(&path(&ann), &reset).await, 403, "FORBIDDEN");

    admin.patch(&path(&ann), &reset).await.expect(200);
    assert_eq!(ann.get(ME).await.status, 401, "all sessions ended");
    log_in(&app, ANN).await.expect(200);
    assert_eq!(mailed(&app, ANN, "second_factor.removed"), 1);
    let told = "SELECT count(*) FROM audit_entries WHERE action = 'second_factor.removed' \
                AND details LIKE '%Lost the phone%'";
    assert_eq!(app.place().number(told), 1);
    // There is nothing left to reset, and nothing more to tell.
    admin.patch(&path(&ann), &reset).await.expect(200);
    assert_eq!(app.place().number(told), 1);
}

#[tokio::test]
async fn an_administrator_whose_token_is_stolen_resets_nothing() {
    let (app, clock) = timed().await;
    let (ann, _) = with_factor(&app, &clock, ANN).await;
    let admin = app.register_admin().await;
    clock.advance(TimeDelta::minutes(11));
    for victim in [&ann, &admin] {
        let reset = json!({ "resetSecondFactor": true, "reason": "No reason" });
        let refused = admin.patch(&path(victim), &reset).await;
        assert_problem(&refused, 403, "STEP_UP_REQUIRED");
    }
    assert_eq!(state(&ann).await["active"], true);
}
