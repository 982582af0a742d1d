//! Who may ask for what.

use reqwest::Method;
use serde_json::{Value, json};

use super::{LIST, ME, Scene};
use crate::harness::{Answer, TestApp, TestUser, assert_problem};

const NOBODY: &str = "0197d1f0-3c5a-7b21-9f4e-2a6d8c1b5e70";

/// Every route of administrators, with a body that would be good.
fn routes(id: &str) -> Vec<(Method, String, Option<Value>)> {
    vec![
        (Method::GET, LIST.to_owned(), None),
        (Method::GET, format!("/api/v1/users/{id}"), None),
        (
            Method::PATCH,
            format!("{LIST}/{id}"),
            Some(json!({ "isPremium": true })),
        ),
        (
            Method::PATCH,
            format!("{LIST}/{id}"),
            Some(json!({ "roles": ["admin"] })),
        ),
        (
            Method::DELETE,
            format!("{LIST}/{id}"),
            Some(json!({ "reason": "Because" })),
        ),
        (Method::POST, format!("{LIST}/{id}/restore"), None),
        (Method::POST, format!("{LIST}/{id}/sessions/revoke"), None),
    ]
}

async fn ask(user: &TestUser, (method, path, body): &(Method, String, Option<Value>)) -> Answer {
    let mut request = user.request(method.clone(), path);
    if let Some(body) = body {
        request = request.json(body);
    }
    user.send(request).await
}

/// What is kept of all accounts.
fn kept(app: &TestApp) -> i64 {
    app.place().number(
        "SELECT count(*) FROM accounts WHERE is_premium = (1 = 0) AND deleted_at IS NULL AND deactivated_at IS NULL \
         AND revision = 1",
    )
}

#[tokio::test]
async fn without_a_token_nothing_is_shown_or_changed() {
    let app = TestApp::start().await;
    let ann = app.register().await;
    for (method, path, body) in routes(&ann.id) {
        for token in [None, Some("a.b.c")] {
            let mut request = app.request(method.clone(), &path);
            if let Some(body) = &body {
                request = request.json(body);
            }
            if let Some(token) = token {
                request = request.bearer_auth(token);
            }
            assert_problem(&app.send(request).await, 401, "UNAUTHORIZED");
        }
    }
    assert_eq!(kept(&app), 1);
    ann.get(ME).await.expect(200);
}

#[tokio::test]
async fn threat_30_a_learner_reaches_no_account_of_others_by_any_verb() {
    let app = TestApp::start().await;
    let (ann, bob) = (app.register().await, app.register().await);
    // Whether there is such an account is not to be told either.
    for id in [&bob.id, NOBODY] {
        for route in routes(id) {
            assert_problem(&ask(&ann, &route).await, 403, "FORBIDDEN");
        }
    }
    assert_eq!(kept(&app), 2);
    for user in [&ann, &bob] {
        user.get(ME).await.expect(200);
    }
}

#[tokio::test]
async fn threat_31_nobody_makes_themselves_more_than_they_are() {
    let app = TestApp::start().await;
    let ann = app.register().await;
    for route in routes(&ann.id) {
        let answer = ask(&ann, &route).await;
        if route.0 == Method::GET && route.1 != LIST {
            assert_eq!(answer.expect(200).json()["id"], ann.id.as_str());
        } else {
            assert_problem(&answer, 403, "FORBIDDEN");
        }
    }
    assert_eq!(kept(&app), 1);
}

#[tokio::test]
async fn who_is_not_there_is_not_found() {
    let Scene { app: _app, admin } = Scene::new().await;
    for route in routes(NOBODY).iter().filter(|(_, path, _)| path != LIST) {
        assert_problem(&ask(&admin, route).await, 404, "USER_NOT_FOUND");
    }
}

#[tokio::test]
async fn what_is_no_id_is_refused() {
    let Scene { app: _app, admin } = Scene::new().await;
    let unusual = NOBODY.replace('-', "");
    for id in [
        "x",
        "0",
        "%00",
        "..%2Fme",
        "1;--",
        &unusual,
        &format!("%7B{NOBODY}%7D"),
    ] {
        for route in routes(id).iter().filter(|(_, path, _)| path != LIST) {
            let details = assert_problem(&ask(&admin, route).await, 400, "VALIDATION_FAILED");
            assert_eq!(details["fields"][0]["field"], "id", "{route:?}");
        }
    }
}

#[tokio::test]
async fn an_account_is_read_by_its_owner_and_by_administrators() {
    let scene = Scene::new().await;
    let ann = scene.app.register().await;
    let own = ann.get(&format!("/api/v1/users/{}", ann.id)).await.expect(200);
    assert_eq!(own.header("cache-control"), Some("no-store"));
    let own = own.json();
    assert_eq!(
        scene.count(&ann, "account.read", &ann.id),
        0,
        "one's own is no news"
    );
    let seen = scene.look(&ann.id).await;
    assert_eq!(seen, own);
    assert_eq!(scene.count(&scene.admin, "account.read", &ann.id), 1);
    // All that its owner sees elsewhere, and how it stands.
    let mut expected = ann.get(ME).await.expect(200).json();
    let members = expected.as_object_mut().unwrap();
    for member in [
        "deactivatedAt",
        "deletedAt",
        "purgeAt",
        "deletionReason",
        "lockedUntil",
    ] {
        members.insert(member.to_owned(), Value::Null);
    }
    members.insert("status".to_owned(), json!("active"));
    assert_eq!(seen, expected);
}

#[tokio::test]
async fn threat_29_what_the_server_owns_is_set_by_no_body() {
    let scene = Scene::new().await;
    let more = json!({
        "id": NOBODY, "email": "other@example.com", "username": "root", "role": "admin", "roles": ["admin"],
        "isAdmin": true, "is_admin": true, "isPremium": true, "is_premium": true, "emailVerified": true,
        "email_verified": true, "createdAt": "2000-01-01T00:00:00.000Z", "password": "Other-Horse-1",
        "passwordHash": "x", "password_hash": "x", "revision": 9, "standing": "active", "status": "deleted",
        "deletedAt": "2000-01-01T00:00:00.000Z", "purgeAt": "2000-01-01T00:00:00.000Z", "plan": "pro",
        "stripeCustomerId": "cus_1", "lockedUntil": null,
    });
    let ann = scene.app.register().await;
    let before = ann.get(ME).await.expect(200).json();
    assert_eq!(ann.patch(ME, &more).await.expect(200).json(), before);
    // Not even an administrator sets what is no administrator's: an address, a password, a proof.
    let mut body = more.clone();
    for member in ["roles", "isPremium"] {
        body.as_object_mut().unwrap().remove(member);
    }
    scene.change(&ann.id, &body).await.expect(200);
    assert_eq!(ann.get(ME).await.expect(200).json(), before);
    scene.app.login(&ann.email).await;
    let mut body = more;
    body["email"] = json!("bea@example.com");
    body["username"] = json!("bea");
    body["password"] = json!(crate::harness::PASSWORD);
    let made = scene
        .app
        .post("/api/v1/auth/register", &body)
        .await
        .expect(201)
        .json();
    let user = &made["data"]["user"];
    assert_eq!(user["roles"], json!(["user"]));
    assert_ne!(user["id"], NOBODY);
    for member in ["isPremium", "emailVerified"] {
        assert_eq!(user[member], false, "{member}");
    }
}

#[tokio::test]
async fn while_nothing_may_be_changed_nobody_administers() {
    let Scene { app, admin } = Scene::new().await;
    let app = app
        .restart_with(|settings| settings.features.auth_enabled = false)
        .await;
    let admin = admin.at(&app);
    for route in routes(NOBODY) {
        assert_problem(&ask(&admin, &route).await, 503, "READ_ONLY");
    }
    admin
        .get(&format!("/api/v1/users/{}", admin.id))
        .await
        .expect(200);
}
