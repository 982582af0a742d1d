//! `POST /users/me/export`

use apistos::api_operation;
use parlance_domain::personal::RequestExportError;

use super::view::ExportView;
use crate::error::{ApiError, ErrorCode};
use crate::extract::{Arrival, Recent};
use crate::reply::{Accepted, Reply};
use crate::state::State;

/// Asks for an archive of everything that is held of the caller: a zip with each table as JSON and as CSV.
///
/// It is made in the background; a mail tells when it is ready, with a link that is good for a day. While one is being made,
/// the answer is about that one. Three in a day at most. Wants a sign-in or `/auth/step-up` within the last ten minutes.
#[api_operation(tag = "accounts", operation_id = "requestExport")]
pub(super) async fn handler(
    state: State,
    caller: Recent,
    arrival: Arrival,
) -> Result<Accepted<ExportView>, ApiError> {
    let personal_data = &state.services.personal_data;
    let requested = personal_data.request_export(caller.user_id(), &arrival.0).await;
    let export = requested.map_err(refuse)?;
    Reply::private(&ExportView::from(export)).map(Accepted)
}

fn refuse(error: RequestExportError) -> ApiError {
    match error {
        RequestExportError::TooMany { retry_after } => {
            let wait = retry_after.to_std().unwrap_or_default();
            ApiError::new(ErrorCode::RateLimitExceeded).with_retry_after(wait)
        }
        RequestExportError::NotFound => ApiError::token(ErrorCode::Unauthorized),
        RequestExportError::Port(error) => ApiError::port(error),
    }
}
