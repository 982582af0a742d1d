//! Puts identities at providers together.

use std::sync::Arc;

use anyhow::Context;
use parlance_domain::accounts::{
    AuthorizationTokens, Federation, FederationPorts, IdentityProvider, OneTimeSecrets, Sessions,
};
use parlance_domain::time::Clock;
use parlance_oidc::{OidcConfig, OidcProvider, Timeouts};
use parlance_platform::SystemSecrets;

use crate::database::Stores;
use crate::settings::{FederationSettings, IdentityProviderSettings, Settings};
use crate::wiring::{Base, Secrets};

impl Base {
    /// The use-cases of identities, at the providers that the settings name.
    pub(crate) fn federation(
        &self,
        settings: &Settings,
        secrets: &Secrets,
        stores: &Stores,
        one_time: &OneTimeSecrets,
        sessions: &Arc<Sessions>,
    ) -> anyhow::Result<Arc<Federation>> {
        let ports = FederationPorts {
            providers: providers(&settings.federation, &self.clock)?,
            identities: Arc::clone(&stores.identities),
            authorizations: Arc::clone(&stores.authorizations),
            accounts: Arc::clone(&stores.accounts),
            sessions: Arc::clone(sessions),
            secrets: one_time.clone(),
            limiter: Arc::clone(&self.shared.limiter),
            randomness: Arc::new(SystemSecrets),
            clock: Arc::clone(&self.clock),
            ids: Arc::clone(&self.ids),
        };
        let tokens = AuthorizationTokens::new(&secrets.refresh);
        Ok(Arc::new(Federation::new(ports, tokens)))
    }
}

fn providers(
    settings: &FederationSettings,
    clock: &Arc<dyn Clock>,
) -> anyhow::Result<Vec<Arc<dyn IdentityProvider>>> {
    let providers = settings.providers.iter().map(|provider| {
        let config = config(provider, &settings.api_url);
        let made = OidcProvider::new(config, Arc::clone(clock));
        let made = made.with_context(|| format!("the provider `{}` of OIDC_ISSUERS", provider.id))?;
        Ok(Arc::new(made) as Arc<dyn IdentityProvider>)
    });
    providers.collect()
}

fn config(provider: &IdentityProviderSettings, api_url: &str) -> OidcConfig {
    let IdentityProviderSettings {
        id,
        name,
        issuer,
        client_id,
        client_secret,
    } = provider.clone();
    OidcConfig {
        redirect_url: format!("{api_url}/api/v1/auth/providers/{id}/callback"),
        id,
        name,
        issuer,
        client_id,
        client_secret,
        timeouts: Timeouts::default(),
    }
}
