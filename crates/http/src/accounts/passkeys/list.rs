//! `GET /users/me/passkeys`

use apistos::api_operation;

use super::view::PasskeyView;
use crate::error::ApiError;
use crate::extract::Caller;
use crate::reply::Reply;
use crate::state::State;

/// The caller's passkeys, the one added first first.
#[api_operation(tag = "accounts", operation_id = "listPasskeys")]
pub(super) async fn handler(state: State, caller: Caller) -> Result<Reply<Vec<PasskeyView>>, ApiError> {
    let passkeys = state.services.passkeys.list(caller.user_id()).await?;
    Reply::private(&passkeys.into_iter().map(PasskeyView::from).collect::<Vec<_>>())
}
