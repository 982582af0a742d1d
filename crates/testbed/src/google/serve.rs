//! Answers requests as the script has it.

use actix_web::http::StatusCode;
use actix_web::web::{Bytes, Data};
use actix_web::{HttpRequest, HttpResponse, HttpResponseBuilder};
use serde_json::{Value, json};

use super::body::{End, Pieces};
use super::record::GoogleRequest;
use super::schema::{Direction, Discovery, GENERATIVE_LANGUAGE, SPEECH, TEXT_TO_SPEECH, Violations};
use super::script::{GoogleBehaviour, GoogleService};
use super::state::State;
use super::{FakeGoogle, dialogue, recognition, synthesis};

/// A call: what it is for, and of which model, if it is for one.
struct Call {
    service: GoogleService,
    model: String,
    is_streamed: bool,
}

impl Call {
    fn of(method: &str, path: &str) -> Option<Self> {
        let (service, model, is_streamed) = match (method, path) {
            ("POST", "/v1/text:synthesize") => (GoogleService::Synthesis, "", false),
            ("GET", "/v1/voices") => (GoogleService::Voices, "", false),
            ("POST", "/v1/speech:recognize") => (GoogleService::Recognition, "", false),
            ("POST", "/token") => (GoogleService::Tokens, "", false),
            ("POST", path) => {
                let (model, verb) = path.strip_prefix("/v1beta/models/")?.split_once(':')?;
                let is_streamed = match verb {
                    "generateContent" => false,
                    "streamGenerateContent" => true,
                    _ => return None,
                };
                (GoogleService::Writing, model, is_streamed)
            }
            _ => return None,
        };
        Some(Self {
            service,
            model: model.to_owned(),
            is_streamed,
        })
    }

    /// Where the messages of the service are described: the document, the request, the answer.
    fn described(&self) -> Option<(&'static Discovery, Option<&'static str>, &'static str)> {
        Some(match self.service {
            GoogleService::Synthesis => (
                &TEXT_TO_SPEECH,
                Some("SynthesizeSpeechRequest"),
                "SynthesizeSpeechResponse",
            ),
            GoogleService::Voices => (&TEXT_TO_SPEECH, None, "ListVoicesResponse"),
            GoogleService::Recognition => (&SPEECH, Some("RecognizeRequest"), "RecognizeResponse"),
            GoogleService::Writing => (
                &GENERATIVE_LANGUAGE,
                Some("GenerateContentRequest"),
                "GenerateContentResponse",
            ),
            GoogleService::Tokens => return None,
        })
    }

    /// What of a request is not as the documents have it.
    fn violations(&self, request: &GoogleRequest) -> Violations {
        let mut violations = match self.described() {
            Some((document, Some(name), _)) => document.check(name, &request.body, Direction::Request),
            _ => Vec::new(),
        };
        for (name, value) in url::form_urlencoded::parse(request.query.as_bytes()) {
            let is_known = match self.service {
                GoogleService::Voices => name == "languageCode",
                GoogleService::Writing => self.is_streamed && name == "alt" && value == "sse",
                _ => false,
            };
            if !is_known {
                violations.push(format!("{} has {name} in its query", request.path));
            }
        }
        let expected = match self.service {
            GoogleService::Voices => None,
            GoogleService::Tokens => Some("application/x-www-form-urlencoded"),
            _ => Some("application/json"),
        };
        if request.header("content-type") != expected {
            violations.push(format!(
                "{} has another content type than {expected:?}",
                request.path
            ));
        }
        violations
    }
}

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
        (Some(FakeGoogle::API_KEY), None) => None,
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

/// An error as Google writes it.
struct Failure {
    status: u16,
    error: Value,
    retry_after: Option<String>,
}

fn failure(status: u16, message: &str) -> Failure {
    let name = match status {
        400 => "INVALID_ARGUMENT",
        401 => "UNAUTHENTICATED",
        403 => "PERMISSION_DENIED",
        404 => "NOT_FOUND",
        429 => "RESOURCE_EXHAUSTED",
        503 => "UNAVAILABLE",
        504 => "DEADLINE_EXCEEDED",
        _ => "INTERNAL",
    };
    Failure {
        status,
        error: json!({ "code": status, "message": message, "status": name }),
        retry_after: None,
    }
}

impl Failure {
    fn reason(mut self, reason: &str) -> Self {
        self.error["details"] = json!([{
            "@type": "type.googleapis.com/google.rpc.ErrorInfo",
            "reason": reason,
            "domain": "googleapis.com",
        }]);
        self
    }

    /// In a header field, or, if it ends with `s`, as Gemini tells it.
    fn retry_after(mut self, after: &str) -> Self {
        if after.ends_with('s') {
            self.error["details"] = json!([{
                "@type": "type.googleapis.com/google.rpc.RetryInfo",
                "retryDelay": after,
            }]);
        } else {
            self.retry_after = Some(after.to_owned());
        }
        self
    }

    fn finish(self) -> HttpResponse {
        let status = StatusCode::from_u16(self.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let mut response = HttpResponseBuilder::new(status);
        if let Some(after) = self.retry_after {
            response.insert_header(("Retry-After", after));
        }
        response.json(json!({ "error": self.error }))
    }
}
