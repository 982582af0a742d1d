//! `POST /reviews/{id}/undo`

use actix_web::http::header;
use apistos::{ApiComponent, api_operation};
use parlance_domain::progress::UndoError;
use schemars::JsonSchema;
use serde::Deserialize;
use validator::Validate;

use super::view::ProgressView;
use crate::error::{ApiError, ErrorCode};
use crate::extract::{ApiPath, ProgressWriter};
use crate::fields::{Faults, review_id};
use crate::precondition::etag;
use crate::reply::Reply;
use crate::state::State;

/// Names a review.
#[derive(Debug, Deserialize, JsonSchema, ApiComponent, Validate)]
pub(super) struct ReviewPath {
    /// The review's id.
    #[schemars(with = "uuid::Uuid", example = "example_review_id")]
    id: String,
}

/// Takes back a review, such as a rating tapped by mistake; repeated, nothing further changes.
#[api_operation(
    tag = "reviews",
    operation_id = "undoReview",
    error_code = 400,
    error_code = 401,
    error_code = 404,
    error_code = 503
)]
pub(super) async fn handler(
    writer: ProgressWriter,
    ApiPath(path): ApiPath<ReviewPath>,
    state: State,
) -> Result<Reply<ProgressView<'static>>, ApiError> {
    let user = writer.user_id();
    let id = review_id(&path.id).map_err(|fault| Faults::single("id", fault))?;
    let entry = state.services.progress.undo(user, id).await;
    let entry = entry.map_err(|error| match error {
        UndoError::ReviewNotFound => ApiError::new(ErrorCode::ReviewNotFound),
        UndoError::ProgressNotFound => ApiError::new(ErrorCode::ProgressNotFound),
        UndoError::Port(error) => error.into(),
    })?;
    Ok(Reply::private(&ProgressView::new(user, &entry))?.with_header(header::ETAG, &etag(entry.revision)))
}

fn example_review_id() -> &'static str {
    "01932f6e-7a2b-7c3d-8e4f-5a6b7c8d9e0f"
}
