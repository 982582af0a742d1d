//! Takes requests and answers them as the script says.

use actix_web::body::BoxBody;
use actix_web::http::StatusCode;
use actix_web::web::{Bytes, Data};
use actix_web::{HttpRequest, HttpResponse};
use serde_json::Value;

use super::body::Half;
use super::{Answer, Behaviour, Refusal, Request, State, form};

pub(super) async fn answer(
    request: HttpRequest,
    content: Bytes,
    state: Data<State>,
) -> HttpResponse<BoxBody> {
    let request = read(&request, &content);
    let answered = state.protocol.answer(&request);
    let behaviour = {
        let mut script = state.script.lock();
        script.requests.push(request);
        let next = script.next.pop_front();
        next.or_else(|| script.always.clone()).unwrap_or(Behaviour::Right)
    };
    let error = |refusal: &Refusal| state.protocol.error(refusal);
    match behaviour {
        Behaviour::Right => whole(answered, error),
        Behaviour::Status(status) => refused(status, &error(&Refusal::of(status))),
        Behaviour::StatusHeader(status, name, value) => {
            let body = error(&Refusal::of(status)).to_string();
            let mut response = HttpResponse::build(status_of(status));
            response.insert_header((name, value)).body(body)
        }
        Behaviour::Content(status, text) => HttpResponse::build(status_of(status))
            .content_type("application/json")
            .body(text),
        Behaviour::Slow(time) => {
            tokio::time::sleep(time).await;
            whole(answered, error)
        }
        Behaviour::Hang => std::future::pending().await,
        Behaviour::HangInside => half(answered, false),
        Behaviour::Cut => half(answered, true),
    }
}

fn read(request: &HttpRequest, content: &Bytes) -> Request {
    let fields = request.headers().iter().map(|(name, value)| {
        let value = String::from_utf8_lossy(value.as_bytes()).into_owned();
        (name.as_str().to_owned(), value)
    });
    let headers: std::collections::BTreeMap<_, _> = fields.collect();
    let content_type = headers.get("content-type").map_or("", String::as_str);
    let (body, file) = match form::read(content_type, content) {
        Some((fields, file)) => (Value::Object(fields), file),
        None => (serde_json::from_slice(content).unwrap_or_default(), None),
    };
    Request {
        path: format!("{} {}", request.method(), request.path()),
        query: request.query_string().to_owned(),
        headers,
        body,
        file,
    }
}

fn status_of(status: u16) -> StatusCode {
    StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
}

fn whole(answered: Result<Answer, Refusal>, error: impl Fn(&Refusal) -> Value) -> HttpResponse<BoxBody> {
    match answered {
        Ok(answer) => HttpResponse::Ok()
            .content_type(answer.content_type)
            .body(answer.content),
        Err(refusal) => refused(refusal.status, &error(&refusal)),
    }
}

fn refused(status: u16, error: &Value) -> HttpResponse<BoxBody> {
    HttpResponse::build(status_of(status)).json(error)
}

fn half(answered: Result<Answer, Refusal>, is_cut: bool) -> HttpResponse<BoxBody> {
    let answer = answered.unwrap_or_else(|_| Answer::json(&Value::Null));
    HttpResponse::Ok()
        .content_type(answer.content_type)
        .body(Half::of(&answer.content, is_cut))
}
