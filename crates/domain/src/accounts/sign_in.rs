//! Signing in: every attempt is counted before it is looked at, every way in ends in one place.

use super::lockout::{Admitted, LockoutKey, NotAdmitted};
use super::{
    Account, AccountChange, Identity, PasswordHasherError, Proof, SaveAccountError, SeenDevice, Session,
    Sessions, SignIn, SignInError, SignedIn, Standing, Verification,
};
use crate::audit::{Action, Actor, Circumstances};
use crate::consequences::Consequences;
use crate::ids::UserId;
use crate::mail::Message;
use crate::port::PortError;

impl From<NotAdmitted> for SignInError {
    fn from(refusal: NotAdmitted) -> Self {
        match refusal {
            NotAdmitted::Locked { retry_after } => Self::Locked { retry_after },
            NotAdmitted::Throttled { retry_after } => Self::Throttled { retry_after },
            NotAdmitted::Port(error) => error.into(),
        }
    }
}

impl From<PasswordHasherError> for SignInError {
    fn from(error: PasswordHasherError) -> Self {
        match error {
            PasswordHasherError::Busy => Self::Busy,
            PasswordHasherError::Port(error) => error.into(),
        }
    }
}

impl Sessions {
    /// Signs in with a password.
    ///
    /// An unknown name costs the same work and gives the same answer as a wrong password. The attempt is counted before
    /// the password is looked at: of many at once, no more are looked at than one after the other.
    pub async fn sign_in(
        &self,
        command: SignIn,
        circumstances: &Circumstances,
    ) -> Result<SignedIn, SignInError> {
        let found = match &command.identity {
            Identity::Email(email) => self.ports.accounts.by_email(email).await?,
            Identity::Username(username) => self.ports.accounts.by_username(username).await?,
        };
        let account = found.as_ref().map(|found| &found.account);
        let admitted = self.admit(&command.identity, account, circumstances).await?;
        let lockouts = &self.ports.lockouts;
        let hash = found.as_ref().map(|found| &found.password_hash);
        let verification = self.ports.hasher.verify(&command.password, hash).await;
        match (verification, &found) {
            (Ok(Verification::Match), Some(found)) => {
                lockouts.succeeded(admitted).await?;
                self.open(found.account.clone(), Proof::Password, circumstances)
                    .await
            }
            (Ok(Verification::MatchOutdated(new)), Some(found)) => {
                lockouts.succeeded(admitted).await?;
                let (id, old) = (found.account.id, &found.password_hash);
                self.ports.accounts.replace_password_hash(id, old, &new).await?;
                self.open(found.account.clone(), Proof::Password, circumstances)
                    .await
            }
            (Ok(_), _) => {
                let subject = account.map(|account| account.id);
                self.note_refusal(subject, circumstances).await?;
                lockouts.failed(admitted, account, circumstances).await?;
                Err(SignInError::InvalidCredentials)
            }
            (Err(error), _) => {
                // If not even this is noted, the attempt counts as one that failed.
                let _ = lockouts.abandoned(admitted).await;
                Err(error.into())
            }
        }
    }

    /// Counts an attempt to sign in, by whichever name. Where there is no such account, as if there were one.
    async fn admit(
        &self,
        identity: &Identity,
        account: Option<&Account>,
        circumstances: &Circumstances,
    ) -> Result<Admitted, SignInError> {
        let (key, device) = match (account, identity) {
            (Some(account), _) => {
                let device = self.known_device(account.id, circumstances).await?;
                (LockoutKey::of_email(&account.email), device)
            }
            (None, Identity::Email(email)) => (LockoutKey::of_email(email), None),
            (None, Identity::Username(username)) => (LockoutKey::of_username(username), None),
        };
        let device = device.map(LockoutKey::of_device);
        Ok(self.ports.lockouts.admit(key, device, circumstances).await?)
    }

    /// Begins a session of somebody who showed who they are; every way of signing in ends here.
    ///
    /// An account that its owner deleted is in use again. On a device that the account does not know, its owner is told,
    /// and the account knows it from then on.
    pub async fn open(
        &self,
        account: Account,
        proof: Proof,
        circumstances: &Circumstances,
    ) -> Result<SignedIn, SignInError> {
        let account = match &account.standing {
            Standing::Active => account,
            Standing::Deleted(deletion) if deletion.by_owner => {
                self.keep_after_all(account, circumstances).await?
            }
            Standing::Deleted(_) | Standing::Deactivated { .. } => return Err(SignInError::Deactivated),
        };
        let device = self.known_device(account.id, circumstances).await?;
        let session = self.begin(account.id, proof, device.map(|device| device.id), circumstances);
        let entry = self
            .recorder
            .by_owner(account.id, Action::SessionStarted, circumstances)
            .with("session", session.id.to_string())
            .with("proof", proof.as_str());
        let mut consequences = Consequences::from(entry);
        if device.is_none() && account.last_login_at.is_some() {
            let message = Message::NewDevice {
                user_agent: session
                    .device
                    .user_agent
                    .as_ref()
                    .map(|agent| agent.as_str().to_owned()),
                address: session.device.address,
                at: session.created_at,
            };
            consequences = consequences.and_mail(self.recorder.mail(&account, message));
        }
        self.ports.sessions.insert(&session, &consequences).await?;
        let account = self.still_in_use(&session, circumstances).await?;
        Ok(self.signed_in(account, &session)?)
    }

    /// The account as it is once its session is kept: whoever changes it from now on ends this session too.
    ///
    /// Whoever changed it since it was looked at ended those that there were. Tokens bear the roles that it has now; if it
    /// is out of use, the session ends before anybody has its tokens.
    async fn still_in_use(
        &self,
        session: &Session,
        circumstances: &Circumstances,
    ) -> Result<Account, SignInError> {
        let (user, id) = (session.user_id, session.id);
        let found = self.ports.accounts.by_id(user).await?;
        if let Some(account) = found.filter(Account::is_active) {
            return Ok(account);
        }
        let entry = self
            .recorder
            .entry(Actor::System, Action::SessionEnded, Some(user), circumstances)
            .with("session", id.to_string());
        let now = self.ports.clock.now();
        self.ports.sessions.revoke(user, id, now, &entry.into()).await?;
        Err(SignInError::Deactivated)
    }

    /// The device that a request came from, if the account knows it.
    pub async fn known_device(
        &self,
        user: UserId,
        circumstances: &Circumstances,
    ) -> Result<Option<SeenDevice>, PortError> {
        match circumstances.device.filter(|device| device.user_id == user) {
            Some(device) => Ok(self.ports.devices.is_known(device).await?.then_some(device)),
            None => Ok(None),
        }
    }

    /// Takes back the deletion of an account by its owner.
    async fn keep_after_all(
        &self,
        account: Account,
        circumstances: &Circumstances,
    ) -> Result<Account, SignInError> {
        let after = account.changed(self.ports.clock.now(), |next| next.standing = Standing::Active);
        let entry = self
            .recorder
            .by_owner(account.id, Action::DeletionCancelled, circumstances);
        let mail = self.recorder.mail(&account, Message::DeletionCancelled);
        let change = AccountChange::new(&account, after, Consequences::from(entry).and_mail(mail));
        match self.ports.accounts.save(&change).await {
            Ok(_) => Ok(change.account),
            Err(SaveAccountError::Port(error)) => Err(error.into()),
            // Purged or changed at this very moment: whoever tries again finds out.
            Err(_) => Err(SignInError::InvalidCredentials),
        }
    }

    async fn note_refusal(
        &self,
        subject: Option<UserId>,
        circumstances: &Circumstances,
    ) -> Result<(), PortError> {
        let entry = self
            .recorder
            .entry(Actor::Anonymous, Action::SignInRefused, subject, circumstances);
        self.ports.audit.append(&[entry]).await
    }
}
