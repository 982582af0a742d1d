//! `GET /users/me/identities`

use apistos::api_operation;

use super::view::IdentityView;
use crate::error::ApiError;
use crate::extract::Caller;
use crate::reply::Reply;
use crate::state::State;

/// The identities at providers that open the caller's account, the one linked first first.
#[api_operation(tag = "accounts", operation_id = "listIdentities")]
pub(super) async fn handler(state: State, caller: Caller) -> Result<Reply<Vec<IdentityView>>, ApiError> {
    let identities = state.services.federation.list(caller.user_id()).await?;
    Reply::private(&identities.into_iter().map(IdentityView::from).collect::<Vec<_>>())
}
