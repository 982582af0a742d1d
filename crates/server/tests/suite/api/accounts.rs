//! Accounts: making one, looking at it, changing its profile.

use reqwest::Method;
use serde_json::{Value, json};

use crate::harness::{Answer, PASSWORD, TestApp, assert_problem};

const REGISTER: &str = "/api/v1/auth/register";
const ME: &str = "/api/v1/users/me";

fn bad_fields(details: &Value) -> Vec<&str> {
    let fields = details["fields"].as_array().unwrap().iter();
    let mut names: Vec<_> = fields.map(|field| field["field"].as_str().unwrap()).collect();
    names.sort_unstable();
    names
}

async fn register(app: &TestApp, change: Value) -> Answer {
    let mut body = json!({ "email": "ann@example.com", "password": PASSWORD });
    for (name, value) in change.as_object().unwrap() {
        body[name] = value.clone();
    }
    app.post(REGISTER, &body).await
}

#[tokio::test]
async fn registering_makes_an_account_and_signs_it_in() {
    let app = TestApp::start().await;
    let body = json!({ "email": " Ann@Example.com ", "password": PASSWORD, "displayName": "Ann", "username": "ann" });
    let answer = app.post(REGISTER, &body).await.expect(201);
    assert_eq!(answer.header("location"), Some("/api/v1/users/me"));
    assert_eq!(answer.header("cache-control"), Some("no-store"));
    let cookie = answer.set_cookie("refreshToken").unwrap();
    assert!(
        cookie.ends_with("; HttpOnly; SameSite=Lax; Path=/api/v1/auth; Max-Age=604800"),
        "{cookie}"
    );
    let body = answer.json();
    assert_eq!(body["success"], true);
    assert_eq!(
        (&body["data"]["expiresIn"], &body["data"]["tokenType"]),
        (&json!(900), &json!("Bearer"))
    );
    let user = &body["data"]["user"];
    let members: Vec<_> = user.as_object().unwrap().keys().map(String::as_str).collect();
    let expected = [
        "createdAt",
        "displayName",
        "email",
        "emailVerified",
        "id",
        "isPremium",
        "lastLoginAt",
        "nativeLanguage",
        "proficiencyLevel",
        "roles",
        "targetLanguage",
        "timeZone",
        "updatedAt",
        "username",
    ];
    assert_eq!(members, expected);
    assert_eq!(
        (&user["email"], &user["username"], &user["displayName"]),
        (&json!("Ann@Example.com"), &json!("ann"), &json!("Ann"))
    );
    assert_eq!(
        (&user["roles"], &user["timeZone"]),
        (&json!(["user"]), &json!("UTC"))
    );
    let token = body["data"]["accessToken"].as_str().unwrap();
    let request = app.request(Method::GET, ME).bearer_auth(token);
    assert_eq!(app.send(request).await.expect(200).json(), *user);
}

#[tokio::test]
async fn every_bad_field_of_a_registration_is_reported() {
    let app = TestApp::start().await;
    let empty = assert_problem(&app.post(REGISTER, &json!({})).await, 400, "VALIDATION_FAILED");
    assert_eq!(bad_fields(&empty), ["email", "password"]);
    let change = json!({ "email": 1, "password": "short", "displayName": "a\nb", "username": ["x"] });
    let all = assert_problem(&register(&app, change).await, 400, "VALIDATION_FAILED");
    assert_eq!(bad_fields(&all), ["displayName", "email", "password", "username"]);
    for (field, value) in [
        ("email", json!("nobody")),
        ("email", json!(null)),
        ("password", json!("Aa1".repeat(43))),
        ("displayName", json!("x".repeat(101))),
        ("username", json!("a b")),
    ] {
        let answer = register(&app, json!({ field: value })).await;
        assert_eq!(
            bad_fields(&assert_problem(&answer, 400, "VALIDATION_FAILED")),
            [field],
            "{value}"
        );
    }
}

#[tokio::test]
async fn a_weak_password_is_refused() {
    let app = TestApp::start().await;
    for password in ["alllower1", "ALLUPPER1", "NoDigitsHere"] {
        assert_problem(
            &register(&app, json!({ "password": password })).await,
            400,
            "WEAK_PASSWORD",
        );
    }
}

#[tokio::test]
async fn a_second_account_with_the_same_email_or_username_is_refused() {
    let app = TestApp::start().await;
    register(
        &app,
        json!({ "email": "jos\u{e9}@example.com", "username": "Ann" }),
    )
    .await
    .expect(201);
    for email in ["JOS\u{c9}@Example.COM", " jose\u{301}@example.com"] {
        assert_problem(
            &register(&app, json!({ "email": email })).await,
            409,
            "EMAIL_EXISTS",
        );
    }
    let other = json!({ "email": "other@example.com", "username": "aNN" });
    assert_problem(&register(&app, other).await, 409, "USERNAME_EXISTS");
}

#[tokio::test]
async fn threat_14_every_character_of_a_password_counts() {
    let app = TestApp::start().await;
    let long = format!("A1{}", "a".repeat(72));
    register(&app, json!({ "password": format!("{long}X") }))
        .await
        .expect(201);
    let login = |password: String| json!({ "email": "ann@example.com", "password": password });
    let wrong = app.post("/api/v1/auth/login", &login(format!("{long}Y"))).await;
    assert_problem(&wrong, 401, "INVALID_CREDENTIALS");
    app.post("/api/v1/auth/login", &login(format!("{long}X")))
        .await
        .expect(200);
    let chinese = "密".repeat(64);
    register(&app, json!({ "email": "li@example.com", "password": chinese }))
        .await
        .expect(201);
    app.post(
        "/api/v1/auth/login",
        &json!({ "email": "li@example.com", "password": chinese }),
    )
    .await
    .expect(200);
}

#[tokio::test]
async fn threat_15_nul_and_lone_surrogates_are_refused() {
    let app = TestApp::start().await;
    for field in ["email", "password", "displayName", "username"] {
        let answer = register(&app, json!({ field: "Abc1\u{0}defgh@example.com" })).await;
        assert_problem(&answer, 400, "VALIDATION_FAILED");
        let lone =
            format!(r#"{{"email":"a@example.com","password":"{PASSWORD}","x":"\ud800","{field}2":1}}"#);
        assert_problem(&app.post_bytes(REGISTER, lone).await, 400, "MALFORMED_JSON");
    }
    assert_eq!(
        app.post(
            "/api/v1/auth/login",
            &json!({ "email": "a@example.com", "password": "a\u{0}b" })
        )
        .await
        .status,
        400
    );
}

#[tokio::test]
async fn threat_24_look_alike_addresses_are_other_accounts() {
    let app = TestApp::start().await;
    for email in [
        "mike@example.com",
        "m\u{131}ke@example.com",
        "fi@example.com",
        "\u{fb01}@example.com",
    ] {
        register(&app, json!({ "email": email })).await.expect(201);
    }
    for email in [
        "mike@example.com.",
        "mike@exam\u{200b}ple.com",
        "mi\rke@example.com",
    ] {
        assert_problem(
            &register(&app, json!({ "email": email })).await,
            400,
            "VALIDATION_FAILED",
        );
    }
}

#[tokio::test]
async fn threat_29_members_that_the_server_owns_have_no_effect() {
    let app = TestApp::start().await;
    let owned = json!({
        "id": "00000000-0000-7000-8000-000000000000", "roles": ["admin"], "role": "admin", "isPremium": true,
        "emailVerified": true, "createdAt": "2000-01-01T00:00:00.000Z", "revision": 9, "nonsense": {"a": [1]},
    });
    let made = register(&app, owned.clone()).await.expect(201).json();
    let before = &made["data"]["user"];
    assert_eq!(
        (&before["roles"], &before["isPremium"], &before["emailVerified"]),
        (&json!(["user"]), &json!(false), &json!(false))
    );
    assert_ne!(before["id"], owned["id"]);
    let token = made["data"]["accessToken"].as_str().unwrap();
    let request = app.request(Method::PATCH, ME).bearer_auth(token).json(&owned);
    assert_eq!(app.send(request).await.expect(200).json(), *before);
}

#[tokio::test]
async fn the_caller_sees_their_own_account() {
    let app = TestApp::start().await;
    let user = app.register().await;
    let me = user.get("/api/v1/auth/me").await.expect(200);
    assert_eq!(me.header("cache-control"), Some("no-store"));
    let body = me.json();
    assert_eq!(
        (&body["success"], &body["data"]["user"]["id"]),
        (&json!(true), &json!(user.id))
    );
    assert_eq!(user.get(ME).await.expect(200).json(), body["data"]["user"]);
}

#[tokio::test]
async fn without_a_token_nobody_sees_or_changes_an_account() {
    let app = TestApp::start().await;
    for (method, path) in [
        (Method::GET, "/api/v1/auth/me"),
        (Method::GET, ME),
        (Method::PATCH, ME),
    ] {
        let answer = app.send(app.request(method.clone(), path).json(&json!({}))).await;
        assert_problem(&answer, 401, "UNAUTHORIZED");
        assert_eq!(
            answer.header("www-authenticate"),
            Some("Bearer"),
            "{method} {path}"
        );
    }
}

#[tokio::test]
async fn a_patch_sets_what_it_names_and_null_takes_away() {
    let app = TestApp::start().await;
    let user = app.register().await;
    let all = json!({
        "displayName": "Ann", "nativeLanguage": "de-AT", "targetLanguage": "zh-CN", "proficiencyLevel": "B1",
        "timeZone": "Europe/Vienna",
    });
    let set = user.patch(ME, &all).await.expect(200).json();
    for (name, value) in all.as_object().unwrap() {
        assert_eq!(&set[name], value, "{name}");
    }
    let merge = user
        .request(Method::PATCH, ME)
        .header("content-type", "application/merge-patch+json")
        .body(r#"{"displayName":null,"timeZone":null}"#);
    let cleared = user.send(merge).await.expect(200).json();
    assert_eq!(
        (&cleared["displayName"], &cleared["timeZone"]),
        (&Value::Null, &json!("UTC"))
    );
    assert_eq!(cleared["targetLanguage"], "zh-CN");
    assert_eq!(user.get(ME).await.json(), cleared);
    assert_eq!(user.patch(ME, &json!({})).await.expect(200).json(), cleared);
}

#[tokio::test]
async fn every_bad_field_of_a_patch_is_reported_and_nothing_changed() {
    let app = TestApp::start().await;
    let user = app.register().await;
    let before = user.get(ME).await.json();
    let bad = json!({
        "displayName": "", "nativeLanguage": "zh_CN", "targetLanguage": 5, "proficiencyLevel": "D1",
        "timeZone": "Mars/Olympus",
    });
    let details = assert_problem(&user.patch(ME, &bad).await, 400, "VALIDATION_FAILED");
    assert_eq!(
        bad_fields(&details),
        [
            "displayName",
            "nativeLanguage",
            "proficiencyLevel",
            "targetLanguage",
            "timeZone"
        ]
    );
    let mixed = json!({ "displayName": "Ann", "timeZone": "nowhere" });
    assert_problem(&user.patch(ME, &mixed).await, 400, "VALIDATION_FAILED");
    assert_eq!(user.get(ME).await.json(), before);
}

#[tokio::test]
async fn without_accounts_nothing_is_made_or_changed_and_reading_goes_on() {
    let app = TestApp::start().await;
    let user = app.register().await;
    let app = app
        .restart_with(|settings| settings.features.auth_enabled = false)
        .await;
    let user = user.at(&app);
    for path in [REGISTER, "/api/v1/auth/login"] {
        let answer = app
            .post(path, &json!({ "email": "b@example.com", "password": PASSWORD }))
            .await;
        assert_problem(&answer, 503, "AUTH_DISABLED");
    }
    assert_problem(
        &app.post_cookie("/api/v1/auth/refresh", &user.cookie).await,
        503,
        "AUTH_DISABLED",
    );
    assert_problem(
        &user.patch(ME, &json!({ "displayName": "x" })).await,
        503,
        "READ_ONLY",
    );
    user.get(ME).await.expect(200);
    app.post_cookie("/api/v1/auth/logout", &user.cookie)
        .await
        .expect(200);
    assert_problem(&user.get(ME).await, 401, "UNAUTHORIZED");
}
