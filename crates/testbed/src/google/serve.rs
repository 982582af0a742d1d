//! Answers requests as the script has it.

use actix_web::web::{Bytes, Data};
use actix_web::{HttpRequest, HttpResponse};
use serde_json::{Value, json};

use super::body::{End, Pieces};
use super::call::Call;
use super::failure::failure;
use super::record::GoogleRequest;
use super::schema::Direction;
use super::script::{GoogleBehaviour, GoogleService};
use super::state::State;
use super::{FakeGoogle, dialogue, recognition, synthesis};

/// Answers any request.
pub(super) async fn answer(state: Data<State>, request: HttpRequest, body: Bytes) -> HttpResponse {
    let Some(call) = Call::of(request.method().as_str(), request.path()) else {
        state.violate(vec![format!(
            "{} {} is no call",
            request.method(),
            request.path()
        )]);
        return failure(404, "The requested URL was not found on this server.").finish();
    };
    let recorded = GoogleRequest::new(&request, &body);
    let violations = call.violations(&recorded);
    let behaviour = state.record(call.service, recorded.clone(), &body);
    tokio::time::sleep(state.latency()).await;
    if let Some(first) = violations.first().cloned() {
        state.violate(violations);
        return failure(400, &format!("Invalid JSON payload received. {first}")).finish();
    }
    if let Some(refusal) = refuse_caller(&state, call.service, &recorded) {
        return refusal;
    }
    behave(&state, &call, &recorded, &body, behaviour).await
}

/// Refuses who has no key and no token, or a wrong one.
fn refuse_caller(state: &State, service: GoogleService, request: &GoogleRequest) -> Option<HttpResponse> {
    let token = request
        .header("authorization")
        .and_then(|value| value.strip_prefix("Bearer "));
    match (request.header("x-goog-api-key"), token) {
        _ if service == GoogleService::Tokens => None,
        (Some(FakeGoogle::API_KEY | FakeGoogle::LEARNERS_KEY), None) => None,
        (Some(_), _) => Some(
            failure(400, "API key not valid. Please pass a valid API key.")
                .reason("API_KEY_INVALID")
                .finish(),
        ),
        (None, Some(token)) if state.is_valid(token) => None,
        (None, Some(_)) => Some(failure(401, "Request had invalid authentication credentials.").finish()),
        (None, None) => Some(failure(403, "Method doesn't allow unregistered callers.").finish()),
    }
}

async fn behave(
    state: &State,
    call: &Call,
    request: &GoogleRequest,
    body: &[u8],
    behaviour: GoogleBehaviour,
) -> HttpResponse {
    match behaviour {
        GoogleBehaviour::Status(status) => return failure(status, "It was told to fail.").finish(),
        GoogleBehaviour::StatusRetryAfter(status, after) => {
            return failure(status, "It was told to fail.")
                .retry_after(&after)
                .finish();
        }
        GoogleBehaviour::Message(status, text) => return failure(status, &text).finish(),
        GoogleBehaviour::Redirect(place) => {
            return HttpResponse::TemporaryRedirect()
                .insert_header(("Location", place))
                .finish();
        }
        GoogleBehaviour::NotJson => {
            return HttpResponse::Ok()
                .content_type("text/html")
                .body("<html>hello</html>");
        }
        GoogleBehaviour::Huge(length) => {
            let body = format!("{{\"audioContent\":\"{}\"}}", "A".repeat(length));
            return HttpResponse::Ok().content_type("application/json").body(body);
        }
        GoogleBehaviour::Hang => std::future::pending::<()>().await,
        GoogleBehaviour::Slow(time) => tokio::time::sleep(time).await,
        _ => {}
    }
    let answer = match call.service {
        GoogleService::Synthesis => synthesis::synthesize(&request.body, &behaviour),
        GoogleService::Voices => {
            let query = url::form_urlencoded::parse(request.query.as_bytes());
            let language = query.into_iter().find(|(name, _)| name == "languageCode");
            Ok(synthesis::voices(
                language.as_ref().map(|(_, value)| value.as_ref()),
                &behaviour,
            ))
        }
        GoogleService::Recognition => recognition::recognize(&request.body, &behaviour),
        GoogleService::Writing => dialogue::generate(&call.model, &request.body, &behaviour),
        GoogleService::Tokens => match state.give_token(body, &behaviour) {
            Ok(token) => Ok(token),
            Err(problem) => {
                state.violate(vec![problem.clone()]);
                let error = json!({ "error": "invalid_grant", "error_description": problem });
                return HttpResponse::BadRequest().json(error);
            }
        },
    };
    match answer {
        Ok(answer) => deliver(state, call, &answer, &behaviour),
        Err(message) => failure(400, &message).finish(),
    }
}

/// Sends an answer, or a part of it.
fn deliver(state: &State, call: &Call, answer: &Value, behaviour: &GoogleBehaviour) -> HttpResponse {
    if let Some((document, _, name)) = call.described() {
        state.violate(document.check(name, answer, Direction::Answer));
    }
    let end = match behaviour {
        GoogleBehaviour::Cut => End::Cut,
        GoogleBehaviour::HangInside => End::Never,
        _ => End::Whole,
    };
    let mut response = HttpResponse::Ok();
    if !call.is_streamed {
        let body = Bytes::from(answer.to_string());
        return response
            .content_type("application/json; charset=UTF-8")
            .body(Pieces::of(&body, end));
    }
    let mut events = dialogue::events(answer);
    if end != End::Whole {
        events.truncate(1);
    }
    response
        .content_type("text/event-stream")
        .body(Pieces::stream(events, end))
}
