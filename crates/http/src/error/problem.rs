//! The body of every error: RFC 9457, and at the same time the older shape that clients read.

use apistos::reference_or::ReferenceOr;
use apistos::{ApiComponent, ApiErrorComponent};
use schemars::JsonSchema;
use schemars::schema::Schema;
use serde::Serialize;
use std::collections::BTreeMap;

use super::{ApiError, ErrorCode, FieldError};

/// The media type of an error.
pub const PROBLEM_JSON: &str = "application/problem+json";

/// An error, as a client gets it.
#[derive(Debug, Serialize, JsonSchema, ApiComponent)]
#[serde(rename_all = "camelCase")]
pub struct Problem {
    /// Where the code is explained.
    r#type: String,
    /// The code's meaning in a few words.
    title: String,
    /// The HTTP status.
    status: u16,
    /// A sentence that a person can read.
    error: String,
    /// The same sentence under its later name.
    message: String,
    /// What went wrong, for programs.
    code: String,
    /// For a validation error every bad field, where a second factor is asked for the challenge, else null.
    details: Option<ProblemDetails>,
    /// The id of the request, also in `X-Request-Id`; to be named when help is asked for.
    request_id: String,
}

/// What more there is to say of an error.
#[derive(Debug, Serialize, JsonSchema)]
pub struct ProblemDetails {
    /// Every bad field, not only the first; of a validation error alone.
    #[serde(skip_serializing_if = "Option::is_none")]
    fields: Option<Vec<FieldError>>,
    /// What the code is to be sent with, good for five minutes; of `SECOND_FACTOR_REQUIRED` alone.
    #[serde(skip_serializing_if = "Option::is_none")]
    challenge: Option<String>,
}

impl ProblemDetails {
    fn of(error: &ApiError) -> Option<Self> {
        let fields = (error.code() == ErrorCode::ValidationFailed).then(|| error.fields().to_vec());
        let challenge = error.sign_in_challenge().map(str::to_owned);
        (fields.is_some() || challenge.is_some()).then_some(Self { fields, challenge })
    }
}

impl Problem {
    /// The body of an error.
    pub(crate) fn of(error: &ApiError, request_id: &str, docs_url: &str) -> Self {
        let code = error.code();
        Self {
            r#type: format!("{}/errors/{}", docs_url.trim_end_matches('/'), code.as_str()),
            title: code.title().to_owned(),
            status: code.status().as_u16(),
            error: error.message().to_owned(),
            message: error.message().to_owned(),
            code: code.as_str().to_owned(),
            details: ProblemDetails::of(error),
            request_id: request_id.to_owned(),
        }
    }
}

/// The completion of the description writes the error responses, from the codes of each route; here is
/// only their schema.
impl ApiErrorComponent for ApiError {
    fn schemas_by_status_code() -> BTreeMap<String, (String, ReferenceOr<Schema>)> {
        Problem::schema()
            .into_iter()
            .map(|schema| ("default".to_owned(), schema))
            .collect()
    }

    fn error_responses() -> Vec<(String, apistos::paths::Response)> {
        Vec::new()
    }
}
