//! A browser that comes back from a provider: who sits before it, and what becomes of that.

use secrecy::{ExposeSecret, SecretString};

use super::{
    Authorization, BrowserBinding, CodeGrant, Errand, ExchangeError, Federation, IdentityClaims,
    IdentityProvider, LinkedIdentity, RegisterIdentityError,
};
use crate::accounts::{
    ATTEMPTS, Account, AccountChange, AccountWithPassword, Email, PasswordHash, Proof, Role, Roles,
    SaveAccountError, SignInError, SignedIn, Standing,
};
use crate::audit::{Action, Circumstances};
use crate::consequences::Consequences;
use crate::ids::{IdentityId, SessionId, UserId};
use crate::port::PortError;
use crate::providers::ProviderError;
use crate::time::TimeZone;

/// What a browser brings back from a provider.
#[derive(Debug, Clone)]
pub struct Callback {
    /// The state of the request.
    pub state: Option<SecretString>,
    /// The code; none where the provider refused.
    pub code: Option<SecretString>,
    /// Why it refused, as RFC 6749, 4.1.2.1, names it.
    pub error: Option<String>,
    /// Who says that they gave it (RFC 9207).
    pub issuer: Option<String>,
}

/// How an errand at a provider ended, and where the browser goes.
#[derive(Debug)]
pub struct Completion {
    /// Where it was to go in the end; not known where nothing of this browser was under way.
    pub return_to: Option<String>,
    /// How it ended.
    pub outcome: Result<Completed, CompleteError>,
}

/// What came of an errand at a provider.
#[derive(Debug)]
pub enum Completed {
    /// Somebody signed in.
    SignedIn(Box<SignedIn>),
    /// The identity is linked to the account that asked.
    Linked,
}

/// Why an errand at a provider came to nothing.
#[derive(Debug, thiserror::Error)]
pub enum CompleteError {
    /// Nothing is under way, or no longer, or it was begun by another browser or at another provider.
    #[error("no such errand of this browser is under way")]
    NotUnderWay,
    /// The provider did not say who it is, or not so that it can be believed.
    #[error("the provider did not identify anybody")]
    Refused(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// The provider does not know whether the address is theirs.
    #[error("the provider does not vouch for the email")]
    EmailNotVerified,
    /// An account has the address: its owner was sent a mail that asks whether the identity is to open it.
    #[error("the owner of the email is asked first")]
    ConfirmationSent,
    /// The account has a second factor.
    #[error("a code of the second factor is asked for")]
    SecondFactorRequired {
        /// What the code is to come with.
        challenge: SecretString,
    },
    /// The account was put out of use or deleted by an administrator.
    #[error("the account is not in use")]
    Deactivated,
    /// The identity opens another account, or the account has another one of this provider.
    #[error("the identity is linked elsewhere")]
    IdentityTaken,
    /// The session that asked for a link has ended.
    #[error("the session has ended")]
    SessionEnded,
    /// Others changed the account again and again.
    #[error("the account is changed by others at the same time")]
    Conflict,
    /// The provider could not be asked.
    #[error(transparent)]
    Provider(#[from] ProviderError),
    /// Anything else.
    #[error(transparent)]
    Port(#[from] PortError),
}

fn refused(because: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> CompleteError {
    CompleteError::Refused(because.into())
}

impl From<ExchangeError> for CompleteError {
    fn from(error: ExchangeError) -> Self {
        match error {
            ExchangeError::Refused(because) => Self::Refused(because),
            ExchangeError::Provider(error) => error.into(),
        }
    }
}

impl From<SignInError> for CompleteError {
    fn from(error: SignInError) -> Self {
        match error {
            SignInError::Deactivated => Self::Deactivated,
            SignInError::SecondFactorRequired { challenge } => Self::SecondFactorRequired { challenge },
            SignInError::Port(error) => error.into(),
            // None of these is said where no password was asked for, but of an account that changed at this very moment.
            SignInError::InvalidCredentials
            | SignInError::Locked { .. }
            | SignInError::Throttled { .. }
            | SignInError::Busy => Self::Conflict,
        }
    }
}

impl Federation {
    /// Takes a browser that comes back from a provider; `binding` is what it holds.
    ///
    /// What was under way is used up by that, whatever comes of it.
    pub async fn complete(
        &self,
        provider: &dyn IdentityProvider,
        callback: &Callback,
        binding: Option<&BrowserBinding>,
        circumstances: &Circumstances,
    ) -> Completion {
        let taken = match self.take(provider, callback, binding).await {
            Ok(taken) => taken,
            Err(error) => {
                return Completion {
                    return_to: None,
                    outcome: Err(error),
                };
            }
        };
        let outcome = self.carry_out(provider, &taken, callback, circumstances).await;
        let outcome = match outcome {
            Err(error @ (CompleteError::Refused(_) | CompleteError::EmailNotVerified)) => {
                let noted = self.ports.sessions.note_refusal(None, circumstances).await;
                Err(noted.err().map_or(error, Into::into))
            }
            outcome => outcome,
        };
        Completion {
            return_to: Some(taken.return_to),
            outcome,
        }
    }

    /// What this browser began at this provider.
    async fn take(
        &self,
        provider: &dyn IdentityProvider,
        callback: &Callback,
        binding: Option<&BrowserBinding>,
    ) -> Result<Authorization, CompleteError> {
        let state = callback.state.as_ref();
        let id = state.and_then(|state| self.tokens.read(state.expose_secret()));
        let id = id.ok_or(CompleteError::NotUnderWay)?;
        let now = self.ports.clock.now();
        let taken = self.ports.authorizations.take(id, now).await?;
        let taken = taken.ok_or(CompleteError::NotUnderWay)?;
        let is_its = binding.is_some_and(|binding| binding.digest() == taken.browser);
        if is_its && taken.provider == *provider.id() {
            Ok(taken)
        } else {
            Err(CompleteError::NotUnderWay)
        }
    }

    async fn carry_out(
        &self,
        provider: &dyn IdentityProvider,
        taken: &Authorization,
        callback: &Callback,
        circumstances: &Circumstances,
    ) -> Result<Completed, CompleteError> {
        let claims = self.claims(provider, taken, callback).await?;
        match taken.errand {
            Errand::SignIn => {
                let signed_in = self.sign_in(provider, &claims, circumstances).await?;
                Ok(Completed::SignedIn(Box::new(signed_in)))
            }
            Errand::Link { user_id, session_id } => {
                self.link(provider, &claims, (user_id, session_id), circumstances)
                    .await?;
                Ok(Completed::Linked)
            }
        }
    }

    /// Asks the provider who sits before the browser.
    async fn claims(
        &self,
        provider: &dyn IdentityProvider,
        taken: &Authorization,
        callback: &Callback,
    ) -> Result<IdentityClaims, CompleteError> {
        let issuer = callback.issuer.as_deref();
        // A code of one provider is never shown to another.
        if issuer.is_some_and(|issuer| issuer != provider.issuer()) {
            return Err(refused("the answer is of another issuer"));
        }
        let no_code = || match &callback.error {
            Some(error) => refused(format!("the provider gave no code: {error}")),
            None => refused("the provider gave no code"),
        };
        let code = callback.code.clone().ok_or_else(no_code)?;
        let grant = CodeGrant {
            code,
            issuer: callback.issuer.clone(),
            nonce: self.tokens.nonce(taken.id),
            verifier: self.tokens.verifier(taken.id),
        };
        let claims = provider.exchange(&grant).await?;
        if claims.issuer != provider.issuer() {
            return Err(refused("the token is of another issuer"));
        }
        Ok(claims)
    }

    async fn sign_in(
        &self,
        provider: &dyn IdentityProvider,
        claims: &IdentityClaims,
        circumstances: &Circumstances,
    ) -> Result<SignedIn, CompleteError> {
        for _ in 0..ATTEMPTS {
            let linked = self.ports.identities.by_subject(&claims.issuer, &claims.subject);
            if let Some(identity) = linked.await? {
                return self.enter(&identity, circumstances).await;
            }
            let email = claims.proven_email().ok_or(CompleteError::EmailNotVerified)?;
            if let Some(found) = self.ports.accounts.by_email(email).await? {
                self.ask_owner(provider, claims, &found.account, circumstances)
                    .await?;
                return Err(CompleteError::ConfirmationSent);
            }
            match self.register(provider, claims, email, circumstances).await {
                Ok(signed_in) => return Ok(signed_in),
                Err(RegisterIdentityError::Port(error)) => return Err(error.into()),
                // Somebody came first; perhaps the same, in another tab.
                Err(RegisterIdentityError::EmailTaken | RegisterIdentityError::IdentityTaken) => {}
            }
        }
        Err(CompleteError::Conflict)
    }

    /// Signs in to the account of a linked identity, or asks for the second factor where there is one.
    async fn enter(
        &self,
        identity: &LinkedIdentity,
        circumstances: &Circumstances,
    ) -> Result<SignedIn, CompleteError> {
        let (sessions, user) = (&self.ports.sessions, identity.user_id);
        let found = self.ports.accounts.with_password(user).await?;
        let found = found.ok_or(CompleteError::Conflict)?;
        if !found.account.may_come_back() {
            return Err(CompleteError::Deactivated);
        }
        if sessions.asks_for_code(Some(&found)).await? {
            let now = self.ports.clock.now();
            let challenge = sessions.challenges.write(user, &found.password_hash, now);
            return Err(CompleteError::SecondFactorRequired { challenge });
        }
        let lets_in = async || {
            let account = self.ports.accounts.by_id(user).await?;
            let linked = self
                .ports
                .identities
                .by_subject(&identity.issuer, &identity.subject);
            let is_its = linked.await?.is_some_and(|linked| linked.user_id == user);
            let wants_more = sessions.ports.second_factors.is_active(user).await?;
            Ok(account.filter(|_| is_its && !wants_more))
        };
        let opened = sessions.open(lets_in, Proof::Provider, circumstances);
        Ok(opened.await?)
    }

    /// Makes an account without a password for an identity that nobody has, and signs it in.
    async fn register(
        &self,
        provider: &dyn IdentityProvider,
        claims: &IdentityClaims,
        email: &Email,
        circumstances: &Circumstances,
    ) -> Result<SignedIn, RegisterIdentityError> {
        let sessions = &self.ports.sessions;
        let account = self.new_account(claims, email);
        let identity = self.identity(provider, claims, account.id);
        let session = sessions.begin(account.id, Proof::Provider, None, circumstances);
        let entry = self
            .recorder
            .by_owner(account.id, Action::AccountRegistered, circumstances)
            .with("provider", provider.id().to_string());
        let consequences = Consequences::from(entry);
        let whole = AccountWithPassword {
            account,
            password_hash: PasswordHash::absent(),
        };
        let identities = &self.ports.identities;
        let registered = identities.register(&whole, &identity, &session, &consequences);
        registered.await?;
        Ok(sessions.signed_in(whole.account, &session)?)
    }

    fn new_account(&self, claims: &IdentityClaims, email: &Email) -> Account {
        let now = self.ports.clock.now();
        Account {
            id: UserId(self.ports.ids.next()),
            email: email.clone(),
            username: None,
            display_name: claims.name.clone(),
            roles: Roles::from([Role::User]),
            native_language: None,
            target_language: None,
            proficiency_level: None,
            time_zone: TimeZone::UTC,
            is_premium: false,
            email_verified: true,
            created_at: now,
            updated_at: now,
            last_login_at: Some(now),
            standing: Standing::Active,
            revision: 1,
        }
    }

    fn identity(
        &self,
        provider: &dyn IdentityProvider,
        claims: &IdentityClaims,
        user_id: UserId,
    ) -> LinkedIdentity {
        LinkedIdentity {
            id: IdentityId(self.ports.ids.next()),
            user_id,
            provider: provider.id().clone(),
            issuer: claims.issuer.clone(),
            subject: claims.subject.clone(),
            email: claims.email.clone(),
            linked_at: self.ports.clock.now(),
        }
    }

    /// Refuses to link anything on behalf of a session that has ended meanwhile.
    async fn require_session(&self, user: UserId, id: SessionId) -> Result<(), CompleteError> {
        let now = self.ports.clock.now();
        let found = self.ports.sessions.ports.sessions.by_id(id).await?;
        let is_live = found.is_some_and(|session| session.user_id == user && session.is_live(now));
        is_live.then_some(()).ok_or(CompleteError::SessionEnded)
    }

    /// Links an identity to the account that asked for it, and tells its owner by mail.
    async fn link(
        &self,
        provider: &dyn IdentityProvider,
        claims: &IdentityClaims,
        (user, session): (UserId, SessionId),
        circumstances: &Circumstances,
    ) -> Result<(), CompleteError> {
        self.require_session(user, session).await?;
        claims.proven_email().ok_or(CompleteError::EmailNotVerified)?;
        let linked = self.ports.identities.by_subject(&claims.issuer, &claims.subject);
        match linked.await? {
            Some(identity) if identity.user_id == user => return Ok(()),
            Some(_) => return Err(CompleteError::IdentityTaken),
            None => {}
        }
        let identity = self.identity(provider, claims, user);
        for _ in 0..ATTEMPTS {
            let account = self.ports.accounts.by_id(user).await?.filter(Account::is_active);
            let account = account.ok_or(CompleteError::SessionEnded)?;
            // Whoever ends it from now on changes the account, too, or ends it after the owner was told of the link.
            self.require_session(user, session).await?;
            let news = self.news(&account, Action::IdentityLinked, identity.id, circumstances);
            let after = account.changed(self.ports.clock.now(), |_| ());
            let change = AccountChange::new(&account, after, news).linking(identity.clone());
            match self.ports.accounts.save(&change).await {
                Ok(_) => return Ok(()),
                Err(SaveAccountError::IdentityTaken) => return Err(CompleteError::IdentityTaken),
                Err(SaveAccountError::Port(error)) => return Err(error.into()),
                Err(_) => {}
            }
        }
        Err(CompleteError::Conflict)
    }
}
