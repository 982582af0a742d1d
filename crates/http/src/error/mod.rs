//! What goes wrong at the edge: the catalogue of codes, and the error that becomes a problem document.

mod code;
mod field;
mod problem;

use std::error::Error;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use actix_web::http::StatusCode;
use actix_web::http::header::{self, HeaderValue};
use actix_web::{HttpResponse, ResponseError};
use parlance_domain::accounts::WeakPassword;
use parlance_domain::port::{PortError, PortErrorKind};

use secrecy::{ExposeSecret, SecretString};

use crate::time::whole_seconds;
pub use code::{CATALOGUE, ErrorCode};
pub use field::FieldError;
pub use problem::{PROBLEM_JSON, Problem, ProblemDetails};

/// How long a client is asked to wait when the server has no better idea.
const RETRY_AFTER_SECONDS: u32 = 2;

/// An error as a client gets to see it, with the cause that only the log sees.
#[derive(Debug, Clone)]
pub struct ApiError {
    code: ErrorCode,
    message: Option<String>,
    fields: Vec<FieldError>,
    retry_after: Option<u32>,
    challenge: Option<&'static str>,
    sign_in_challenge: Option<SecretString>,
    cause: Option<Arc<dyn Error + Send + Sync>>,
}

impl ApiError {
    /// The error of this code with the message of the catalogue.
    pub fn new(code: ErrorCode) -> Self {
        Self {
            code,
            message: None,
            fields: Vec::new(),
            retry_after: code.tells_when().then_some(RETRY_AFTER_SECONDS),
            challenge: (code.status() == StatusCode::UNAUTHORIZED).then_some("Bearer"),
            sign_in_challenge: None,
            cause: None,
        }
    }

    /// That a code of the second factor is asked for, with what it is to come with.
    pub fn second_factor(challenge: SecretString) -> Self {
        Self {
            sign_in_challenge: Some(challenge),
            ..Self::new(ErrorCode::SecondFactorRequired)
        }
    }

    /// A validation error that names every bad field.
    pub fn validation(fields: Vec<FieldError>) -> Self {
        Self {
            fields,
            ..Self::new(ErrorCode::ValidationFailed)
        }
    }

    /// A validation error of one field.
    pub fn invalid(field: impl Into<String>, code: &'static str, message: impl Into<String>) -> Self {
        Self::validation(vec![FieldError::new(field, code, message)])
    }

    /// The failure of a port: 503 when trying later may help, 401 when the caller's account is gone, else 500.
    pub fn port(error: PortError) -> Self {
        Self::shared_port(Arc::new(error))
    }

    /// The same for a failure that several share.
    pub fn shared_port(error: Arc<PortError>) -> Self {
        let refusal = match error.kind {
            PortErrorKind::OwnerGone => Self::token(ErrorCode::Unauthorized),
            PortErrorKind::Unavailable | PortErrorKind::Timeout => Self::new(ErrorCode::Unavailable),
            PortErrorKind::Corrupt | PortErrorKind::Unexpected => Self::new(ErrorCode::InternalError),
        };
        Self {
            cause: Some(error),
            ..refusal
        }
    }

    /// The refusal of an access token that was sent.
    pub fn token(code: ErrorCode) -> Self {
        Self {
            challenge: Some("Bearer error=\"invalid_token\""),
            ..Self::new(code)
        }
    }

    /// The refusal of a password that is too easily guessed.
    pub fn weak_password(why: WeakPassword) -> Self {
        let error = Self::new(ErrorCode::WeakPassword);
        match why {
            WeakPassword::Composition => error,
            WeakPassword::Known => error
                .with_message("The password is one of those that are tried first. Please choose another."),
        }
    }

    /// The refusal of a key for programs that may not do this.
    pub fn scope() -> Self {
        Self {
            challenge: Some("Bearer error=\"insufficient_scope\""),
            ..Self::new(ErrorCode::InsufficientScope)
        }
    }

    /// The same error with another sentence for people.
    #[must_use]
    pub fn with_message(mut self, message: impl Into<String>) -> Self {
        self.message = Some(message.into());
        self
    }

    /// The same error with how long to wait before trying again: whole seconds, at least one.
    #[must_use]
    pub fn with_retry_after(mut self, wait: Duration) -> Self {
        self.retry_after = Some(whole_seconds(wait).max(1));
        self
    }

    /// The same error with its cause, which is logged and never sent.
    #[must_use]
    pub fn caused_by(mut self, cause: impl Error + Send + Sync + 'static) -> Self {
        self.cause = Some(Arc::new(cause));
        self
    }

    /// Its code.
    pub fn code(&self) -> ErrorCode {
        self.code
    }

    /// What a person gets to read.
    pub fn message(&self) -> &str {
        self.message.as_deref().unwrap_or(self.code.message())
    }

    /// The bad fields of a validation error.
    pub fn fields(&self) -> &[FieldError] {
        &self.fields
    }

    /// What the code of a second factor is to come with.
    pub(crate) fn sign_in_challenge(&self) -> Option<&str> {
        self.sign_in_challenge.as_ref().map(ExposeSecret::expose_secret)
    }

    /// The technical cause, for the log.
    pub fn cause(&self) -> Option<&(dyn Error + Send + Sync)> {
        self.cause.as_deref()
    }

    /// The response, with the id of the request and the place where codes are explained.
    pub fn to_response(&self, request_id: &str, docs_url: &str) -> HttpResponse {
        let body = Problem::of(self, request_id, docs_url);
        let mut response = HttpResponse::build(self.code.status());
        response.content_type(PROBLEM_JSON);
        response.insert_header((header::CACHE_CONTROL, "no-store"));
        if let Some(seconds) = self.retry_after {
            response.insert_header((header::RETRY_AFTER, HeaderValue::from(seconds)));
        }
        if let Some(challenge) = self.challenge {
            response.insert_header((header::WWW_AUTHENTICATE, challenge));
        }
        response.json(body)
    }
}

impl fmt::Display for ApiError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.code.as_str())
    }
}

impl From<PortError> for ApiError {
    fn from(error: PortError) -> Self {
        Self::port(error)
    }
}

impl ResponseError for ApiError {
    fn status_code(&self) -> StatusCode {
        self.code.status()
    }

    // The middleware writes it again with the id of the request; this is what is left without it.
    fn error_response(&self) -> HttpResponse {
        self.to_response("", "")
    }
}
