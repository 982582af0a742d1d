//! Errors as Google writes them.

use actix_web::http::StatusCode;
use actix_web::{HttpResponse, HttpResponseBuilder};
use serde_json::{Value, json};

/// An error as Google writes it.
pub(super) struct Failure {
    status: u16,
    error: Value,
    retry_after: Option<String>,
}

/// An error of this status and message.
pub(super) fn failure(status: u16, message: &str) -> Failure {
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
    /// With a reason that programs read.
    pub(super) fn reason(mut self, reason: &str) -> Self {
        self.error["details"] = json!([{
            "@type": "type.googleapis.com/google.rpc.ErrorInfo",
            "reason": reason,
            "domain": "googleapis.com",
        }]);
        self
    }

    /// In a header field, or, if it ends with `s`, as Gemini tells it.
    pub(super) fn retry_after(mut self, after: &str) -> Self {
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

    /// As an answer.
    pub(super) fn finish(self) -> HttpResponse {
        let status = StatusCode::from_u16(self.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let mut response = HttpResponseBuilder::new(status);
        if let Some(after) = self.retry_after {
            response.insert_header(("Retry-After", after));
        }
        response.json(json!({ "error": self.error }))
    }
}
