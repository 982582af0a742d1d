//! The description of the API and the page that shows it.

use std::collections::BTreeSet;

use reqwest::Method;
use serde_json::{Value, json};

use crate::harness::{TestApp, assert_problem};

/// What anybody may ask; every other operation wants a token.
const PUBLIC: [&str; 29] = [
    "GET /.well-known/jwks.json",
    "GET /api/v1/audio/{id}",
    "GET /api/v1/auth/providers",
    "GET /api/v1/auth/providers/{provider}/authorize",
    "GET /api/v1/auth/providers/{provider}/callback",
    "GET /api/v1/config",
    "GET /api/v1/health",
    "GET /api/v1/vocabulary/lists",
    "GET /api/v1/vocabulary/lists/{listId}",
    "GET /api/v1/vocabulary/lists/{listId}/words",
    "GET /api/v1/vocabulary/search",
    "GET /api/v1/vocabulary/words",
    "GET /api/v1/vocabulary/words/{wordId}",
    "GET /health",
    "GET /livez",
    "GET /readyz",
    "POST /api/v1/auth/email-change/confirm",
    "POST /api/v1/auth/email-verification/confirm",
    "POST /api/v1/auth/passkeys",
    "POST /api/v1/auth/passkeys/options",
    "POST /api/v1/auth/identity-link/confirm",
    "POST /api/v1/auth/password-reset",
    "POST /api/v1/auth/password-reset/confirm",
    "POST /api/v1/auth/second-factor",
    "POST /api/v1/auth/unlock",
    "POST /api/v1/auth/login",
    "POST /api/v1/auth/logout",
    "POST /api/v1/auth/refresh",
    "POST /api/v1/auth/register",
];

async fn document(app: &TestApp) -> Value {
    app.get("/api-docs/openapi.json").await.expect(200).json()
}

fn operations(document: &Value) -> Vec<(Method, String, Value)> {
    let mut found = Vec::new();
    for (path, item) in document["paths"].as_object().unwrap() {
        for (method, operation) in item.as_object().unwrap() {
            let method = method.to_uppercase().parse().unwrap();
            found.push((method, path.clone(), operation.clone()));
        }
    }
    found
}

#[tokio::test]
async fn every_route_that_is_not_public_refuses_a_caller_without_a_token() {
    let app = TestApp::start().await;
    let mut public = BTreeSet::new();
    for (method, path, operation) in operations(&document(&app).await) {
        let concrete = path
            .replace("{wordId}", "a")
            .replace("{listId}", "a")
            .replace("{provider}", "openai")
            .replace("{id}", "01936f2a-6c1e-7d3a-9b5e-0c8f5a3e7b42");
        assert!(!concrete.contains('{'), "say here what to put into {path}");
        let name = format!("{method} {path}");
        let answer = app.send(app.request(method, &concrete).json(&json!({}))).await;
        if operation["security"].to_string().contains("bearer") {
            assert_problem(&answer, 401, "UNAUTHORIZED");
            assert_eq!(answer.header("www-authenticate"), Some("Bearer"), "{name}");
        } else {
            assert_ne!(answer.json()["code"], "UNAUTHORIZED", "{name}");
            public.insert(name);
        }
    }
    let expected: BTreeSet<String> = PUBLIC.into_iter().map(str::to_owned).collect();
    assert_eq!(public, expected);
}

#[tokio::test]
async fn the_description_is_openapi_and_can_be_asked_for_again() {
    let app = TestApp::start().await;
    let answer = app.get("/api-docs/openapi.json").await.expect(200);
    let tag = answer.header("etag").unwrap().to_owned();
    let body = answer.json();
    assert_eq!(
        (
            &body["openapi"],
            &body["info"]["title"],
            &body["servers"][0]["url"]
        ),
        (&json!("3.0.3"), &json!("Parlance"), &json!("/"))
    );
    let request = app
        .request(Method::GET, "/api-docs/openapi.json")
        .header("if-none-match", tag);
    app.send(request).await.expect(304);
}

#[tokio::test]
async fn the_page_needs_nothing_from_anywhere_else() {
    let app = TestApp::start().await;
    let page = app.get("/api-docs").await.expect(200);
    assert_eq!(page.header("content-type"), Some("text/html; charset=utf-8"));
    let policy = page.header("content-security-policy").unwrap();
    assert!(
        policy.contains("default-src 'none'") && policy.contains("connect-src 'self'"),
        "{policy}"
    );
    assert!(!policy.contains("unsafe") && !policy.contains("http"), "{policy}");
    let html = page.text();
    assert!(
        !html.contains("http:") && !html.contains("https:") && !html.contains("\"//"),
        "{html}"
    );
    let mut assets = 0;
    for reference in html.split(['"']).filter(|part| part.starts_with("/api-docs/")) {
        let answer = app.get(reference).await.expect(200);
        if reference.contains("/assets/") {
            assets += 1;
            assert_eq!(
                answer.header("cache-control"),
                Some("public, max-age=31536000, immutable"),
                "{reference}"
            );
        }
    }
    assert_eq!(assets, 3);
    assert_problem(
        &app.get("/api-docs/assets/0.0.0/swagger-ui.css").await,
        404,
        "NOT_FOUND",
    );
}
