//! `POST /users/me/identities/{id}`

use apistos::{ApiComponent, api_operation};
use parlance_domain::accounts::Errand;
use schemars::JsonSchema;
use secrecy::ExposeSecret;
use serde::Deserialize;
use validator::Validate;

use super::authorize::refuse;
use super::path::provider;
use super::return_to;
use super::view::AuthorizationView;
use crate::accounts::cookie;
use crate::error::ApiError;
use crate::extract::{ApiJson, ApiPath, Recent};
use crate::reply::Reply;
use crate::state::State;

/// Names a provider.
#[derive(Debug, Deserialize, JsonSchema, ApiComponent, Validate)]
pub(super) struct Path {
    /// The provider's `id`, as `/auth/providers` has it.
    #[schemars(regex(pattern = "^[a-z0-9-]{1,32}$"), example = "example_provider")]
    id: String,
}

fn example_provider() -> &'static str {
    "google"
}

/// Where the browser is to be in the end.
#[derive(Deserialize, Validate, JsonSchema, ApiComponent)]
#[serde(rename_all = "camelCase")]
#[schemars(rename = "IdentityLink", example = "example")]
pub(super) struct Body {
    /// A page of an allowed origin (`CORS_ORIGIN`, `PUBLIC_URL`), without fragment; when missing, `PUBLIC_URL`.
    #[schemars(length(max = 2000))]
    return_to: Option<String>,
}

fn example() -> serde_json::Value {
    serde_json::json!({ "returnTo": "https://app.example.com/settings" })
}

/// Begins to link an identity at a provider to the caller's account.
///
/// The browser goes to `authorizationUrl` within ten minutes, with the cookie that this answer sets (`fetch` with credentials),
/// and comes back to `returnTo` with `linked` or `error` in its query, as at `/auth/providers/{provider}/callback`. Where the session
/// ends meanwhile, nothing is linked. Wants a sign-in or `/auth/step-up` within the last ten minutes.
#[api_operation(tag = "accounts", operation_id = "linkIdentity")]
pub(super) async fn handler(
    state: State,
    caller: Recent,
    ApiPath(path): ApiPath<Path>,
    body: ApiJson<Body>,
) -> Result<Reply<AuthorizationView>, ApiError> {
    let provider = provider(&state, &path.id)?;
    let page = return_to::page(&state.config, body.return_to.as_deref())?;
    let errand = Errand::Link {
        user_id: caller.0.user_id,
        session_id: caller.0.session_id,
    };
    let federation = &state.services.federation;
    let begun = federation.begin(provider.id(), errand, page, None).await;
    let begun = begun.map_err(refuse)?;
    let view = AuthorizationView {
        authorization_url: begun.url.expose_secret().to_owned(),
    };
    let holding = cookie::holding_binding(&begun.binding, state.config.refresh_cookie);
    Ok(Reply::private(&view)?.with_cookie(&holding))
}
