//! What a failure of a provider is to those who asked.

use openidconnect::core::CoreErrorResponseType;
use openidconnect::{DiscoveryError, RequestTokenError, StandardErrorResponse};
use parlance_domain::accounts::ExchangeError;
use parlance_domain::providers::{ProviderError, ProviderErrorKind};

use crate::PROVIDER;
use crate::http::HttpFailure;

/// What was wrong with an answer.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub(crate) struct Because(pub(crate) String);

/// A failure of this kind.
pub(crate) const fn error(kind: ProviderErrorKind) -> ProviderError {
    ProviderError::new(PROVIDER, kind)
}

/// An answer that cannot be believed.
pub(crate) fn refused(because: impl Into<String>) -> ExchangeError {
    ExchangeError::Refused(Because(because.into()).into())
}

/// A request that got no answer, or none that is one.
pub(crate) fn of_http(failure: HttpFailure) -> ProviderError {
    let kind = match &failure {
        HttpFailure::Timeout => ProviderErrorKind::Timeout,
        HttpFailure::Sending(error) if error.is_timeout() => ProviderErrorKind::Timeout,
        HttpFailure::Sending(_) | HttpFailure::Status(_) => ProviderErrorKind::Unavailable,
        HttpFailure::Place | HttpFailure::TooLarge => ProviderErrorKind::Invalid,
    };
    error(kind).caused_by(failure)
}

/// A provider that does not say where it is.
pub(crate) fn of_discovery(failure: DiscoveryError<HttpFailure>) -> ProviderError {
    let because = match failure {
        DiscoveryError::Request(failure) => return of_http(failure),
        // Their own texts hold what was answered.
        DiscoveryError::Response(status, _, _) => format!("the discovery was answered by {status}"),
        DiscoveryError::Parse(error) => format!("the discovery document is not one: at {}", error.path()),
        DiscoveryError::UrlParse(_) => "a place in the discovery document is no url".to_owned(),
        DiscoveryError::Validation(_) => "the discovery document is of another issuer".to_owned(),
        _ => "the discovery document is not one".to_owned(),
    };
    error(ProviderErrorKind::Invalid).caused_by(Because(because))
}

/// A code that was not exchanged.
pub(crate) fn of_token(
    failure: RequestTokenError<HttpFailure, StandardErrorResponse<CoreErrorResponseType>>,
) -> ExchangeError {
    match failure {
        RequestTokenError::Request(failure) => of_http(failure).into(),
        RequestTokenError::ServerResponse(answer) => match answer.error() {
            CoreErrorResponseType::InvalidClient | CoreErrorResponseType::UnauthorizedClient => {
                error(ProviderErrorKind::Unauthorized).into()
            }
            CoreErrorResponseType::InvalidGrant => refused("the provider does not know the code"),
            _ => refused("the provider refused the code"),
        },
        // Its text may hold a token.
        RequestTokenError::Parse(..) | RequestTokenError::Other(_) => {
            let because = Because("the answer to a code is not one".to_owned());
            error(ProviderErrorKind::Invalid).caused_by(because).into()
        }
    }
}
