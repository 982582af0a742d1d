//! `GET /vocabulary/lists`

use actix_web::HttpRequest;
use apistos::api_operation;

use super::view::ListView;
use crate::error::ApiError;
use crate::reply::Reply;
use crate::state::State;

/// All word lists.
#[api_operation(tag = "words", operation_id = "listWordLists", no_security)]
pub(super) async fn handler(
    request: HttpRequest,
    state: State,
) -> Result<Reply<Vec<ListView<'static>>>, ApiError> {
    let lists = state.services.words.lists().await?;
    let views: Vec<_> = lists.iter().map(ListView::from).collect();
    Reply::public(&request, &views)
}
