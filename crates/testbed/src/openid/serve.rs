//! Takes requests and answers them as the protocol and the script say.

use std::collections::BTreeMap;

use actix_web::body::BoxBody;
use actix_web::http::StatusCode;
use actix_web::http::header::{AUTHORIZATION, LOCATION};
use actix_web::web::{Bytes, Data};
use actix_web::{HttpRequest, HttpResponse};
use anyhow::Result;
use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use futures_util::stream;
use parking_lot::Mutex;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use url::{Url, form_urlencoded};

use super::codes::Asked;
use super::keys::{Keys, now, signed_with, unsigned};
use super::{FakeOpenId, OpenIdBehaviour, State};

const LIFETIME: u64 = 300;
const DAY: u64 = 86_400;

pub(super) async fn answer(
    request: HttpRequest,
    content: Bytes,
    state: Data<Mutex<State>>,
) -> HttpResponse<BoxBody> {
    let path = request.path().to_owned();
    *state.lock().calls.entry(path.clone()).or_default() += 1;
    match path.as_str() {
        "/.well-known/openid-configuration" => {
            let (behaviour, document) = {
                let mut state = state.lock();
                let behaviour = state.discovery.pop_front();
                (behaviour.unwrap_or(OpenIdBehaviour::Right), document(&state))
            };
            behave(behaviour, || HttpResponse::Ok().json(document)).await
        }
        "/jwks" => match state.lock().keys.published() {
            Ok(keys) => HttpResponse::Ok().json(keys),
            Err(_) => HttpResponse::InternalServerError().finish(),
        },
        "/authorize" => authorize(&request, &state),
        "/token" => {
            let behaviour = state.lock().next.pop_front();
            let behaviour = behaviour.unwrap_or(OpenIdBehaviour::Right);
            let answered = token(&request, &content, &state, &behaviour);
            behave(behaviour, || answered).await
        }
        _ => HttpResponse::NotFound().finish(),
    }
}

/// Answers like that, or not at all.
async fn behave(behaviour: OpenIdBehaviour, right: impl FnOnce() -> HttpResponse) -> HttpResponse {
    match behaviour {
        OpenIdBehaviour::Hang => std::future::pending().await,
        OpenIdBehaviour::Status(status) => {
            let status = StatusCode::from_u16(status);
            HttpResponse::build(status.unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)).finish()
        }
        OpenIdBehaviour::Endless => {
            let chunk = Bytes::from(vec![b' '; 64 * 1024]);
            let chunks = stream::repeat_with(move || Ok::<_, actix_web::Error>(chunk.clone()));
            HttpResponse::Ok()
                .content_type("application/json")
                .streaming(chunks)
        }
        _ => right(),
    }
}

fn document(state: &State) -> Value {
    let issuer = &state.issuer;
    let mut document = json!({
        "issuer": issuer,
        "authorization_endpoint": format!("{issuer}/authorize"),
        "token_endpoint": format!("{issuer}/token"),
        "jwks_uri": format!("{issuer}/jwks"),
        "response_types_supported": ["code"],
        "subject_types_supported": ["public"],
        "id_token_signing_alg_values_supported": ["RS256", "ES256"],
        "token_endpoint_auth_methods_supported": ["client_secret_basic"],
        "authorization_response_iss_parameter_supported": state.names_itself,
    });
    for (member, value) in &state.document {
        document[*member] = value.clone();
    }
    document
}

fn form(text: &[u8]) -> BTreeMap<String, String> {
    form_urlencoded::parse(text).into_owned().collect()
}

/// Sends the browser back with a code.
fn authorize(request: &HttpRequest, state: &Mutex<State>) -> HttpResponse {
    let query = form(request.query_string().as_bytes());
    let mut state = state.lock();
    let person = state.person.clone();
    let Some((code, redirect)) = state.codes.give(&query, &person) else {
        return HttpResponse::BadRequest().finish();
    };
    let Ok(mut back) = Url::parse(&redirect) else {
        return HttpResponse::BadRequest().finish();
    };
    let of_request = query.get("state").map(String::as_str).unwrap_or_default();
    back.query_pairs_mut()
        .append_pair("code", &code)
        .append_pair("state", of_request);
    if state.names_itself {
        back.query_pairs_mut().append_pair("iss", &state.issuer);
    }
    HttpResponse::Found()
        .insert_header((LOCATION, back.as_str()))
        .finish()
}

/// Whether the client shows its secret (RFC 6749, 2.3.1).
fn is_client(request: &HttpRequest) -> bool {
    let encoded = |text: &str| form_urlencoded::byte_serialize(text.as_bytes()).collect::<String>();
    let pair = format!(
        "{}:{}",
        encoded(FakeOpenId::CLIENT_ID),
        encoded(FakeOpenId::CLIENT_SECRET)
    );
    let expected = format!("Basic {}", STANDARD.encode(pair));
    let shown = request.headers().get(AUTHORIZATION);
    shown.is_some_and(|shown| shown.as_bytes() == expected.as_bytes())
}

fn token(
    request: &HttpRequest,
    content: &[u8],
    state: &Mutex<State>,
    behaviour: &OpenIdBehaviour,
) -> HttpResponse {
    let mut state = state.lock();
    if !is_client(request) {
        return HttpResponse::Unauthorized().json(json!({ "error": "invalid_client" }));
    }
    let Some(asked) = state.codes.take(&form(content)) else {
        return HttpResponse::BadRequest().json(json!({ "error": "invalid_grant" }));
    };
    let mut answer =
        json!({ "access_token": "access-token-of-tests", "token_type": "Bearer", "expires_in": 60 });
    match id_token(&state, &asked, behaviour) {
        Ok(Some(token)) => answer["id_token"] = token.into(),
        Ok(None) => {}
        Err(_) => return HttpResponse::InternalServerError().finish(),
    }
    HttpResponse::Ok().json(answer)
}

fn claims(state: &State, asked: &Asked) -> Value {
    let person = &asked.person;
    let digest = Sha256::digest("access-token-of-tests");
    let mut claims = json!({
        "iss": state.issuer,
        "sub": person.subject,
        "aud": FakeOpenId::CLIENT_ID,
        "iat": now(),
        "exp": now() + LIFETIME,
        "at_hash": URL_SAFE_NO_PAD.encode(&digest[..16]),
    });
    for (name, value) in [
        ("nonce", asked.nonce.clone().map(Value::from)),
        ("email", person.email.clone().map(Value::from)),
        ("email_verified", person.email_verified.clone()),
        ("name", person.name.clone().map(Value::from)),
    ] {
        if let Some(value) = value {
            claims[name] = value;
        }
    }
    claims
}

fn id_token(state: &State, asked: &Asked, behaviour: &OpenIdBehaviour) -> Result<Option<String>> {
    let mut claims = claims(state, asked);
    match behaviour {
        OpenIdBehaviour::WrongNonce => claims["nonce"] = "another".into(),
        OpenIdBehaviour::NoNonce => drop(claims.as_object_mut().and_then(|claims| claims.remove("nonce"))),
        OpenIdBehaviour::OtherIssuer(issuer) => claims["iss"] = issuer.clone().into(),
        OpenIdBehaviour::OtherAudience => claims["aud"] = "somebody-else".into(),
        OpenIdBehaviour::TwoAudiences => claims["aud"] = json!([FakeOpenId::CLIENT_ID, "somebody-else"]),
        OpenIdBehaviour::Expired => claims["exp"] = (now() - 1).into(),
        OpenIdBehaviour::OfTomorrow => {
            claims["iat"] = (now() + DAY).into();
            claims["exp"] = (now() + DAY + LIFETIME).into();
        }
        OpenIdBehaviour::OtherAccessToken => claims["at_hash"] = URL_SAFE_NO_PAD.encode([0; 16]).into(),
        _ => {}
    }
    Ok(Some(match behaviour {
        OpenIdBehaviour::NoToken => return Ok(None),
        OpenIdBehaviour::Unsigned => unsigned(&claims),
        OpenIdBehaviour::SignedWithSecret => signed_with(FakeOpenId::CLIENT_SECRET, &claims)?,
        OpenIdBehaviour::SignedByStranger => state.keys.stranger()?.sign(&claims)?,
        OpenIdBehaviour::UnknownKey => Keys::unlisted()?.sign(&claims)?,
        _ => state.keys.current()?.sign(&claims)?,
    }))
}
