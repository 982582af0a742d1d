//! The use-cases of identities: begin at a provider, look, unlink.

use std::sync::Arc;

use secrecy::{ExposeSecret, ExposeSecretMut, SecretBox, SecretString};

use super::{
    AUTHORIZATION_LIFETIME, Authorization, AuthorizationRequest, AuthorizationStore, AuthorizationTokens,
    BrowserBinding, Errand, IdentityProvider, IdentityStore, LinkedIdentity, ProviderId, UnlinkOutcome,
};
use crate::accounts::{Account, AccountStore, OneTimeSecrets, Sessions};
use crate::audit::{Action, Circumstances};
use crate::consequences::{Consequences, Recorder};
use crate::ids::{AuthorizationId, IdGenerator, IdentityId, UserId};
use crate::limits::RateLimiter;
use crate::mail::Message;
use crate::port::PortError;
use crate::providers::ProviderError;
use crate::randomness::SecretGenerator;
use crate::time::Clock;

/// What [`Federation`] calls.
#[derive(Clone)]
pub struct FederationPorts {
    /// The providers, in the order in which they are shown.
    pub providers: Vec<Arc<dyn IdentityProvider>>,
    /// The linked identities.
    pub identities: Arc<dyn IdentityStore>,
    /// What is under way.
    pub authorizations: Arc<dyn AuthorizationStore>,
    /// The accounts.
    pub accounts: Arc<dyn AccountStore>,
    /// The sessions.
    pub sessions: Arc<Sessions>,
    /// The one-time secrets.
    pub secrets: OneTimeSecrets,
    /// Counts the mails that are sent.
    pub limiter: Arc<dyn RateLimiter>,
    /// What browsers are known again by.
    pub randomness: Arc<dyn SecretGenerator>,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// New ids.
    pub ids: Arc<dyn IdGenerator>,
}

/// The use-cases of identities at providers.
pub struct Federation {
    pub(super) ports: FederationPorts,
    pub(super) recorder: Recorder,
    pub(super) tokens: AuthorizationTokens,
}

/// What a browser needs to go to a provider and be known again.
#[derive(Debug, Clone)]
pub struct BegunErrand {
    /// Where it goes.
    pub url: SecretString,
    /// What it is to hold meanwhile.
    pub binding: BrowserBinding,
}

/// Why nobody was sent to a provider.
#[derive(Debug, thiserror::Error)]
pub enum BeginError {
    /// There is no such provider.
    #[error("there is no such provider")]
    UnknownProvider,
    /// The provider cannot be asked where it is.
    #[error(transparent)]
    Provider(#[from] ProviderError),
    /// Anything else.
    #[error(transparent)]
    Port(#[from] PortError),
}

/// Why an identity was not unlinked.
#[derive(Debug, thiserror::Error)]
pub enum UnlinkError {
    /// The account has no such identity.
    #[error("there is no such identity")]
    NotFound,
    /// Nobody could sign in to the account any more.
    #[error("it is the last way to sign in")]
    LastWayIn,
    /// Anything else.
    #[error(transparent)]
    Port(#[from] PortError),
}

/// How many expired authorizations one purge deletes at a time.
const PURGE_BATCH: u32 = 500;

impl Federation {
    /// The use-cases over these ports.
    pub fn new(ports: FederationPorts, tokens: AuthorizationTokens) -> Self {
        Self {
            recorder: Recorder::new(Arc::clone(&ports.clock), Arc::clone(&ports.ids)),
            ports,
            tokens,
        }
    }

    /// The providers, in the order in which they are shown.
    pub fn providers(&self) -> &[Arc<dyn IdentityProvider>] {
        &self.ports.providers
    }

    /// The provider of this name.
    pub fn provider(&self, id: &ProviderId) -> Option<&Arc<dyn IdentityProvider>> {
        self.ports.providers.iter().find(|provider| provider.id() == id)
    }

    /// Begins an errand at a provider; `binding` is what the browser holds of an earlier one.
    ///
    /// Whoever calls it has checked where the browser goes in the end and, where an identity is to be linked, that the caller
    /// showed lately who they are.
    pub async fn begin(
        &self,
        provider: &ProviderId,
        errand: Errand,
        return_to: String,
        binding: Option<BrowserBinding>,
    ) -> Result<BegunErrand, BeginError> {
        let provider = self.provider(provider).ok_or(BeginError::UnknownProvider)?;
        let id = AuthorizationId(self.ports.ids.next());
        let request = AuthorizationRequest {
            state: self.tokens.state(id),
            nonce: self.tokens.nonce(id),
            verifier: self.tokens.verifier(id),
        };
        let url = provider.authorization_url(&request).await?;
        let binding = match binding {
            Some(binding) => binding,
            None => self.new_binding()?,
        };
        let authorization = Authorization {
            id,
            provider: provider.id().clone(),
            errand,
            return_to,
            browser: binding.digest(),
            expires_at: self.ports.clock.now() + AUTHORIZATION_LIFETIME,
        };
        self.ports.authorizations.begin(&authorization).await?;
        Ok(BegunErrand {
            url: url.into(),
            binding,
        })
    }

    fn new_binding(&self) -> Result<BrowserBinding, PortError> {
        let mut bytes = SecretBox::init_with(|| [0; BrowserBinding::BYTES]);
        self.ports.randomness.fill(bytes.expose_secret_mut())?;
        Ok(BrowserBinding::new(bytes.expose_secret()))
    }

    /// The identities of an account, the one linked first first.
    pub async fn list(&self, user: UserId) -> Result<Vec<LinkedIdentity>, PortError> {
        self.ports.identities.list(user).await
    }

    /// Unlinks an identity from an account, unless it is the last way to sign in to it; its owner is told by mail.
    ///
    /// Whoever calls it has made sure that the caller showed lately who they are.
    pub async fn unlink(
        &self,
        user: UserId,
        id: IdentityId,
        circumstances: &Circumstances,
    ) -> Result<(), UnlinkError> {
        let account = self.ports.accounts.by_id(user).await?;
        let account = account.ok_or(UnlinkError::NotFound)?;
        let news = self.news(&account, Action::IdentityUnlinked, id, circumstances);
        match self.ports.identities.unlink(user, id, &news).await? {
            UnlinkOutcome::Unlinked => Ok(()),
            UnlinkOutcome::NotFound => Err(UnlinkError::NotFound),
            UnlinkOutcome::LastWayIn => Err(UnlinkError::LastWayIn),
        }
    }

    /// What is written when something changed about an identity: an entry and a mail.
    pub(super) fn news(
        &self,
        account: &Account,
        action: Action,
        id: IdentityId,
        circumstances: &Circumstances,
    ) -> Consequences {
        let entry = self.recorder.by_owner(account.id, action, circumstances);
        let entry = entry.with("identity", id.to_string());
        Consequences::from(entry).and_mail(self.recorder.mail(account, Message::security_changed(action)))
    }

    /// Deletes what expired under way, batch by batch; says how many.
    pub async fn purge_expired(&self) -> Result<u32, PortError> {
        let now = self.ports.clock.now();
        let mut purged = 0;
        loop {
            let batch = self.ports.authorizations.purge_expired(now, PURGE_BATCH).await?;
            purged += batch;
            if batch < PURGE_BATCH {
                return Ok(purged);
            }
        }
    }
}
