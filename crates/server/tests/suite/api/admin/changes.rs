//! What administrators do to accounts.

use std::sync::Arc;

use chrono::TimeDelta;
use parlance_contract::fakes::TestClock;
use serde_json::{Value, json};

use super::{Scene, delete, sign_in, user, works};
use crate::harness::{PASSWORD, TestApp, assert_problem};

#[tokio::test]
async fn roles_are_given_and_taken_and_the_log_tells_of_both() {
    let scene = Scene::new().await;
    let ann = scene.app.register().await;
    let reason = "Looks after the school";
    let body = json!({ "roles": ["admin", "admin"], "reason": reason });
    let changed = scene.change(&ann.id, &body).await.expect(200).json();
    assert_eq!(
        changed["roles"],
        json!(["user", "admin"]),
        "everybody stays a user"
    );
    assert!(!works(&ann).await, "whoever has other roles signs in anew");
    let ann = scene.app.login(&ann.email).await;
    ann.get(super::LIST).await.expect(200);
    let body = json!({ "roles": ["user"] });
    let changed = scene.change(&ann.id, &body).await.expect(200).json();
    assert_eq!(changed["roles"], json!(["user"]));
    assert_eq!(
        scene.told("roles.changed"),
        [
            json!({"from": "user", "to": "user admin", "reason": reason}),
            json!({"from": "user admin", "to": "user"}),
        ]
    );
    assert_eq!(scene.count(&scene.admin, "roles.changed", &ann.id), 2);
}

#[tokio::test]
async fn what_is_as_it_should_be_is_not_changed() {
    let scene = Scene::new().await;
    let ann = scene.app.register().await;
    let before = scene.look(&ann.id).await;
    for body in [
        json!({}),
        json!({ "roles": ["user"] }),
        json!({ "roles": [] }),
        json!({ "active": true, "isPremium": false, "reason": "none" }),
    ] {
        assert_eq!(
            scene.change(&ann.id, &body).await.expect(200).json(),
            before,
            "{body}"
        );
    }
    assert!(works(&ann).await);
    let changes = scene.app.place().number(
        "SELECT count(*) FROM audit_entries WHERE action IN ('roles.changed', 'premium.changed', \
         'account.deactivated', 'account.reactivated')",
    );
    assert_eq!(changes, 0);
}

#[tokio::test]
async fn who_pays_is_changed_without_a_new_sign_in() {
    let scene = Scene::new().await;
    let ann = scene.app.register().await;
    for (premium, from, to) in [(true, "false", "true"), (false, "true", "false")] {
        let changed = scene.change(&ann.id, &json!({ "isPremium": premium })).await;
        assert_eq!(changed.expect(200).json()["isPremium"], premium);
        let told = scene.told("premium.changed");
        assert_eq!(told.last(), Some(&json!({"from": from, "to": to})));
        assert!(works(&ann).await);
    }
    let all = json!({ "roles": ["user", "admin"], "active": false, "isPremium": true });
    scene.change(&ann.id, &all).await.expect(200);
    for action in ["roles.changed", "account.deactivated"] {
        assert_eq!(scene.count(&scene.admin, action, &ann.id), 1, "{action}");
    }
    assert_eq!(scene.count(&scene.admin, "premium.changed", &ann.id), 3);
}

#[tokio::test]
async fn every_bad_member_is_named_and_nothing_is_changed() {
    let scene = Scene::new().await;
    let ann = scene.app.register().await;
    let before = scene.look(&ann.id).await;
    for (body, fields) in [
        (json!({ "roles": ["root"] }), vec!["roles"]),
        (json!({ "roles": ["Admin"] }), vec!["roles"]),
        (json!({ "roles": "admin" }), vec!["roles"]),
        (json!({ "roles": [1] }), vec!["roles[0]"]),
        (
            json!({ "roles": null, "active": null, "isPremium": null, "unlock": null, "reason": null }),
            vec!["active", "isPremium", "reason", "roles", "unlock"],
        ),
        (
            json!({ "active": "no", "isPremium": 1, "unlock": false, "reason": "x".repeat(501) }),
            vec!["active", "isPremium", "reason", "unlock"],
        ),
        (json!({ "isPremium": true, "reason": "a\nb" }), vec!["reason"]),
    ] {
        let answer = scene.change(&ann.id, &body).await;
        let details = assert_problem(&answer, 400, "VALIDATION_FAILED");
        let named = details["fields"].as_array().unwrap().iter();
        let mut named: Vec<_> = named.map(|field| field["field"].as_str().unwrap()).collect();
        named.sort_unstable();
        assert_eq!(named, fields, "{body}");
    }
    for (body, code) in [
        ("{", "MALFORMED_JSON"),
        ("{\"roles\":[],\"roles\":[]}", "MALFORMED_JSON"),
    ] {
        let request = scene.admin.request(reqwest::Method::PATCH, &user(&ann.id));
        let request = request
            .header("content-type", "application/merge-patch+json")
            .body(body);
        assert_problem(&scene.admin.send(request).await, 400, code);
    }
    assert_eq!(scene.look(&ann.id).await, before);
}

#[tokio::test]
async fn threat_31_who_is_put_out_of_use_has_no_power_left() {
    let scene = Scene::new().await;
    let ann = scene.app.register().await;
    let changed = scene
        .change(&ann.id, &json!({ "active": false }))
        .await
        .expect(200)
        .json();
    assert_eq!(changed["status"], "deactivated");
    assert!(changed["deactivatedAt"].is_string());
    assert!(!works(&ann).await);
    let refresh = scene.app.post_cookie("/api/v1/auth/refresh", &ann.cookie).await;
    assert_problem(&refresh, 401, "INVALID_REFRESH_TOKEN");
    assert_problem(&sign_in(&scene.app, &ann.email).await, 403, "ACCOUNT_DEACTIVATED");
    // Who does not know the password is not even told that.
    let guess = json!({ "email": ann.email, "password": "Wrong-Horse-1" });
    let guess = scene.app.post("/api/v1/auth/login", &guess).await;
    assert_problem(&guess, 401, "INVALID_CREDENTIALS");
    let changed = scene
        .change(&ann.id, &json!({ "active": true }))
        .await
        .expect(200)
        .json();
    assert_eq!(
        (&changed["status"], &changed["deactivatedAt"]),
        (&json!("active"), &Value::Null)
    );
    assert!(!works(&ann).await, "what was ended stays ended");
    assert!(works(&scene.app.login(&ann.email).await).await);
    for action in ["account.deactivated", "account.reactivated"] {
        assert_eq!(scene.count(&scene.admin, action, &ann.id), 1, "{action}");
    }
}

#[tokio::test]
async fn a_deleted_account_can_be_restored_for_30_days() {
    let clock = Arc::new(TestClock::default());
    let scene = Scene::with(TestApp::builder().clock(&clock).start().await).await;
    let ann = scene.app.register().await;
    let deleted = scene.delete(&ann.id).await.expect(200).json();
    assert_eq!(deleted["status"], "deleted");
    assert_eq!(deleted["deletionReason"], "Sends spam");
    assert_eq!(deleted["deletedAt"], "2026-03-01T12:00:00.000Z");
    assert_eq!(deleted["purgeAt"], "2026-03-31T12:00:00.000Z");
    assert!(!works(&ann).await);
    assert_problem(&sign_in(&scene.app, &ann.email).await, 403, "ACCOUNT_DEACTIVATED");
    clock.advance(TimeDelta::minutes(5));
    // Repeated, it does not begin anew.
    assert_eq!(scene.delete(&ann.id).await.expect(200).json(), deleted);
    for active in [true, false] {
        let answer = scene.change(&ann.id, &json!({ "active": active })).await;
        assert_problem(&answer, 409, "ACCOUNT_DELETED");
    }
    let again = json!({ "email": ann.email, "password": PASSWORD });
    let again = scene.app.post("/api/v1/auth/register", &again).await;
    assert_problem(&again, 409, "EMAIL_EXISTS");
    let restore = format!("{}/restore", user(&ann.id));
    for _ in 0..2 {
        let restored = scene.admin.post_empty(&restore).await.expect(200).json();
        assert_eq!(restored["status"], "active");
        assert_eq!(
            (&restored["deletedAt"], &restored["purgeAt"]),
            (&Value::Null, &Value::Null)
        );
    }
    assert!(works(&scene.app.login(&ann.email).await).await);
    assert_eq!(scene.told("account.deleted"), [json!({"reason": "Sends spam"})]);
    assert_eq!(scene.count(&scene.admin, "account.restored", &ann.id), 1);
}

#[tokio::test]
async fn a_deletion_has_a_reason() {
    let scene = Scene::new().await;
    let ann = scene.app.register().await;
    for body in [
        json!({}),
        json!({ "reason": null }),
        json!({ "reason": " " }),
        json!({ "reason": 7 }),
    ] {
        let request = scene
            .admin
            .request(reqwest::Method::DELETE, &user(&ann.id))
            .json(&body);
        let details = assert_problem(&scene.admin.send(request).await, 400, "VALIDATION_FAILED");
        assert_eq!(details["fields"][0]["field"], "reason", "{body}");
    }
    let answer = scene.admin.delete(&user(&ann.id)).await;
    assert_problem(&answer, 415, "UNSUPPORTED_MEDIA_TYPE");
    assert!(works(&ann).await);
}

#[tokio::test]
async fn what_its_owner_deleted_its_owner_alone_brings_back() {
    let scene = Scene::new().await;
    let ann = scene.app.register().await;
    let deleted = scene.delete(&ann.id).await.expect(200).json();
    let id = scene.app.place().id(&ann.id);
    scene.app.place().execute(&format!(
        "UPDATE accounts SET deleted_by_owner = (1 = 1), deletion_reason = NULL WHERE id = {id}"
    ));
    let restore = format!("{}/restore", user(&ann.id));
    assert_problem(&scene.admin.post_empty(&restore).await, 409, "DELETED_BY_OWNER");
    // Unless an administrator deletes it, too.
    let again = scene.delete(&ann.id).await.expect(200).json();
    assert_eq!(again["deletionReason"], deleted["deletionReason"]);
    scene.admin.post_empty(&restore).await.expect(200);
}

#[tokio::test]
async fn an_account_is_signed_out_everywhere() {
    let scene = Scene::new().await;
    let phone = scene.app.register().await;
    let laptop = scene.app.login(&phone.email).await;
    let revoke = format!("{}/sessions/revoke", user(&phone.id));
    let answer = scene.admin.post_empty(&revoke).await.expect(200);
    assert_eq!(answer.json(), json!({ "revoked": 2 }));
    for device in [&phone, &laptop] {
        assert!(!works(device).await);
        let refresh = scene
            .app
            .post_cookie("/api/v1/auth/refresh", &device.cookie)
            .await;
        assert_problem(&refresh, 401, "INVALID_REFRESH_TOKEN");
    }
    let answer = scene.admin.post_empty(&revoke).await.expect(200);
    assert_eq!(answer.json(), json!({ "revoked": 0 }));
    assert!(works(&scene.app.login(&phone.email).await).await);
    assert!(works(&scene.admin).await);
    assert_eq!(scene.count(&scene.admin, "sessions.revoked", &phone.id), 1);
}

#[tokio::test]
async fn a_lock_is_seen_and_ended() {
    let builder = TestApp::builder().with(|settings| settings.lockout.attempts = 3);
    let scene = Scene::with(builder.start().await).await;
    let ann = scene.app.register().await;
    let guess = json!({ "email": ann.email, "password": "Wrong-Horse-1" });
    for _ in 0..3 {
        scene.app.post("/api/v1/auth/login", &guess).await.expect(401);
    }
    assert_problem(&sign_in(&scene.app, &ann.email).await, 429, "ACCOUNT_LOCKED");
    let locked = scene.look(&ann.id).await;
    assert!(locked["lockedUntil"].is_string(), "{locked}");
    assert_eq!(locked["status"], "active");
    let listed = scene.admin.get(super::LIST).await.expect(200).json();
    assert_eq!(listed[0]["lockedUntil"], locked["lockedUntil"]);
    for _ in 0..2 {
        let unlocked = scene
            .change(&ann.id, &json!({ "unlock": true }))
            .await
            .expect(200)
            .json();
        assert_eq!(unlocked["lockedUntil"], Value::Null);
    }
    sign_in(&scene.app, &ann.email).await.expect(200);
    assert_eq!(scene.count(&scene.admin, "account.unlocked", &ann.id), 1);
    assert!(works(&ann).await, "whoever is signed in stays so");
}

#[tokio::test]
async fn who_forgets_conversations_is_noted() {
    let scene = Scene::new().await;
    scene
        .admin
        .delete("/api/v1/conversations/zh-00001")
        .await
        .expect(204);
    assert_eq!(
        scene.told("conversations.forgotten"),
        [json!({"word": "zh-00001"})]
    );
    let ann = scene.app.register().await;
    assert_problem(
        &ann.delete("/api/v1/conversations/zh-00001").await,
        403,
        "FORBIDDEN",
    );
    assert_eq!(scene.told("conversations.forgotten").len(), 1);
    assert_problem(&delete(&ann, &ann.id).await, 403, "FORBIDDEN");
}
