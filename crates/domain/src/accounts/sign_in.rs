//! Signing in: every attempt is counted before it is looked at, every way in ends in one place.

use futures_util::future::{join, try_join};

use super::lockout::{Admitted, LockoutKey, NotAdmitted};
use super::{
    ATTEMPTS, Account, AccountChange, AccountWithPassword, Identity, PasswordHasherError, Proof,
    SaveAccountError, SeenDevice, Session, Sessions, SignIn, SignInError, SignedIn, Standing, Verification,
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
    /// the password is looked at: of many at once, no more are looked at than one after the other. While too many are on the
    /// way to that, the store is not asked for one more.
    pub async fn sign_in(
        &self,
        command: SignIn,
        circumstances: &Circumstances,
    ) -> Result<SignedIn, SignInError> {
        let room = self.ports.hasher.room().await.ok_or(SignInError::Busy)?;
        let (found, device, admitted) = self.admit(&command.identity, circumstances).await?;
        let lockouts = &self.ports.lockouts;
        let hash = found.as_ref().map(|found| &found.password_hash);
        let verified = async {
            let verification = self.ports.hasher.verify(&command.password, hash).await;
            drop(room);
            verification
        };
        let (verification, asked) = join(verified, self.asks_for_code(found.as_ref())).await;
        match (verification, found) {
            (Ok(Verification::Match), Some(found)) => {
                self.password_shown(&command.identity, admitted, device, asked, found, circumstances)
                    .await
            }
            (Ok(Verification::MatchOutdated(new)), Some(mut found)) => {
                let (id, old) = (found.account.id, &found.password_hash);
                self.ports.accounts.replace_password_hash(id, old, &new).await?;
                found.password_hash = new;
                self.password_shown(&command.identity, admitted, device, asked, found, circumstances)
                    .await
            }
            (Ok(_), found) => {
                let account = found.as_ref().map(|found| &found.account);
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

    /// Looks for the account of a name and counts an attempt to sign in to it. Where there is no such account, as if there
    /// were one.
    async fn admit(
        &self,
        identity: &Identity,
        circumstances: &Circumstances,
    ) -> Result<(Option<AccountWithPassword>, Option<SeenDevice>, Admitted), SignInError> {
        let lockouts = &self.ports.lockouts;
        if let (Identity::Email(email), None) = (identity, circumstances.device) {
            // Nothing about the account says by what it is counted.
            let admitted = lockouts.admit(LockoutKey::of_email(email), None, circumstances);
            let (found, admitted) = join(self.ports.accounts.by_email(email), admitted).await;
            let admitted = admitted?;
            return match found {
                Ok(found) => Ok((found, None, admitted)),
                Err(error) => {
                    let _ = lockouts.abandoned(admitted).await;
                    Err(error.into())
                }
            };
        }
        let (found, device) = try_join(self.find(identity), self.known(circumstances.device)).await?;
        let account = found.as_ref().map(|found| &found.account);
        let device = device.filter(|device| account.is_some_and(|account| account.id == device.user_id));
        let key = match (account, identity) {
            (Some(account), _) => LockoutKey::of_email(&account.email),
            (None, Identity::Email(email)) => LockoutKey::of_email(email),
            (None, Identity::Username(username)) => LockoutKey::of_username(username),
        };
        let admitted = lockouts.admit(key, device.map(LockoutKey::of_device), circumstances);
        Ok((found, device, admitted.await?))
    }

    pub(super) async fn find(&self, identity: &Identity) -> Result<Option<AccountWithPassword>, PortError> {
        match identity {
            Identity::Email(email) => self.ports.accounts.by_email(email).await,
            Identity::Username(username) => self.ports.accounts.by_username(username).await,
        }
    }

    /// Begins a session of somebody who showed who they are; every way of signing in ends here.
    ///
    /// `lets_in` reads the account, then whether what was shown still opens it. It is asked again where somebody changed the
    /// account before the session was kept: whoever came in by what went with that change stays out.
    pub(super) async fn open(
        &self,
        lets_in: impl AsyncFn() -> Result<Option<Account>, PortError>,
        proof: Proof,
        circumstances: &Circumstances,
    ) -> Result<SignedIn, SignInError> {
        let account = lets_in().await?.ok_or(SignInError::InvalidCredentials)?;
        let device = self.known_device(account.id, circumstances).await?;
        self.open_on(device, account, lets_in, proof, circumstances).await
    }

    /// As [`Sessions::open`], of an account that was read with what was shown, on a device of which it is known whether the
    /// account knows it.
    pub(super) async fn open_on(
        &self,
        device: Option<SeenDevice>,
        mut account: Account,
        lets_in: impl AsyncFn() -> Result<Option<Account>, PortError>,
        proof: Proof,
        circumstances: &Circumstances,
    ) -> Result<SignedIn, SignInError> {
        let id = account.id;
        // Only who comes to an account that is deleted takes that back, not who was on the way while its owner did it.
        let was_deleted = !account.is_active();
        for _ in 0..ATTEMPTS {
            if !was_deleted && !account.is_active() {
                return Err(SignInError::Deactivated);
            }
            if let Some(signed_in) = self.try_open(device, account, proof, circumstances).await? {
                return Ok(signed_in);
            }
            let Some(again) = lets_in().await? else {
                self.note_refusal(Some(id), circumstances).await?;
                return Err(SignInError::InvalidCredentials);
            };
            account = again;
        }
        Err(SignInError::Busy)
    }

    /// Begins a session, unless somebody changed the account since it was read.
    async fn try_open(
        &self,
        device: Option<SeenDevice>,
        account: Account,
        proof: Proof,
        circumstances: &Circumstances,
    ) -> Result<Option<SignedIn>, SignInError> {
        let account = match &account.standing {
            Standing::Active => Some(account),
            Standing::Deleted(deletion) if deletion.by_owner => {
                self.keep_after_all(account, circumstances).await?
            }
            Standing::Deleted(_) | Standing::Deactivated { .. } => return Err(SignInError::Deactivated),
        };
        let Some(account) = account else { return Ok(None) };
        let session = self.begin(account.id, proof, device.map(|device| device.id), circumstances);
        let consequences = self.news_of(&session, &account, device, circumstances);
        let inserted = self
            .ports
            .sessions
            .insert(&session, account.revision, &consequences);
        let account = inserted.await?;
        Ok(account
            .map(|account| self.signed_in(account, &session))
            .transpose()?)
    }

    /// What is written with a new session. On a device that the account does not know, its owner is told, and the account
    /// knows it from then on.
    fn news_of(
        &self,
        session: &Session,
        account: &Account,
        device: Option<SeenDevice>,
        circumstances: &Circumstances,
    ) -> Consequences {
        let entry = self
            .recorder
            .by_owner(account.id, Action::SessionStarted, circumstances)
            .with("session", session.id.to_string())
            .with("proof", session.proof.as_str());
        let consequences = Consequences::from(entry);
        if device.is_some() || account.last_login_at.is_none() {
            return consequences;
        }
        let user_agent = session.device.user_agent.as_ref();
        let message = Message::NewDevice {
            user_agent: user_agent.map(|agent| agent.as_str().to_owned()),
            address: session.device.address,
            at: session.created_at,
        };
        consequences.and_mail(self.recorder.mail(account, message))
    }

    /// The device that a request came from, if the account knows it.
    pub async fn known_device(
        &self,
        user: UserId,
        circumstances: &Circumstances,
    ) -> Result<Option<SeenDevice>, PortError> {
        let device = circumstances.device.filter(|device| device.user_id == user);
        self.known(device).await
    }

    async fn known(&self, device: Option<SeenDevice>) -> Result<Option<SeenDevice>, PortError> {
        match device {
            Some(device) => Ok(self.ports.devices.is_known(device).await?.then_some(device)),
            None => Ok(None),
        }
    }

    /// Takes back the deletion of an account by its owner, unless somebody changed it since it was read.
    async fn keep_after_all(
        &self,
        account: Account,
        circumstances: &Circumstances,
    ) -> Result<Option<Account>, PortError> {
        let after = account.changed(self.ports.clock.now(), |next| next.standing = Standing::Active);
        let entry = self
            .recorder
            .by_owner(account.id, Action::DeletionCancelled, circumstances);
        let mail = self.recorder.mail(&account, Message::DeletionCancelled);
        let change = AccountChange::new(&account, after, Consequences::from(entry).and_mail(mail));
        match self.ports.accounts.save(&change).await {
            Ok(_) => Ok(Some(change.account)),
            Err(SaveAccountError::Port(error)) => Err(error),
            Err(_) => Ok(None),
        }
    }

    /// Notes that somebody was not let in.
    pub(super) async fn note_refusal(
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
