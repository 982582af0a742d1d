//! `GET /users/me/sessions`

use apistos::api_operation;

use super::view::SessionView;
use crate::error::ApiError;
use crate::extract::Caller;
use crate::reply::Reply;
use crate::state::State;

/// The devices on which the caller is signed in, the one used last first.
#[api_operation(tag = "accounts", operation_id = "listSessions")]
pub(crate) async fn handler(state: State, caller: Caller) -> Result<Reply<Vec<SessionView>>, ApiError> {
    let sessions = state.services.sessions.list(&caller.0).await?;
    let asking = caller.0.session_id;
    let sessions = sessions
        .into_iter()
        .map(|session| SessionView::new(session, asking));
    Reply::private(&sessions.collect::<Vec<_>>())
}
