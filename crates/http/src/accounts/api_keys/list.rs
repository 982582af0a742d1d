//! `GET /users/me/api-keys`

use apistos::api_operation;

use super::view::ApiKeyView;
use crate::error::ApiError;
use crate::extract::Caller;
use crate::reply::Reply;
use crate::state::State;

/// The caller's keys for programs, the one made last first; expired ones are on the list until they are revoked.
#[api_operation(tag = "accounts", operation_id = "listApiKeys")]
pub(crate) async fn handler(state: State, caller: Caller) -> Result<Reply<Vec<ApiKeyView>>, ApiError> {
    let keys = state.services.api_keys.list(caller.user_id()).await?;
    Reply::private(&keys.into_iter().map(ApiKeyView::from).collect::<Vec<_>>())
}
