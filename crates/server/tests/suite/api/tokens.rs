//! Access tokens that nobody here signed, or that are no longer good.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chrono::DateTime;
use hmac::{Hmac, Mac};
use parlance_platform::{KeyAlgorithm, SigningKeys};
use reqwest::Method;
use secrecy::ExposeSecret;
use serde_json::{Value, json};
use sha2::Sha256;

use crate::harness::{Answer, TestApp, TestUser, assert_problem};

const SECRET: &str = "a secret of the tests, 32 bytes or more";
const ME: &str = "/api/v1/auth/me";

struct Setting {
    app: TestApp,
    user: TestUser,
}

impl Setting {
    async fn new() -> Self {
        let app = TestApp::builder()
            .with(|settings| settings.sessions.secret = Some(SECRET.into()))
            .start()
            .await;
        let user = app.register().await;
        Self { app, user }
    }

    async fn me(&self, token: &str) -> Answer {
        self.app
            .send(self.app.request(Method::GET, ME).bearer_auth(token))
            .await
    }

    async fn refused(&self, what: &str, token: &str) {
        let answer = self.me(token).await;
        assert_eq!(answer.status, 401, "{what}: {}", answer.text());
        assert_problem(&answer, 401, "UNAUTHORIZED");
        assert_eq!(
            answer.header("www-authenticate"),
            Some("Bearer error=\"invalid_token\""),
            "{what}"
        );
    }

    /// The claims of the user's own token.
    fn claims(&self) -> Value {
        part(&self.user.token, 1)
    }

    fn header(&self) -> Value {
        part(&self.user.token, 0)
    }
}

fn part(token: &str, number: usize) -> Value {
    let text = token.split('.').nth(number).unwrap();
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(text).unwrap()).unwrap()
}

fn encode(value: &Value) -> String {
    URL_SAFE_NO_PAD.encode(value.to_string())
}

fn sign(header: &Value, claims: &Value, secret: &str) -> String {
    let text = format!("{}.{}", encode(header), encode(claims));
    let mut mac = Hmac::<Sha256>::new_from_slice(secret.as_bytes()).unwrap();
    mac.update(text.as_bytes());
    format!("{text}.{}", URL_SAFE_NO_PAD.encode(mac.finalize().into_bytes()))
}

fn with(value: &Value, name: &str, new: Value) -> Value {
    let mut value = value.clone();
    if new == json!("<missing>") {
        value.as_object_mut().unwrap().remove(name);
    } else {
        value[name] = new;
    }
    value
}

#[tokio::test]
async fn the_claims_are_those_that_clients_know() {
    let setting = Setting::new().await;
    assert_eq!(setting.header(), json!({ "typ": "at+jwt", "alg": "HS256" }));
    let claims = setting.claims();
    let names: Vec<_> = claims.as_object().unwrap().keys().map(String::as_str).collect();
    assert_eq!(
        names,
        ["aud", "exp", "iat", "iss", "jti", "roles", "sid", "sub", "userId"]
    );
    assert_eq!(
        (&claims["sub"], &claims["userId"]),
        (&json!(setting.user.id), &json!(setting.user.id))
    );
    assert_eq!(
        claims["exp"].as_i64().unwrap() - claims["iat"].as_i64().unwrap(),
        900
    );
    // What the tests below sign themselves is good as long as they change nothing.
    setting
        .me(&sign(&setting.header(), &claims, SECRET))
        .await
        .expect(200);
}

#[tokio::test]
async fn threat_08_other_secrets_of_ours_are_no_access_tokens() {
    let setting = Setting::new().await;
    setting.refused("a refresh token", &setting.user.cookie).await;
    let id_token = with(&setting.header(), "typ", json!("JWT"));
    setting
        .refused("typ JWT", &sign(&id_token, &setting.claims(), SECRET))
        .await;
    let untyped = with(&setting.header(), "typ", json!("<missing>"));
    setting
        .refused("no typ", &sign(&untyped, &setting.claims(), SECRET))
        .await;
}

#[tokio::test]
async fn threat_09_another_algorithm_is_refused() {
    let setting = Setting::new().await;
    for algorithm in ["none", "nOnE", "HS384", "RS256", "ES256", "EdDSA", ""] {
        let header = with(&setting.header(), "alg", json!(algorithm));
        setting
            .refused(algorithm, &sign(&header, &setting.claims(), SECRET))
            .await;
        let unsigned = format!("{}.{}.", encode(&header), encode(&setting.claims()));
        setting.refused(algorithm, &unsigned).await;
    }
    let unsigned = setting.user.token.rsplit_once('.').unwrap().0;
    setting.refused("no signature", &format!("{unsigned}.")).await;
    setting.refused("two parts", unsigned).await;
    setting
        .refused(
            "another secret",
            &sign(&setting.header(), &setting.claims(), "another secret"),
        )
        .await;
}

#[tokio::test]
async fn threat_10_a_token_does_not_choose_its_key() {
    let setting = Setting::new().await;
    for (name, value) in [
        ("kid", json!("../../dev/null")),
        ("kid", json!("' OR 1=1 --")),
        ("jku", json!("http://127.0.0.1:1/jwks.json")),
        ("x5u", json!("http://127.0.0.1:1/cert.pem")),
        (
            "jwk",
            json!({ "kty": "oct", "k": URL_SAFE_NO_PAD.encode("mine") }),
        ),
    ] {
        let header = with(&setting.header(), name, value);
        setting
            .refused(name, &sign(&header, &setting.claims(), "mine"))
            .await;
        setting.refused(name, &sign(&header, &setting.claims(), "")).await;
    }
}

#[tokio::test]
async fn threat_11_claims_of_other_types_or_values_are_refused() {
    let setting = Setting::new().await;
    for (name, value) in [
        ("exp", json!("9999999999")),
        ("exp", json!(1e30)),
        ("exp", json!(-1)),
        ("exp", json!("<missing>")),
        ("exp", json!(null)),
        ("exp", json!([9_999_999_999_u64])),
        ("nbf", json!("9999999999")),
        ("nbf", json!(9_999_999_999_u64)),
        ("iss", json!("somebody")),
        ("iss", json!("<missing>")),
        ("aud", json!("something")),
        ("aud", json!("<missing>")),
        ("sub", json!("not an id")),
        ("sub", json!("<missing>")),
        ("sid", json!(7)),
    ] {
        let claims = with(&setting.claims(), name, value.clone());
        let answer = setting.me(&sign(&setting.header(), &claims, SECRET)).await;
        assert_eq!(answer.status, 401, "{name} {value}");
    }
}

#[tokio::test]
async fn an_expired_token_says_so() {
    let setting = Setting::new().await;
    let now = setting.claims()["iat"].as_i64().unwrap();
    let claims = with(
        &with(&setting.claims(), "iat", json!(now - 2_000)),
        "exp",
        json!(now - 1_000),
    );
    let answer = setting.me(&sign(&setting.header(), &claims, SECRET)).await;
    assert_problem(&answer, 401, "TOKEN_EXPIRED");
    assert_eq!(
        answer.header("www-authenticate"),
        Some("Bearer error=\"invalid_token\"")
    );
}

#[tokio::test]
async fn threat_12_a_token_that_differs_in_a_character_is_refused() {
    let setting = Setting::new().await;
    let token = &setting.user.token;
    let cut = &token[..token.len() - 1];
    for changed in [
        cut.to_owned(),
        format!("{token}="),
        format!("{token}A"),
        format!("{token}."),
        format!(".{token}"),
        format!("{cut}!"),
    ] {
        setting.refused(&changed, &changed).await;
    }
    // The last character of 32 bytes carries four bits that nothing uses.
    let last = token.chars().next_back().unwrap();
    for other in "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
        .chars()
        .filter(|other| *other != last)
    {
        setting.refused("unused bits", &format!("{cut}{other}")).await;
    }
    let admin = with(&setting.claims(), "roles", json!(["user", "admin"]));
    let parts: Vec<_> = token.split('.').collect();
    setting
        .refused(
            "changed payload",
            &format!("{}.{}.{}", parts[0], encode(&admin), parts[2]),
        )
        .await;
}

#[tokio::test]
async fn empty_and_enormous_tokens_are_refused() {
    let setting = Setting::new().await;
    setting.refused("empty", "").await;
    setting.refused("100 KiB", &"a".repeat(100 * 1024)).await;
    let big = with(&setting.claims(), "more", json!("x".repeat(50_000)));
    setting
        .refused("a signed 50 kB", &sign(&setting.header(), &big, SECRET))
        .await;
    for value in ["Bearer", "Basic YTpi", "bearer", "Token x"] {
        let request = setting
            .app
            .request(Method::GET, ME)
            .header("authorization", value);
        assert_eq!(setting.app.send(request).await.status, 401, "{value}");
    }
}

#[tokio::test]
async fn threat_31_a_token_of_an_account_that_is_gone_is_refused() {
    let setting = Setting::new().await;
    let nobody = "01936f2a-6c1e-7d3a-9b5e-0c8f5a3e7b42";
    let claims = with(
        &with(&setting.claims(), "sub", json!(nobody)),
        "userId",
        json!(nobody),
    );
    let token = sign(&setting.header(), &claims, SECRET);
    for (method, path) in [
        (Method::GET, ME),
        (Method::GET, "/api/v1/users/me"),
        (Method::PATCH, "/api/v1/users/me"),
    ] {
        let request = setting
            .app
            .request(method, path)
            .bearer_auth(&token)
            .json(&json!({ "displayName": "x" }));
        assert_problem(&setting.app.send(request).await, 401, "UNAUTHORIZED");
    }
}

#[tokio::test]
async fn whoever_checks_tokens_elsewhere_learns_the_public_keys() {
    const KEYS: &str = "/.well-known/jwks.json";
    let without = TestApp::start().await;
    assert_eq!(without.get(KEYS).await.expect(200).json(), json!({ "keys": [] }));

    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("keys.json");
    let mut keys = SigningKeys::first(KeyAlgorithm::EdDsa, DateTime::UNIX_EPOCH).unwrap();
    keys.add(KeyAlgorithm::Es256, DateTime::UNIX_EPOCH).unwrap();
    std::fs::write(&file, keys.write().unwrap().expose_secret()).unwrap();
    let app = TestApp::builder()
        .with(|settings| settings.sessions.signing_keys_file = Some(file))
        .start()
        .await;
    let answer = app.get(KEYS).await.expect(200);
    assert_eq!(answer.header("cache-control"), Some("public, max-age=300"));
    assert_eq!(answer.header("content-type"), Some("application/json"));
    let body = answer.json();
    let members = |key: &Value| key.as_object().unwrap().keys().cloned().collect::<Vec<_>>();
    assert_eq!(
        members(&body["keys"][0]),
        ["alg", "crv", "kid", "kty", "use", "x", "y"]
    );
    assert_eq!(
        members(&body["keys"][1]),
        ["alg", "crv", "kid", "kty", "use", "x"]
    );
    let user = app.register().await;
    assert_eq!(
        part(&user.token, 0),
        json!({ "typ": "at+jwt", "alg": "ES256", "kid": body["keys"][0]["kid"] })
    );
    user.get(ME).await.expect(200);
    let tag = answer.header("etag").unwrap();
    let again = app.request(Method::GET, KEYS).header("if-none-match", tag);
    app.send(again).await.expect(304);
}
