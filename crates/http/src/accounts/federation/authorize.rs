//! `GET /auth/providers/{provider}/authorize`

use actix_web::HttpRequest;
use apistos::{ApiComponent, api_operation};
use parlance_domain::accounts::{BeginError, BrowserBinding, Errand};
use schemars::JsonSchema;
use secrecy::ExposeSecret;
use serde::Deserialize;
use validator::Validate;

use super::path::ProviderPath;
use super::return_to;
use crate::accounts::cookie;
use crate::error::{ApiError, ErrorCode};
use crate::extract::{ApiPath, ApiQuery};
use crate::reply::Found;
use crate::state::State;

/// Where the browser is to be in the end.
#[derive(Debug, Deserialize, JsonSchema, ApiComponent, Validate)]
#[serde(rename_all = "camelCase")]
pub(super) struct Query {
    /// A page of an allowed origin (`CORS_ORIGIN`, `PUBLIC_URL`), without fragment; when missing, `PUBLIC_URL`.
    #[schemars(length(max = 2000))]
    return_to: Option<String>,
}

/// Sends a browser to a provider, to sign in.
///
/// Not for `fetch`: the browser itself goes there. It comes back to `/auth/providers/{provider}/callback`, which must be the
/// same browser within ten minutes, and from there to `returnTo`. Where the provider cannot be reached it goes to `returnTo`
/// at once, with `error=PROVIDER_UNAVAILABLE`. Limited like sign-ins.
#[api_operation(tag = "accounts", operation_id = "authorizeAtProvider", no_security)]
pub(super) async fn handler(
    req: HttpRequest,
    state: State,
    path: ApiPath<ProviderPath>,
    query: ApiQuery<Query>,
) -> Result<Found, ApiError> {
    if !state.config.features.auth_enabled {
        return Err(ApiError::new(ErrorCode::AuthDisabled));
    }
    let provider = path.provider(&state)?;
    let page = return_to::page(&state.config, query.return_to.as_deref())?;
    let binding = cookie::binding_of(&req).and_then(|text| BrowserBinding::read(&text));
    let begun = state
        .services
        .federation
        .begin(provider.id(), Errand::SignIn, page.clone(), binding)
        .await;
    match begun {
        Ok(begun) => {
            let holding = cookie::holding_binding(&begun.binding, state.config.refresh_cookie);
            Ok(Found::to(begun.url.expose_secret()).with_cookie(&holding))
        }
        Err(BeginError::Provider(error)) => {
            tell(&error);
            Ok(Found::to(&return_to::with_error(
                &page,
                ErrorCode::ProviderUnavailable,
            )))
        }
        Err(error) => Err(refuse(error)),
    }
}

/// The refusal of somebody who was to be sent to a provider.
pub(super) fn refuse(error: BeginError) -> ApiError {
    match error {
        BeginError::UnknownProvider => ApiError::new(ErrorCode::ProviderNotFound),
        BeginError::Provider(error) => ApiError::new(ErrorCode::ProviderUnavailable).caused_by(error),
        BeginError::Port(error) => ApiError::port(error),
    }
}

/// Tells the log of a failure of which the browser hears only the code.
pub(super) fn tell(error: &(dyn std::error::Error + 'static)) {
    let causes = std::iter::successors(error.source(), |cause| cause.source());
    let causes: Vec<String> = causes.map(ToString::to_string).collect();
    let causes = causes.join(": ");
    tracing::warn!(event = "identity_provider", %error, causes, "a provider of identities failed");
}
