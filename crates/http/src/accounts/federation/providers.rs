//! `GET /auth/providers`

use apistos::api_operation;

use super::view::ProviderView;
use crate::error::ApiError;
use crate::reply::Reply;
use crate::state::State;

/// The providers that one can sign in with, in the order in which they are to be shown; none where none is set up.
#[api_operation(tag = "accounts", operation_id = "listIdentityProviders", no_security)]
pub(super) async fn handler(state: State) -> Result<Reply<Vec<ProviderView>>, ApiError> {
    let providers = state.services.federation.providers().iter();
    let views: Vec<_> = providers.map(|provider| ProviderView::of(&**provider)).collect();
    Reply::private(&views)
}
