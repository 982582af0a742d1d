//! Gives up on an answer that takes too long.

use actix_web::Error;
use actix_web::body::{BoxBody, MessageBody};
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::middleware::Next;
use tokio::time::timeout;

use super::arrival::comes_in_parts;
use super::state_of;
use crate::error::{ApiError, ErrorCode};

/// The routes that wait for a provider more than for anything else.
const ASKING_PROVIDERS: [&str; 4] = [
    "/api/v1/tts",
    "/api/v1/stt",
    "/api/v1/conversations",
    "/api/v1/audio/",
];

/// Gives up when the time for an answer is over.
pub(crate) async fn deadline(
    req: ServiceRequest,
    next: Next<impl MessageBody + 'static>,
) -> Result<ServiceResponse<BoxBody>, Error> {
    let timeouts = state_of(&req)?.config.timeouts;
    let limit = if comes_in_parts(req.path()) {
        timeouts.arrival + timeouts.handler
    } else {
        timeouts.handler
    };
    let code = code_for(req.path());
    match timeout(limit, next.call(req)).await {
        Ok(answer) => answer.map(ServiceResponse::map_into_boxed_body),
        Err(_) => Err(ApiError::new(code).into()),
    }
}

/// Who is to blame for an answer that takes too long.
fn code_for(path: &str) -> ErrorCode {
    if ASKING_PROVIDERS.iter().any(|route| path.starts_with(route)) {
        ErrorCode::UpstreamTimeout
    } else {
        ErrorCode::Unavailable
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_provider_is_blamed_where_one_is_asked() {
        for path in [
            "/api/v1/tts",
            "/api/v1/tts/voices",
            "/api/v1/stt",
            "/api/v1/audio/x.mp3",
            "/api/v1/conversations/text/generate",
        ] {
            assert_eq!(code_for(path), ErrorCode::UpstreamTimeout, "{path}");
        }
        for path in ["/api/v1/progress", "/api/v1/auth/login", "/health", "/"] {
            assert_eq!(code_for(path), ErrorCode::Unavailable, "{path}");
        }
    }
}
