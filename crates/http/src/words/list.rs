//! `GET /vocabulary/lists/{listId}`

use actix_web::HttpRequest;
use apistos::api_operation;
use parlance_domain::words::WordsError;

use super::params::ListPath;
use super::view::ListView;
use crate::error::{ApiError, ErrorCode};
use crate::extract::ApiPath;
use crate::fields::{Faults, list_id};
use crate::reply::Reply;
use crate::state::State;

/// One word list.
#[api_operation(
    tag = "words",
    operation_id = "getWordList",
    no_security,
    error_code = 400,
    error_code = 404
)]
pub(super) async fn handler(
    request: HttpRequest,
    ApiPath(path): ApiPath<ListPath>,
    state: State,
) -> Result<Reply<ListView<'static>>, ApiError> {
    let id = list_id(&path.list_id).map_err(|fault| Faults::single("listId", fault))?;
    let list = state.services.words.list(&id).await.map_err(refuse)?;
    Reply::public(&request, &ListView::from(&list))
}

/// What a client is told when no words were read.
pub(super) fn refuse(error: WordsError) -> ApiError {
    match error {
        WordsError::ListNotFound => ApiError::new(ErrorCode::ListNotFound),
        WordsError::WordNotFound => ApiError::new(ErrorCode::WordNotFound),
        WordsError::Port(error) => error.into(),
    }
}
