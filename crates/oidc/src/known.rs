//! What is known of a provider: where it is, and its keys. Read once, again when it is old or a key is new.

use std::sync::Arc;

use chrono::TimeDelta;
use openidconnect::core::{
    CoreAuthDisplay, CoreClaimName, CoreClaimType, CoreClient, CoreClientAuthMethod, CoreGrantType,
    CoreJsonWebKey, CoreJweContentEncryptionAlgorithm, CoreJweKeyManagementAlgorithm, CoreResponseMode,
    CoreResponseType, CoreSubjectIdentifierType,
};
use openidconnect::{
    AdditionalProviderMetadata, AuthType, ClientId, ClientSecret, EndpointMaybeSet, EndpointNotSet,
    EndpointSet, IssuerUrl, ProviderMetadata, RedirectUrl,
};
use parlance_domain::providers::{ProviderError, ProviderErrorKind};
use parlance_domain::time::{Clock, Timestamp};
use secrecy::ExposeSecret;
use serde::{Deserialize, Serialize};
use tokio::sync::Mutex;

use crate::config::OidcConfig;
use crate::failure;
use crate::http::Http;

/// How long what is known is taken for true.
const FRESH: TimeDelta = TimeDelta::hours(1);
/// How long nobody asks again after an attempt, whatever came of it: strangers' tokens cause no storm.
const REST: TimeDelta = TimeDelta::seconds(10);

/// A client with all that a provider says of itself.
pub(crate) type Client = CoreClient<
    EndpointSet,
    EndpointNotSet,
    EndpointNotSet,
    EndpointNotSet,
    EndpointMaybeSet,
    EndpointMaybeSet,
>;

type Metadata = ProviderMetadata<
    Additional,
    CoreAuthDisplay,
    CoreClientAuthMethod,
    CoreClaimName,
    CoreClaimType,
    CoreGrantType,
    CoreJweContentEncryptionAlgorithm,
    CoreJweKeyManagementAlgorithm,
    CoreJsonWebKey,
    CoreResponseMode,
    CoreResponseType,
    CoreSubjectIdentifierType,
>;

/// What a discovery document says beyond the first specification.
#[derive(Debug, Clone, Default, Deserialize, Serialize)]
struct Additional {
    /// RFC 9207, 3.
    #[serde(default)]
    authorization_response_iss_parameter_supported: bool,
}

impl AdditionalProviderMetadata for Additional {}

/// What a provider says of itself.
pub(crate) struct Known {
    /// Who asks it.
    pub(crate) client: Client,
    /// Whether it says with each code that the code is its own.
    pub(crate) names_itself: bool,
    read_at: Timestamp,
}

/// What is known by now, and when it was last asked for.
#[derive(Default)]
struct State {
    known: Option<Arc<Known>>,
    failure: Option<ProviderError>,
    asked_at: Option<Timestamp>,
}

/// Keeps what is known of a provider; of many who miss something, one asks.
pub(crate) struct Knowledge {
    config: OidcConfig,
    redirect: RedirectUrl,
    issuer: IssuerUrl,
    http: Http,
    clock: Arc<dyn Clock>,
    state: Mutex<State>,
}

impl Knowledge {
    /// Nothing yet of this provider.
    pub(crate) fn new(
        config: OidcConfig,
        issuer: IssuerUrl,
        redirect: RedirectUrl,
        http: Http,
        clock: Arc<dyn Clock>,
    ) -> Self {
        Self {
            config,
            redirect,
            issuer,
            http,
            clock,
            state: Mutex::default(),
        }
    }

    /// What is known; asked for where that is nothing, or old.
    pub(crate) async fn current(&self) -> Result<Arc<Known>, ProviderError> {
        let now = self.clock.now();
        self.unless(|known| now - known.read_at < FRESH).await
    }

    /// More than this, which did not hold the key of a token; the same, where it was just asked for.
    pub(crate) async fn newer_than(&self, old: &Arc<Known>) -> Result<Arc<Known>, ProviderError> {
        self.unless(|known| !Arc::ptr_eq(known, old)).await
    }

    /// What is known, if it will do; else what the provider says now.
    async fn unless(&self, will_do: impl Fn(&Arc<Known>) -> bool) -> Result<Arc<Known>, ProviderError> {
        let mut state = self.state.lock().await;
        if let Some(known) = state.known.as_ref().filter(|known| will_do(known)) {
            return Ok(Arc::clone(known));
        }
        let now = self.clock.now();
        let rests = |asked_at: Timestamp| (TimeDelta::zero()..REST).contains(&(now - asked_at));
        if !state.asked_at.is_some_and(rests) {
            // Said before, too: whoever asks may be gone before there is an answer.
            state.asked_at = Some(now);
            let asked = self.ask(now).await;
            // Whoever waited for as long as it took does not begin again.
            state.asked_at = Some(self.clock.now());
            match asked {
                Ok(known) => (state.known, state.failure) = (Some(Arc::new(known)), None),
                Err(error) => state.failure = Some(error),
            }
        }
        // What is old is better than nothing.
        match (&state.known, &state.failure) {
            (Some(known), _) => Ok(Arc::clone(known)),
            (None, Some(error)) => Err(error.clone()),
            (None, None) => Err(failure::error(ProviderErrorKind::Unavailable)),
        }
    }

    async fn ask(&self, now: Timestamp) -> Result<Known, ProviderError> {
        let asked = Metadata::discover_async(self.issuer.clone(), &self.http);
        let metadata = asked.await.map_err(failure::of_discovery)?;
        let names_itself = metadata
            .additional_metadata()
            .authorization_response_iss_parameter_supported;
        let methods = metadata.token_endpoint_auth_methods_supported();
        let in_body = methods.is_some_and(|methods| {
            methods.contains(&CoreClientAuthMethod::ClientSecretPost)
                && !methods.contains(&CoreClientAuthMethod::ClientSecretBasic)
        });
        let secret = self.config.client_secret.as_ref();
        let secret = secret.map(|secret| ClientSecret::new(secret.expose_secret().to_owned()));
        let id = ClientId::new(self.config.client_id.clone());
        let client = CoreClient::from_provider_metadata(metadata, id, secret)
            .set_redirect_uri(self.redirect.clone())
            .set_auth_type(if in_body {
                AuthType::RequestBody
            } else {
                AuthType::BasicAuth
            });
        Ok(Known {
            client,
            names_itself,
            read_at: now,
        })
    }
}
