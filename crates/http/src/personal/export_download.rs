//! `POST /users/me/export/download`

use apistos::{ApiComponent, api_operation};
use parlance_domain::accounts::RecencyError;
use parlance_domain::personal::DownloadError;
use schemars::JsonSchema;
use serde::Deserialize;
use validator::Validate;

use super::archive::ArchiveReply;
use crate::error::{ApiError, ErrorCode};
use crate::extract::{ApiJson, Arrival, Writer};
use crate::state::State;

/// What the link of the mail holds, if the caller followed it.
#[derive(Deserialize, Validate, JsonSchema, ApiComponent)]
#[serde(rename_all = "camelCase")]
#[schemars(rename = "ExportToken", example = "example")]
pub(super) struct Body {
    /// The token of the link; without it, the caller must have shown lately who they are.
    #[validate(length(
        min = 1,
        max = 256,
        code = "length",
        message = "must have 1 to 256 characters"
    ))]
    #[schemars(length(min = 1, max = 256))]
    token: Option<String>,
}

fn example() -> serde_json::Value {
    serde_json::json!({ "token": "AZ8n3kQ0cZu0b0lq0mJ7lw3q8sB0m1x2y3z4A5B6C7D8E9F0G1H2I3J4K5L6M7N8" })
}

/// Fetches the archive that the caller asked for.
///
/// With the token of the link in the mail; without it, the one that was asked for last, and then it wants a sign-in or
/// `/auth/step-up` within the last ten minutes. As often as wanted until it expires.
#[api_operation(tag = "accounts", operation_id = "downloadExport")]
pub(super) async fn handler(
    state: State,
    caller: Writer,
    arrival: Arrival,
    body: ApiJson<Body>,
) -> Result<ArchiveReply, ApiError> {
    let personal_data = &state.services.personal_data;
    let found = personal_data.download(&caller.0, body.token.as_deref(), &arrival.0);
    Ok(ArchiveReply(found.await.map_err(refuse)?))
}

fn refuse(error: DownloadError) -> ApiError {
    match error {
        DownloadError::NotFound => ApiError::new(ErrorCode::ExportNotFound),
        DownloadError::LinkSpent => ApiError::new(ErrorCode::LinkNotValid),
        DownloadError::Recency(RecencyError::StepUpRequired) => ApiError::new(ErrorCode::StepUpRequired),
        DownloadError::Recency(RecencyError::Ended) => ApiError::token(ErrorCode::Unauthorized),
        DownloadError::Recency(RecencyError::Port(error)) | DownloadError::Port(error) => {
            ApiError::port(error)
        }
    }
}
