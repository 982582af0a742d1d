//! `POST /tts`

use actix_web::HttpRequest;
use apistos::{ApiComponent, api_operation};
use parlance_domain::idempotency::Fingerprint;
use parlance_domain::ids::UserId;
use parlance_domain::speech::{LanguageTag, Speak, SpeakError, SpeakingRate, SpokenText, VoiceName};
use schemars::JsonSchema;
use serde::Deserialize;
use validator::{Validate, ValidationError};

use super::view::SpokenView;
use crate::error::ApiError;
use crate::extract::{ApiJson, Scoped, check_form, complaint, parsed, scopes};
use crate::idempotency::{Fingerprinter, once};
use crate::reply::Reply;
use crate::state::{AppState, State};
use crate::upstream::{Outcome, SPEAKING};

/// What is to be spoken.
#[derive(Deserialize, Validate, JsonSchema, ApiComponent)]
#[schemars(rename = "Speak", example = "example")]
pub(super) struct Body {
    /// 1 to 15 words, parted by white space, and at most 300 characters.
    #[validate(required, custom(function = "check_form::<SpokenText>"))]
    #[schemars(required, length(min = 1, max = 300))]
    text: Option<String>,
    /// One of the voices of `GET /tts/voices`; the provider's choice when absent.
    #[validate(custom(function = "check_form::<VoiceName>"))]
    #[schemars(length(min = 1, max = 64))]
    voice: Option<String>,
    /// In which language (BCP 47); what the text looks like when absent.
    #[validate(custom(function = "check_form::<LanguageTag>"))]
    #[schemars(length(max = 35))]
    language: Option<String>,
    /// How many times as fast as usual; 1 when absent. A provider that cannot speak so does what it can.
    #[validate(custom(function = "check_rate"))]
    #[schemars(range(min = 0.25, max = 4.0))]
    rate: Option<f64>,
}

fn example() -> serde_json::Value {
    serde_json::json!({ "text": "你好", "language": "cmn-CN" })
}

fn check_rate(rate: f64) -> Result<(), ValidationError> {
    let rate = SpeakingRate::try_from(rate).map(drop);
    rate.map_err(|error| complaint("range", error))
}

/// Has a text spoken.
///
/// What was spoken before is there at once and counts towards no limit. `audioUrl` plays without a token and never
/// changes. For whoever has a key of their own at `/users/me/keys`, its provider speaks, outside the budgets of the
/// installation, and for them alone.
#[api_operation(tag = "speech", operation_id = "speak")]
pub(super) async fn handler(
    request: HttpRequest,
    caller: Scoped<scopes::Speech>,
    body: ApiJson<Body>,
    state: State,
) -> Result<Reply<SpokenView>, ApiError> {
    let speak = command(&body)?;
    let user = caller.user_id();
    let doing = spoken(state.clone(), user, speak);
    let answer = once(&request, &state, user, || fingerprint(&body), doing).await?;
    Ok(answer.into())
}

fn command(body: &Body) -> Result<Speak, ApiError> {
    let rate = body.rate.map(SpeakingRate::try_from).transpose();
    Ok(Speak {
        text: parsed("text", body.text.as_deref().unwrap_or_default())?,
        voice: body
            .voice
            .as_deref()
            .map(|voice| parsed("voice", voice))
            .transpose()?,
        language: body
            .language
            .as_deref()
            .map(|language| parsed("language", language))
            .transpose()?,
        rate: rate
            .map_err(|error| ApiError::invalid("rate", "range", error.to_string()))?
            .unwrap_or(SpeakingRate::USUAL),
    })
}

fn fingerprint(body: &Body) -> Fingerprint {
    Fingerprinter::new("/tts")
        .field(body.text.as_deref())
        .field(body.voice.as_deref())
        .field(body.language.as_deref())
        .field(body.rate.map(f64::to_be_bytes))
        .finish()
}

async fn spoken(state: State, user: UserId, speak: Speak) -> Outcome {
    match state.services.speech.speak(user, speak).await {
        Ok(spoken) if spoken.cached => Outcome::kept(&SpokenView::from(spoken)),
        Ok(spoken) => Outcome::made(&state, user, &SpokenView::from(spoken)).await,
        Err(error) => refuse(&state, user, error).await,
    }
}

/// Why something was not spoken.
pub(crate) async fn refuse(state: &AppState, user: UserId, error: SpeakError) -> Outcome {
    let refused = match error {
        SpeakError::UnknownVoice => ApiError::invalid("voice", "unknown", "must be one of the voices"),
        SpeakError::UnknownLanguage => ApiError::invalid("language", "unknown", "is not spoken here"),
        SpeakError::Refused => ApiError::invalid("text", "refused", "is not accepted by the provider"),
        SpeakError::NotMade(error) => return Outcome::not_made(state, user, &SPEAKING, error).await,
    };
    Outcome::refused_by_provider(state, user, refused).await
}
