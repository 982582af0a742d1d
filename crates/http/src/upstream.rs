//! What providers made, or why they did not, as answers.

use bytes::Bytes;
use parlance_domain::caching::{Denial, MakeError};
use parlance_domain::ids::UserId;
use parlance_domain::limits::{LimitDecision, Taken};
use parlance_domain::providers::{ProviderError, ProviderErrorKind};
use serde::Serialize;

use crate::error::{ApiError, ErrorCode};
use crate::middleware::limits::exceeded;
use crate::reply::write;
use crate::state::{AppState, Remedies};

/// What is asked of a provider, as clients are told of it.
pub(crate) struct Service {
    /// The code for its absence.
    code: ErrorCode,
    /// What is said where none is set up.
    remedy: fn(&Remedies) -> &str,
    /// The field that a provider refuses, if it refuses what a client sent.
    refused: Option<&'static str>,
}

/// Having a text spoken.
pub(crate) const SPEAKING: Service = Service {
    code: ErrorCode::SpeechUnavailable,
    remedy: |remedies| &remedies.speech,
    refused: Some("text"),
};
/// Looking for voices, or for audio that was there once.
pub(crate) const FETCHING: Service = Service {
    refused: None,
    ..SPEAKING
};
/// Having a recording written down.
pub(crate) const LISTENING: Service = Service {
    code: ErrorCode::SpeechUnavailable,
    remedy: |remedies| &remedies.recognition,
    refused: Some("audio"),
};
/// Having a conversation written.
pub(crate) const WRITING: Service = Service {
    code: ErrorCode::ConversationUnavailable,
    remedy: |remedies| &remedies.conversations,
    refused: Some("word"),
};

/// What became of a request that may have reached a provider.
#[derive(Debug)]
pub(crate) struct Outcome {
    /// The JSON of a 200, or the refusal.
    pub(crate) answer: Result<Bytes, ApiError>,
    /// What the limit of providers says after it, if it was counted.
    pub(crate) counted: Option<LimitDecision>,
}

impl Outcome {
    /// Something that was there already: nothing was counted.
    pub(crate) fn kept(view: &impl Serialize) -> Self {
        Self::written(write(view))
    }

    /// The same, of which the JSON is there as well.
    pub(crate) fn written(answer: Result<Bytes, ApiError>) -> Self {
        Self {
            answer,
            counted: None,
        }
    }

    /// Something that was made for this user, or for one who asked at the same time.
    pub(crate) async fn made(state: &AppState, user: UserId, view: &impl Serialize) -> Self {
        Self {
            answer: write(view),
            counted: standing(state, user).await,
        }
    }

    /// A refusal without anything being counted.
    pub(crate) fn refused(error: ApiError) -> Self {
        Self {
            answer: Err(error),
            counted: None,
        }
    }

    /// A refusal of the provider.
    pub(crate) async fn refused_by_provider(state: &AppState, user: UserId, error: ApiError) -> Self {
        Self {
            answer: Err(error),
            counted: standing(state, user).await,
        }
    }

    /// Why something was not made.
    pub(crate) async fn not_made(
        state: &AppState,
        user: UserId,
        service: &Service,
        error: MakeError,
    ) -> Self {
        let counted = match &error {
            MakeError::Denied(Denial::Limit(decision)) => Some(*decision),
            MakeError::Denied(Denial::Budget { .. } | Denial::KeyRefused(_) | Denial::KeyShut(_))
            | MakeError::Provider(_) => standing(state, user).await,
            MakeError::Port(_) => None,
        };
        Self {
            answer: Err(refusal(state, service, error)),
            counted,
        }
    }
}

/// How a user stands with the limit of providers, without counting anything.
async fn standing(state: &AppState, user: UserId) -> Option<LimitDecision> {
    let limit = &state.config.limits.ai;
    if !limit.is_on() {
        return None;
    }
    let taken = state
        .services
        .limiter
        .take_up_to(&user.to_string(), limit, 0)
        .await;
    // Headers are not worth an error; whoever counts has told of it.
    let Taken {
        remaining,
        reset_after,
        ..
    } = taken.ok()?;
    Some(LimitDecision {
        allowed: true,
        remaining,
        reset_after,
    })
}

/// Why something was not made, as a client gets to know it.
pub(crate) fn refusal(state: &AppState, service: &Service, error: MakeError) -> ApiError {
    match error {
        MakeError::Denied(Denial::Limit(decision)) => exceeded(decision),
        MakeError::Denied(Denial::Budget { resets_at }) => {
            let wait = resets_at - state.services.clock.now();
            ApiError::new(ErrorCode::BudgetExceeded).with_retry_after(wait.to_std().unwrap_or_default())
        }
        MakeError::Denied(Denial::KeyRefused(error)) => {
            ApiError::new(ErrorCode::ProviderKeyRefused).with_message(key_refused(error.provider))
        }
        MakeError::Denied(Denial::KeyShut(error)) => ApiError::new(ErrorCode::EncryptionUnavailable)
            .with_message("Your own key of the provider cannot be read here; set it again.")
            .caused_by(error),
        MakeError::Provider(error) => failure(&state.config.remedies, service, error),
        MakeError::Port(error) => ApiError::shared_port(error),
    }
}

fn key_refused(provider: &str) -> String {
    format!(
        "The provider `{provider}` does not accept your own key: it is wrong, has no right to this, or is used up."
    )
}

fn failure(remedies: &Remedies, service: &Service, error: ProviderError) -> ApiError {
    let unavailable = || {
        let refusal = ApiError::new(service.code);
        match error.retry_after {
            Some(wait) => refusal.with_retry_after(wait),
            None => refusal,
        }
    };
    match (error.kind, service.refused) {
        // Nothing has failed, so there is nothing to log.
        (ProviderErrorKind::Missing, _) => unavailable().with_message((service.remedy)(remedies)),
        (ProviderErrorKind::Refused, Some(field)) => {
            ApiError::invalid(field, "refused", "is not accepted by the provider")
        }
        (ProviderErrorKind::Timeout, _) => ApiError::new(ErrorCode::UpstreamTimeout).caused_by(error),
        (
            ProviderErrorKind::Refused
            | ProviderErrorKind::Unavailable
            | ProviderErrorKind::Exhausted
            | ProviderErrorKind::Unauthorized
            | ProviderErrorKind::Invalid
            | ProviderErrorKind::LeftAlone
            | ProviderErrorKind::Full,
            _,
        ) => unavailable().caused_by(error),
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use actix_web::http::header;

    use super::*;

    fn failed(service: &Service, error: ProviderError) -> ApiError {
        let remedies = Remedies {
            speech: "set SPEAK".to_owned(),
            recognition: "set LISTEN".to_owned(),
            conversations: "set WRITE".to_owned(),
        };
        failure(&remedies, service, error.caused_by("key=secret at 10.0.0.1"))
    }

    fn retry_after(error: &ApiError) -> Option<String> {
        let response = error.to_response("id", "");
        let value = response.headers().get(header::RETRY_AFTER)?;
        value.to_str().ok().map(str::to_owned)
    }

    #[test]
    fn each_failure_of_a_provider_has_its_code() {
        use ProviderErrorKind as Kind;
        let unavailable = [
            Kind::Missing,
            Kind::Unavailable,
            Kind::Exhausted,
            Kind::Unauthorized,
            Kind::Invalid,
            Kind::LeftAlone,
            Kind::Full,
        ];
        for service in [SPEAKING, FETCHING, LISTENING, WRITING] {
            for kind in unavailable {
                let error = failed(&service, ProviderError::new("test", kind));
                assert_eq!(error.code(), service.code, "{kind:?}");
                assert!(retry_after(&error).is_some(), "{kind:?}");
            }
            let late = failed(&service, ProviderError::new("test", Kind::Timeout));
            assert_eq!(late.code(), ErrorCode::UpstreamTimeout);
            let refused = failed(&service, ProviderError::new("test", Kind::Refused));
            match service.refused {
                Some(field) => assert_eq!(refused.fields()[0].field, field),
                None => assert_eq!(refused.code(), service.code),
            }
        }
    }

    #[test]
    fn threat_48_only_the_remedy_is_told_of_the_cause() {
        for (service, remedy) in [
            (SPEAKING, "set SPEAK"),
            (LISTENING, "set LISTEN"),
            (WRITING, "set WRITE"),
        ] {
            let missing = failed(&service, ProviderError::new("test", ProviderErrorKind::Missing));
            assert_eq!(missing.message(), remedy);
            let other = failed(
                &service,
                ProviderError::new("test", ProviderErrorKind::Unauthorized),
            );
            assert_eq!(other.message(), service.code.message());
            assert!(other.cause().is_some());
        }
    }

    #[test]
    fn when_to_ask_again_is_rounded_up() {
        let error = ProviderError::new("test", ProviderErrorKind::LeftAlone);
        let after = |millis| Some(Duration::from_millis(millis));
        for (wait, told) in [(after(0), "1"), (after(29_001), "30"), (None, "2")] {
            let error = failed(&SPEAKING, error.clone().retry_after(wait));
            assert_eq!(retry_after(&error).as_deref(), Some(told));
        }
    }
}
