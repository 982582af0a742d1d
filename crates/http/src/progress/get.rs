//! `GET /progress/{wordId}`

use actix_web::HttpRequest;
use actix_web::http::header;
use apistos::api_operation;

use super::params::WordPath;
use super::view::ProgressView;
use crate::error::{ApiError, ErrorCode};
use crate::etag::is_known;
use crate::extract::{ApiPath, Scoped, scopes};
use crate::precondition::etag;
use crate::reply::Reply;
use crate::state::State;

/// The caller's progress with one word, with its revision as `ETag`.
#[api_operation(
    tag = "progress",
    operation_id = "getProgress",
    error_code = 400,
    error_code = 401,
    error_code = 404
)]
pub(super) async fn handler(
    request: HttpRequest,
    caller: Scoped<scopes::ProgressRead>,
    ApiPath(path): ApiPath<WordPath>,
    state: State,
) -> Result<Reply<ProgressView<'static>>, ApiError> {
    let user = caller.user_id();
    let entry = state.services.progress.by_word(user, &path.read()?).await?;
    let entry = entry.ok_or_else(|| ApiError::new(ErrorCode::ProgressNotFound))?;
    let tag = etag(entry.revision);
    let reply = if is_known(&request, &tag) {
        Reply::not_modified()
    } else {
        Reply::private(&ProgressView::new(user, &entry))?
    };
    Ok(reply.with_header(header::ETAG, &tag))
}
