//! Requests with an `Idempotency-Key`: done once, answered alike.

#[cfg(test)]
mod tests;

use std::panic::AssertUnwindSafe;

use actix_web::http::StatusCode;
use actix_web::http::header::{self, HeaderName, HeaderValue};
use actix_web::{HttpRequest, HttpResponse, HttpResponseBuilder};
use bytes::Bytes;
use futures_util::FutureExt;
use parlance_domain::idempotency::{Beginning, Fingerprint, GivenAnswer, IdempotencyKey};
use parlance_domain::ids::UserId;
use sha2::{Digest, Sha256};

use crate::error::{ApiError, ErrorCode, PROBLEM_JSON, Problem};
use crate::middleware::limits::note;
use crate::middleware::request_id;
use crate::state::State;
use crate::upstream::Outcome;

const IDEMPOTENCY_KEY: HeaderName = HeaderName::from_static("idempotency-key");
const IDEMPOTENT_REPLAYED: HeaderName = HeaderName::from_static("idempotent-replayed");
const JSON: &str = "application/json";

/// Makes the fingerprint of a request out of its route and what it asks for, each with its length before it, so that
/// nothing runs into what follows.
pub(crate) struct Fingerprinter(Sha256);

impl Fingerprinter {
    /// A request of this route.
    pub(crate) fn new(route: &str) -> Self {
        Self(Sha256::new()).field(Some(route))
    }

    /// The same with one more field, absent or not.
    pub(crate) fn field(mut self, field: Option<impl AsRef<[u8]>>) -> Self {
        let Some(field) = field else {
            self.0.update([0]);
            return self;
        };
        let field = field.as_ref();
        self.0.update([1]);
        self.0.update((field.len() as u64).to_be_bytes());
        self.0.update(field);
        self
    }

    /// The fingerprint.
    pub(crate) fn finish(self) -> Fingerprint {
        self.0.finalize().into()
    }
}

/// Does what a request asks for; with a key only if that was not done before.
pub(crate) async fn once(
    request: &HttpRequest,
    state: &State,
    user: UserId,
    fingerprint: impl FnOnce() -> Fingerprint,
    doing: impl Future<Output = Outcome> + Send + 'static,
) -> Result<HttpResponse, ApiError> {
    let Some(key) = key_of(request)? else {
        return answer(request, state, doing.await);
    };
    let attempt = Attempt {
        user,
        key,
        fingerprint: fingerprint(),
        request_id: request_id(request),
        state: state.clone(),
    };
    match attempt.begin().await? {
        Beginning::New => {
            // Whoever hangs up leaves nothing half done: a task of its own brings it to its end.
            let outcome = tokio::spawn(attempt.carry_out(doing)).await;
            let outcome =
                outcome.map_err(|error| ApiError::new(ErrorCode::InternalError).caused_by(error))?;
            answer(request, state, outcome)
        }
        Beginning::Done(given) => Ok(replayed(given)),
        Beginning::InProgress => Err(ApiError::new(ErrorCode::IdempotencyInProgress)),
        Beginning::Reused => Err(ApiError::new(ErrorCode::IdempotencyKeyReused)),
    }
}

fn key_of(request: &HttpRequest) -> Result<Option<IdempotencyKey>, ApiError> {
    let Some(value) = request.headers().get(IDEMPOTENCY_KEY) else {
        return Ok(None);
    };
    let key = value.to_str().unwrap_or_default().parse::<IdempotencyKey>();
    key.map(Some)
        .map_err(|error| ApiError::invalid("Idempotency-Key", "format", error.to_string()))
}

fn answer(request: &HttpRequest, state: &State, outcome: Outcome) -> Result<HttpResponse, ApiError> {
    let Outcome { answer, counted } = outcome;
    if let Some(decision) = counted {
        note(request, &state.config.limits.ai, decision);
    }
    Ok(private(HttpResponse::Ok(), JSON).body(answer?))
}

fn replayed(given: GivenAnswer) -> HttpResponse {
    let GivenAnswer {
        status,
        content_type,
        body,
    } = given;
    let status = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    private(HttpResponse::build(status), &content_type)
        .insert_header((IDEMPOTENT_REPLAYED, HeaderValue::from_static("true")))
        .body(body)
}

fn private(mut response: HttpResponseBuilder, content_type: &str) -> HttpResponseBuilder {
    response
        .content_type(content_type)
        .insert_header((header::CACHE_CONTROL, HeaderValue::from_static("no-store")));
    response
}

/// A request with a key.
struct Attempt {
    user: UserId,
    key: IdempotencyKey,
    fingerprint: Fingerprint,
    request_id: String,
    state: State,
}

impl Attempt {
    async fn begin(&self) -> Result<Beginning, ApiError> {
        let now = self.state.services.clock.now();
        let store = &self.state.services.idempotency;
        Ok(store.begin(self.user, &self.key, &self.fingerprint, now).await?)
    }

    /// Does it, and keeps what is to be answered from now on; what may end otherwise the next time is forgotten.
    async fn carry_out(self, doing: impl Future<Output = Outcome>) -> Outcome {
        let outcome = AssertUnwindSafe(doing).catch_unwind().await;
        let outcome =
            outcome.unwrap_or_else(|_panic| Outcome::refused(ApiError::new(ErrorCode::InternalError)));
        let given = match &outcome.answer {
            Ok(body) => Some(GivenAnswer {
                status: StatusCode::OK.as_u16(),
                content_type: JSON.to_owned(),
                body: body.clone(),
            }),
            Err(error) => self.final_refusal(error),
        };
        let store = &self.state.services.idempotency;
        let noted = match given {
            Some(given) => {
                store
                    .finish(self.user, &self.key, &self.fingerprint, &given)
                    .await
            }
            None => store.abandon(self.user, &self.key, &self.fingerprint).await,
        };
        if let Err(error) = noted {
            // What was done is worth its answer; the key is free again after a minute.
            tracing::error!(request_id = self.request_id, error = %error, cause = ?error.source, "an idempotency key was not settled");
        }
        outcome
    }

    /// A refusal that stays one, as it was sent.
    fn final_refusal(&self, error: &ApiError) -> Option<GivenAnswer> {
        let status = error.code().status();
        // With another key the same request may go well.
        let may_change =
            status == StatusCode::TOO_MANY_REQUESTS || error.code() == ErrorCode::ProviderKeyRefused;
        if status.is_server_error() || may_change {
            return None;
        }
        let problem = Problem::of(error, &self.request_id, &self.state.config.docs_url);
        Some(GivenAnswer {
            status: status.as_u16(),
            content_type: PROBLEM_JSON.to_owned(),
            body: Bytes::from(serde_json::to_vec(&problem).ok()?),
        })
    }
}
