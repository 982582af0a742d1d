//! Takes requests and answers them as the script says.

use actix_web::body::BoxBody;
use actix_web::http::StatusCode;
use actix_web::web::{Bytes, Data};
use actix_web::{HttpRequest, HttpResponse};
use parking_lot::Mutex;
use serde_json::Value;

use super::body::Half;
use super::protocol::{self, Refusal};
use super::{FakeOpenAi, OpenAiBehaviour, OpenAiRequest, State};

pub(super) async fn answer(
    request: HttpRequest,
    content: Bytes,
    state: Data<Mutex<State>>,
) -> HttpResponse<BoxBody> {
    let request = read(&request, &content);
    let answered = answered(&request, &state.lock().unknown);
    let behaviour = {
        let mut state = state.lock();
        state.requests.push(request);
        state.next.pop_front().unwrap_or(OpenAiBehaviour::Right)
    };
    match behaviour {
        OpenAiBehaviour::Right => whole(answered),
        OpenAiBehaviour::Status(status) => refused(&refusal(status)),
        OpenAiBehaviour::StatusHeader(status, name, value) => {
            let body = protocol::error(&refusal(status)).to_string();
            let mut response = HttpResponse::build(status_of(status));
            response.insert_header((name, value)).body(body)
        }
        OpenAiBehaviour::Content(status, text) => HttpResponse::build(status_of(status))
            .content_type("application/json")
            .body(text),
        OpenAiBehaviour::Slow(time) => {
            tokio::time::sleep(time).await;
            whole(answered)
        }
        OpenAiBehaviour::Hang => std::future::pending().await,
        OpenAiBehaviour::HangInside => half(answered, false),
        OpenAiBehaviour::Cut => half(answered, true),
    }
}

fn read(request: &HttpRequest, content: &Bytes) -> OpenAiRequest {
    let headers = request.headers().iter().map(|(name, value)| {
        let value = String::from_utf8_lossy(value.as_bytes()).into_owned();
        (name.as_str().to_owned(), value)
    });
    OpenAiRequest {
        path: format!("{} {}", request.method(), request.path()),
        headers: headers.collect(),
        body: serde_json::from_slice(content).unwrap_or_default(),
    }
}

/// The answer of a server that behaves.
fn answered(request: &OpenAiRequest, unknown: &[&'static str]) -> Result<Value, Refusal> {
    if request.path != "POST /v1/chat/completions" {
        return Err(refusal(404));
    }
    let key = request.headers.get("authorization");
    if key.is_none_or(|key| *key != format!("Bearer {}", FakeOpenAi::KEY)) {
        return Err(refusal(401));
    }
    protocol::check(&request.body, unknown)?;
    Ok(protocol::completion(&request.body))
}

const fn refusal(status: u16) -> Refusal {
    Refusal {
        status,
        param: None,
        message: String::new(),
    }
}

fn status_of(status: u16) -> StatusCode {
    StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
}

fn whole(answered: Result<Value, Refusal>) -> HttpResponse<BoxBody> {
    match answered {
        Ok(completion) => HttpResponse::Ok().json(completion),
        Err(refusal) => refused(&refusal),
    }
}

fn refused(refusal: &Refusal) -> HttpResponse<BoxBody> {
    HttpResponse::build(status_of(refusal.status)).json(protocol::error(refusal))
}

fn half(answered: Result<Value, Refusal>, is_cut: bool) -> HttpResponse<BoxBody> {
    let text = answered.unwrap_or_default().to_string();
    HttpResponse::Ok()
        .content_type("application/json")
        .body(Half::of(&text.into(), is_cut))
}
