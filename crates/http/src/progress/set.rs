//! `PUT /progress/{wordId}`

use actix_web::HttpRequest;
use actix_web::http::header;
use apistos::api_operation;
use parlance_domain::progress::{NewSet, SetError, SetProgress};

use super::body::SetBody;
use super::params::WordPath;
use super::view::ProgressView;
use crate::error::{ApiError, ErrorCode};
use crate::extract::{ApiJson, ApiPath, ProgressWriter};
use crate::precondition::{etag, precondition};
use crate::reply::Reply;
use crate::state::State;

/// Fixes members of the caller's progress with a word; begins it if need be.
///
/// What the body does not carry stays. Repeated, the result is the same. With `If-Match`, only a row of one
/// of these revisions is changed; with `If-None-Match: *`, only a word without progress is begun.
#[api_operation(
    tag = "progress",
    operation_id = "setProgress",
    error_code = 400,
    error_code = 401,
    error_code = 412,
    error_code = 503
)]
pub(super) async fn handler(
    request: HttpRequest,
    writer: ProgressWriter,
    ApiPath(path): ApiPath<WordPath>,
    ApiJson(body): ApiJson<SetBody>,
    state: State,
) -> Result<Reply<ProgressView<'static>>, ApiError> {
    let user = writer.user_id();
    let command = SetProgress {
        word_id: path.read()?,
        set: NewSet {
            precondition: precondition(request.headers())?,
            ..body.read()?
        },
    };
    let entries = state
        .services
        .progress
        .set(user, vec![command])
        .await
        .map_err(refuse)?;
    let entry = entries
        .first()
        .ok_or_else(|| ApiError::new(ErrorCode::InternalError))?;
    Ok(Reply::private(&ProgressView::new(user, entry))?.with_header(header::ETAG, &etag(entry.revision)))
}

/// What a client is told when nothing was fixed.
pub(super) fn refuse(error: SetError) -> ApiError {
    match error {
        SetError::PreconditionFailed => ApiError::new(ErrorCode::PreconditionFailed),
        SetError::Port(error) => error.into(),
    }
}
