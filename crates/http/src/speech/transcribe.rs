//! `POST /stt`

use std::future::{Ready, ready};

use actix_multipart::Multipart;
use actix_web::dev::Payload;
use actix_web::http::header;
use actix_web::{FromRequest, HttpRequest};
use apistos::reference_or::ReferenceOr;
use apistos::{ApiComponent, api_operation};
use parlance_domain::idempotency::Fingerprint;
use parlance_domain::ids::UserId;
use parlance_domain::speech::{LanguageTag, Recognition};
use schemars::JsonSchema;
use schemars::schema::{InstanceType, Schema, SchemaObject};
use tokio::time::timeout;

use super::recording::{Received, receive};
use super::view::TranscriptView;
use crate::error::{ApiError, ErrorCode};
use crate::extract::{Scoped, scopes};
use crate::idempotency::{Fingerprinter, once};
use crate::reply::Reply;
use crate::state::State;
use crate::upstream::{LISTENING, Outcome};

/// A recording to be written down.
#[derive(JsonSchema, ApiComponent)]
#[schemars(rename = "Recording")]
#[expect(dead_code, reason = "describes what is read part by part")]
pub(super) struct Form {
    /// The recording: wav, mp3, ogg, webm or flac, known by its content, at most 10 MiB.
    #[schemars(schema_with = "binary")]
    audio: String,
    /// In which language (BCP 47); the provider's choice when absent.
    #[schemars(length(max = 35))]
    language: Option<String>,
}

fn binary(_: &mut schemars::r#gen::SchemaGenerator) -> Schema {
    Schema::Object(SchemaObject {
        instance_type: Some(InstanceType::String.into()),
        format: Some("binary".to_owned()),
        ..SchemaObject::default()
    })
}

/// A [`Form`] whose parts have yet to come.
pub(super) struct Upload(Multipart);

impl FromRequest for Upload {
    type Error = ApiError;
    type Future = Ready<Result<Self, ApiError>>;

    fn from_request(request: &HttpRequest, payload: &mut Payload) -> Self::Future {
        if is_form(request) {
            ready(Ok(Self(Multipart::new(request.headers(), payload.take()))))
        } else {
            let refusal = ApiError::new(ErrorCode::UnsupportedMediaType);
            ready(Err(refusal.with_message("The body must be a multipart form.")))
        }
    }
}

fn is_form(request: &HttpRequest) -> bool {
    let content_type = request.headers().get(header::CONTENT_TYPE);
    let content_type = content_type.and_then(|value| value.to_str().ok()?.parse::<mime::Mime>().ok());
    content_type.is_some_and(|mime| mime.essence_str() == mime::MULTIPART_FORM_DATA.essence_str())
}

impl ApiComponent for Upload {
    fn content_type() -> String {
        mime::MULTIPART_FORM_DATA.to_string()
    }

    fn child_schemas() -> Vec<(String, ReferenceOr<Schema>)> {
        Form::child_schemas()
    }

    fn schema() -> Option<(String, ReferenceOr<Schema>)> {
        Form::schema()
    }
}

/// Writes down what is said in a recording.
///
/// Neither the recording nor what is said in it is kept; each call counts. For whoever has a key of their own, its provider
/// listens.
#[api_operation(tag = "speech", operation_id = "transcribe")]
pub(super) async fn handler(
    request: HttpRequest,
    caller: Scoped<scopes::Speech>,
    Upload(form): Upload,
    state: State,
) -> Result<Reply<TranscriptView>, ApiError> {
    let receiving = receive(form, state.config.recording_limit, &state.uploads);
    let received = timeout(state.config.timeouts.arrival, receiving).await;
    let received = received.map_err(|_| ApiError::new(ErrorCode::RequestTimeout))??;
    let user = caller.user_id();
    let recognition = received.recognition.clone();
    let doing = written_down(state.clone(), user, received);
    let answer = once(&request, &state, user, || fingerprint(&recognition), doing).await?;
    Ok(answer.into())
}

fn fingerprint(recognition: &Recognition) -> Fingerprint {
    let Recognition { audio, language } = recognition;
    Fingerprinter::new("/stt")
        .field(Some(&audio.content))
        .field(language.as_ref().map(LanguageTag::as_str))
        .finish()
}

async fn written_down(state: State, user: UserId, received: Received) -> Outcome {
    let speech = &state.services.speech;
    match speech.transcribe(user, &received.recognition).await {
        Ok(heard) => Outcome::made(&state, user, &TranscriptView::from(heard)).await,
        Err(error) => Outcome::not_made(&state, user, &LISTENING, error).await,
    }
}
