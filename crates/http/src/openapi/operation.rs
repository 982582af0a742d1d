//! What is asked of one operation of a description.

use serde_json::{Map, Value};

/// One operation: a method of a path.
pub(super) struct Operation<'a> {
    pub(super) path: &'a str,
    pub(super) method: &'a str,
    pub(super) id: String,
}

impl Operation<'_> {
    /// Whether the limit per client address counts it.
    pub(super) fn is_limited(&self) -> bool {
        !matches!(self.path, "/health" | "/api/v1/health" | "/livez" | "/readyz")
    }

    /// Whether its answer is the same for everybody and has an `ETag`, or is one row with its own.
    pub(super) fn is_tagged(&self, fields: &Map<String, Value>) -> bool {
        let public = self.path.starts_with("/api/v1/vocabulary/") && !wants_bearer(fields);
        self.method == "get"
            && (public || matches!(self.id.as_str(), "getConfig" | "getProgress" | "getAudio"))
    }

    /// Whether it costs money, and takes an `Idempotency-Key` for that.
    pub(super) fn takes_key(&self) -> bool {
        matches!(
            self.id.as_str(),
            "speak" | "transcribe" | "generateConversation" | "speakTurn" | "generateEither"
        )
    }

    /// Whether its body is a form with a file.
    pub(super) fn is_upload(&self) -> bool {
        self.id == "transcribe"
    }

    /// Whether it answers with a part of what there is, if asked.
    pub(super) fn has_parts(&self) -> bool {
        self.id == "getAudio"
    }

    /// Whether it answers in pages.
    pub(super) fn is_paged(&self) -> bool {
        matches!(
            self.id.as_str(),
            "getListWords" | "searchWords" | "listProgress" | "listAudit" | "listUsers"
        )
    }

    /// Whether it sets the cookie of the session.
    pub(super) fn sets_cookie(&self) -> bool {
        matches!(
            self.id.as_str(),
            "register"
                | "login"
                | "refresh"
                | "logout"
                | "authorizeAtProvider"
                | "completeAtProvider"
                | "linkIdentity"
        )
    }

    /// Whether it reads the cookie of the session.
    pub(super) fn reads_cookie(&self) -> bool {
        matches!(self.id.as_str(), "refresh" | "logout")
    }
}

pub(super) fn has_body(fields: &Map<String, Value>) -> bool {
    fields.contains_key("requestBody")
}

pub(super) fn has_parameters(fields: &Map<String, Value>) -> bool {
    fields
        .get("parameters")
        .and_then(Value::as_array)
        .is_some_and(|parameters| !parameters.is_empty())
}

pub(super) fn wants_bearer(fields: &Map<String, Value>) -> bool {
    fields
        .get("security")
        .and_then(Value::as_array)
        .is_some_and(|requirements| !requirements.is_empty())
}
