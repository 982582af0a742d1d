//! `GET /users/me/keys`

use apistos::api_operation;

use super::view::KeyView;
use crate::error::ApiError;
use crate::extract::Caller;
use crate::reply::Reply;
use crate::state::State;

/// The caller's own keys of providers, by their ends.
#[api_operation(tag = "settings", operation_id = "listProviderKeys")]
pub(super) async fn handler(state: State, caller: Caller) -> Result<Reply<Vec<KeyView>>, ApiError> {
    let keys = state.services.provider_keys.list(caller.user_id()).await?;
    Reply::private(&keys.into_iter().map(KeyView::from).collect::<Vec<_>>())
}
