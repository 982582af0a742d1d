//! `GET /vocabulary/words/{wordId}`

use actix_web::HttpRequest;
use apistos::api_operation;

use super::list::refuse;
use super::params::WordPath;
use super::view::WordView;
use crate::error::ApiError;
use crate::extract::ApiPath;
use crate::fields::{Faults, word_id};
use crate::reply::Reply;
use crate::state::State;

/// One word of the vocabulary.
#[api_operation(
    tag = "words",
    operation_id = "getWord",
    no_security,
    error_code = 400,
    error_code = 404
)]
pub(super) async fn handler(
    request: HttpRequest,
    ApiPath(path): ApiPath<WordPath>,
    state: State,
) -> Result<Reply<WordView<'static>>, ApiError> {
    let id = word_id(&path.word_id).map_err(|fault| Faults::single("wordId", fault))?;
    let word = state.services.words.word(&id).await.map_err(refuse)?;
    Reply::public(&request, &WordView::from(&word))
}
