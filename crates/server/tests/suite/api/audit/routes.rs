//! What the audit log tells of each route that changes state, or why it tells nothing.
//!
//! A new route needs a line here: in [`TOLD`] with the action and a request that is to leave an entry, or in [`NOT_TOLD`]
//! with the reason.

use std::sync::Arc;

use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use parlance_domain::audit::Action;
use parlance_platform::SystemClock;
use serde_json::json;

use crate::api::personal::made;
use crate::harness::{Answer, Authenticator, PASSWORD, PasskeyDevice, TestApp, honest};

/// A request that changes state, and what the log then says.
pub(super) struct Told {
    /// Its route.
    pub(super) route: &'static str,
    /// What was done.
    pub(super) action: Action,
    /// Sends it and gives its answer, by whose id the entry is found.
    pub(super) send: for<'a> fn(&'a TestApp) -> BoxFuture<'a, Answer>,
}

macro_rules! told {
    ($($route:literal, $action:ident, |$app:ident| $send:block)+) => {
        &[$(Told { route: $route, action: Action::$action, send: |$app| async move $send.boxed() },)+]
    };
}

const LOGIN: &str = "/api/v1/auth/login";
const NEW_PASSWORD: &str = "Another-Horse-2";

/// Every route that changes something which somebody may ask about later.
pub(super) const TOLD: &[Told] = told! {
    "POST /api/v1/auth/register", AccountRegistered, |app| {
        let body = json!({ "email": "told@example.com", "password": PASSWORD });
        app.post("/api/v1/auth/register", &body).await.expect(201)
    }
    "POST /api/v1/auth/login", SessionStarted, |app| {
        let user = app.register().await;
        let body = json!({ "email": user.email, "password": PASSWORD });
        app.post(LOGIN, &body).await.expect(200)
    }
    "POST /api/v1/auth/logout", SessionEnded, |app| {
        let user = app.register().await;
        app.post_cookie("/api/v1/auth/logout", &user.cookie).await.expect(200)
    }
    "POST /api/v1/auth/step-up", StepUpPassed, |app| {
        let user = app.register().await;
        user.post("/api/v1/auth/step-up", &json!({ "password": PASSWORD })).await.expect(200)
    }
    "POST /api/v1/auth/second-factor", SessionStarted, |app| {
        let user = app.register().await;
        let authenticator = Authenticator::set_up(&user, Arc::new(SystemClock)).await;
        let body = json!({ "email": user.email, "password": PASSWORD });
        let challenged = app.post(LOGIN, &body).await.expect(401).json();
        let body = json!({
            "challenge": challenged["details"]["challenge"],
            "code": authenticator.recovery_codes[0],
        });
        app.post("/api/v1/auth/second-factor", &body).await.expect(200)
    }
    "POST /api/v1/users/me/second-factor/totp/confirm", SecondFactorAdded, |app| {
        let user = app.register().await;
        let authenticator = Authenticator::begin(&user, Arc::new(SystemClock)).await;
        let body = json!({ "code": authenticator.code() });
        user.post("/api/v1/users/me/second-factor/totp/confirm", &body).await.expect(200)
    }
    "DELETE /api/v1/users/me/second-factor/totp", SecondFactorRemoved, |app| {
        let user = app.register().await;
        Authenticator::set_up(&user, Arc::new(SystemClock)).await;
        user.delete("/api/v1/users/me/second-factor/totp").await.expect(204)
    }
    "POST /api/v1/users/me/second-factor/recovery-codes", RecoveryCodesMade, |app| {
        let user = app.register().await;
        Authenticator::set_up(&user, Arc::new(SystemClock)).await;
        user.post_empty("/api/v1/users/me/second-factor/recovery-codes").await.expect(200)
    }
    "POST /api/v1/auth/passkeys", SessionStarted, |app| {
        let user = app.register().await;
        let device = PasskeyDevice::add(&user).await;
        device.sign_in(app).await.expect(200)
    }
    "POST /api/v1/users/me/passkeys", PasskeyAdded, |app| {
        let user = app.register().await;
        let options = user.post_empty("/api/v1/users/me/passkeys/options").await.expect(200).json();
        let (_, body) = PasskeyDevice::make(&options, &honest());
        user.post("/api/v1/users/me/passkeys", &body).await.expect(201)
    }
    "PATCH /api/v1/users/me/passkeys/{id}", PasskeyRenamed, |app| {
        let user = app.register().await;
        let device = PasskeyDevice::add(&user).await;
        let path = format!("/api/v1/users/me/passkeys/{}", device.id);
        user.patch(&path, &json!({ "name": "Told" })).await.expect(200)
    }
    "DELETE /api/v1/users/me/passkeys/{id}", PasskeyRemoved, |app| {
        let user = app.register().await;
        let device = PasskeyDevice::add(&user).await;
        user.delete(&format!("/api/v1/users/me/passkeys/{}", device.id)).await.expect(204)
    }
    "POST /api/v1/auth/unlock", AccountUnlocked, |app| {
        let user = app.register().await;
        let wrong = json!({ "email": user.email, "password": NEW_PASSWORD });
        while app.post(LOGIN, &wrong).await.status == 401 {}
        follow(app, "/api/v1/auth/unlock", &user.email).await
    }
    "DELETE /api/v1/users/me", DeletionRequested, |app| {
        let user = app.register().await;
        user.delete("/api/v1/users/me").await.expect(202)
    }
    "POST /api/v1/users/me/export", ExportRequested, |app| {
        let user = app.register().await;
        user.post_empty("/api/v1/users/me/export").await.expect(202)
    }
    "POST /api/v1/users/me/export/download", ExportDownloaded, |app| {
        let user = app.register().await;
        user.post_empty("/api/v1/users/me/export").await.expect(202);
        made(&user).await;
        user.post("/api/v1/users/me/export/download", &json!({})).await.expect(200)
    }
    "POST /api/v1/auth/email-verification", EmailVerificationRequested, |app| {
        let user = app.register().await;
        user.post_empty("/api/v1/auth/email-verification").await.expect(202)
    }
    "POST /api/v1/auth/email-verification/confirm", EmailVerified, |app| {
        let user = app.register().await;
        follow(app, "/api/v1/auth/email-verification/confirm", &user.email).await
    }
    "POST /api/v1/auth/password-reset", PasswordResetRequested, |app| {
        let user = app.register().await;
        app.post("/api/v1/auth/password-reset", &json!({ "email": user.email })).await.expect(202)
    }
    "POST /api/v1/auth/password-reset/confirm", PasswordReset, |app| {
        let user = app.register().await;
        app.post("/api/v1/auth/password-reset", &json!({ "email": user.email })).await.expect(202);
        let body = json!({ "token": app.token_to(&user.email), "password": NEW_PASSWORD });
        app.post("/api/v1/auth/password-reset/confirm", &body).await.expect(200)
    }
    "POST /api/v1/users/me/password", PasswordChanged, |app| {
        let user = app.register().await;
        let body = json!({ "currentPassword": PASSWORD, "newPassword": NEW_PASSWORD });
        user.post("/api/v1/users/me/password", &body).await.expect(200)
    }
    "POST /api/v1/users/me/email", EmailChangeRequested, |app| {
        let user = app.register().await;
        user.post("/api/v1/users/me/email", &json!({ "email": "told@new.example" })).await.expect(202)
    }
    "POST /api/v1/auth/email-change/confirm", EmailChanged, |app| {
        let user = app.register().await;
        user.post("/api/v1/users/me/email", &json!({ "email": "moved@new.example" })).await.expect(202);
        follow(app, "/api/v1/auth/email-change/confirm", "moved@new.example").await
    }
    "PATCH /api/v1/users/me", ProfileChanged, |app| {
        let user = app.register().await;
        user.patch("/api/v1/users/me", &json!({ "displayName": "Told" })).await.expect(200)
    }
    "PUT /api/v1/users/me/settings", SettingsChanged, |app| {
        let user = app.register().await;
        user.put("/api/v1/users/me/settings", &json!({ "summaryQuality": "high" })).await.expect(200)
    }
    "PATCH /api/v1/users/me/settings", SettingsChanged, |app| {
        let user = app.register().await;
        user.patch("/api/v1/users/me/settings", &json!({ "data": { "theme": "dark" } })).await.expect(200)
    }
    "PUT /api/v1/users/me/keys/{provider}", ProviderKeySet, |app| {
        let user = app.register().await;
        user.put("/api/v1/users/me/keys/openai", &json!({ "key": "sk-0123456789abcdef" })).await.expect(200)
    }
    "DELETE /api/v1/users/me/keys/{provider}", ProviderKeyRemoved, |app| {
        let user = app.register().await;
        user.put("/api/v1/users/me/keys/openai", &json!({ "key": "sk-0123456789abcdef" })).await.expect(200);
        user.delete("/api/v1/users/me/keys/openai").await.expect(204)
    }
    "DELETE /api/v1/users/me/sessions", SessionsRevoked, |app| {
        let user = app.register().await;
        app.login(&user.email).await;
        user.delete("/api/v1/users/me/sessions").await.expect(204)
    }
    "DELETE /api/v1/users/me/sessions/{id}", SessionsRevoked, |app| {
        let user = app.register().await;
        app.login(&user.email).await;
        let sessions = user.get("/api/v1/users/me/sessions").await.expect(200).json();
        let sessions = sessions.as_array().unwrap();
        let other = sessions.iter().find(|session| session["current"] == false).unwrap();
        let path = format!("/api/v1/users/me/sessions/{}", other["id"].as_str().unwrap());
        user.delete(&path).await.expect(204)
    }
    "POST /api/v1/users/me/api-keys", ApiKeyMade, |app| {
        let body = json!({ "name": "Told", "scopes": ["speech"] });
        app.register().await.post("/api/v1/users/me/api-keys", &body).await.expect(201)
    }
    "DELETE /api/v1/users/me/api-keys/{id}", ApiKeyRevoked, |app| {
        let user = app.register().await;
        let body = json!({ "name": "Told", "scopes": ["speech"] });
        let made = user.post("/api/v1/users/me/api-keys", &body).await.expect(201).json();
        let path = format!("/api/v1/users/me/api-keys/{}", made["id"].as_str().unwrap());
        user.delete(&path).await.expect(204)
    }
    "DELETE /api/v1/users/me/identities/{id}", IdentityUnlinked, |app| {
        let user = app.register().await;
        let begun = user.post("/api/v1/users/me/identities/company", &json!({})).await.expect(200);
        let mut browser = app.browser();
        browser.take_cookies(&begun);
        let place = begun.json()["authorizationUrl"].as_str().unwrap().parse().unwrap();
        let back = browser.visit(&place).await;
        browser.get(&back).await.expect(302);
        let identities = user.get("/api/v1/users/me/identities").await.expect(200).json();
        let path = format!("/api/v1/users/me/identities/{}", identities[0]["id"].as_str().unwrap());
        user.delete(&path).await.expect(204)
    }
    "POST /api/v1/auth/identity-link/confirm", IdentityLinked, |app| {
        let user = app.register_as("ann@example.com").await;
        app.browser().is_refused("company", "LINK_CONFIRMATION_SENT").await;
        follow(app, "/api/v1/auth/identity-link/confirm", &user.email).await
    }
    "PATCH /api/v1/admin/users/{id}", RolesChanged, |app| {
        let (admin, user) = (app.register_admin().await, app.register().await);
        let path = format!("/api/v1/admin/users/{}", user.id);
        admin.patch(&path, &json!({ "roles": ["user", "admin"] })).await.expect(200)
    }
    "DELETE /api/v1/admin/users/{id}", AccountDeleted, |app| {
        let (admin, user) = (app.register_admin().await, app.register().await);
        let request = admin.request(reqwest::Method::DELETE, &format!("/api/v1/admin/users/{}", user.id));
        admin.send(request.json(&json!({ "reason": "Told" }))).await.expect(200)
    }
    "POST /api/v1/admin/users/{id}/restore", AccountRestored, |app| {
        let (admin, user) = (app.register_admin().await, app.register().await);
        let path = format!("/api/v1/admin/users/{}", user.id);
        let request = admin.request(reqwest::Method::DELETE, &path);
        admin.send(request.json(&json!({ "reason": "Told" }))).await.expect(200);
        admin.post_empty(&format!("{path}/restore")).await.expect(200)
    }
    "POST /api/v1/admin/users/{id}/sessions/revoke", SessionsRevoked, |app| {
        let (admin, user) = (app.register_admin().await, app.register().await);
        let path = format!("/api/v1/admin/users/{}/sessions/revoke", user.id);
        admin.post_empty(&path).await.expect(200)
    }
    "DELETE /api/v1/conversations/{wordId}", ConversationsForgotten, |app| {
        let admin = app.register_admin().await;
        admin.delete("/api/v1/conversations/zh-00001").await.expect(204)
    }
};

/// Every other route that is not only read from, and why nothing is told of it.
pub(super) const NOT_TOLD: &[(&str, &str)] = &[
    (
        "POST /api/v1/auth/refresh",
        "the session goes on; its abuse is told, as another test shows",
    ),
    (
        "POST /api/v1/users/me/second-factor/totp",
        "nothing is asked for until the secret is confirmed, which is told",
    ),
    (
        "POST /api/v1/users/me/passkeys/options",
        "a random number is kept for minutes; what comes of it is told",
    ),
    (
        "POST /api/v1/auth/passkeys/options",
        "a random number is kept for minutes; what comes of it is told",
    ),
    (
        "POST /api/v1/users/me/identities/{id}",
        "nothing is linked until the browser comes back from the provider, which is told",
    ),
    ("PUT /api/v1/progress/{wordId}", OWN_LOG),
    ("DELETE /api/v1/progress/{wordId}", OWN_LOG),
    ("POST /api/v1/progress/batch", OWN_LOG),
    ("POST /api/v1/progress/import", OWN_LOG),
    ("POST /api/v1/reviews", OWN_LOG),
    ("POST /api/v1/reviews/{id}/undo", OWN_LOG),
    ("POST /api/v1/tts", NOTHING_CHANGES),
    ("POST /api/v1/stt", NOTHING_CHANGES),
    ("POST /api/v1/conversations", NOTHING_CHANGES),
    ("POST /api/v1/conversations/text/generate", NOTHING_CHANGES),
    ("POST /api/v1/conversations/audio/generate", NOTHING_CHANGES),
];

const OWN_LOG: &str = "the log of progress, which is only appended to, tells of it";
const NOTHING_CHANGES: &str = "nothing of an account changes; what it cost is told by day";

/// Follows the link in the last mail to an address.
async fn follow(app: &TestApp, path: &str, email: &str) -> Answer {
    let body = json!({ "token": app.token_to(email) });
    app.post(path, &body).await.expect(200)
}
