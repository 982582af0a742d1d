//! How a passkey shows who somebody is: to sign in, or again within a session.

use super::{
    Asserted, CeremonyError, CeremonyState, Passkey, PasskeyAnswer, PasskeyAudience, PasskeyOptions,
    PasskeyUse, Passkeys, PasskeysOff,
};
use crate::accounts::{Principal, Proof, SignInError, SignedIn, StepUpError};
use crate::audit::{Action, Actor, Circumstances};
use crate::ids::UserId;
use crate::port::PortError;
use crate::time::Timestamp;

/// Why nobody was signed in by a passkey.
#[derive(Debug, thiserror::Error)]
pub enum PasskeySignInError {
    /// The challenge was used before or has expired, or the answer does not fit it; which of these is not said.
    #[error("the passkey is not accepted")]
    Refused,
    /// The account was put out of use or deleted by an administrator; said only to whoever showed that it is theirs.
    #[error("the account is not in use")]
    Deactivated,
    /// The installation has none.
    #[error(transparent)]
    Off(#[from] PasskeysOff),
    /// The account was changed by others again and again.
    #[error("the account is changed by others at the same time")]
    Busy,
    /// Anything else.
    #[error(transparent)]
    Port(#[from] PortError),
}

/// Why somebody did not show again by a passkey who they are.
#[derive(Debug, thiserror::Error)]
pub enum PasskeyStepUpError {
    /// The challenge was used before or has expired, or the answer does not fit it or is somebody else's.
    #[error("the passkey is not accepted")]
    Refused,
    /// The session has ended.
    #[error("the session has ended")]
    Ended,
    /// The installation has none.
    #[error(transparent)]
    Off(#[from] PasskeysOff),
    /// Anything else.
    #[error(transparent)]
    Port(#[from] PortError),
}

/// Why an answer shows nothing.
enum NotShown {
    /// It is not good.
    Refused,
    Off(PasskeysOff),
    Port(PortError),
}

impl From<PortError> for NotShown {
    fn from(error: PortError) -> Self {
        Self::Port(error)
    }
}

/// Who presents an answer.
#[derive(Clone, Copy)]
enum Presenter {
    /// Somebody who wants to be let in.
    Anybody,
    /// The owner of a session, who shows again who they are.
    Owner(UserId),
}

impl Passkeys {
    /// What a device needs to show who uses it. The same for everybody: nothing tells whether there is an account.
    pub async fn begin_sign_in(&self) -> Result<PasskeyOptions, PasskeySignInError> {
        let begun = self.ceremonies()?.begin_assertion()?;
        Ok(self.issue(PasskeyAudience::Anybody, begun).await?)
    }

    /// Signs in with the answer of a device, which stands on two factors: to have it, and to be known to it.
    pub async fn sign_in(
        &self,
        answer: &PasskeyAnswer,
        circumstances: &Circumstances,
    ) -> Result<SignedIn, PasskeySignInError> {
        let passkey = self.shown(answer, Presenter::Anybody, circumstances).await?;
        let lets_in = async || {
            let account = self.ports.sessions.ports.accounts.by_id(passkey.user_id).await?;
            let passkeys = self.ports.passkeys.list(passkey.user_id).await?;
            let is_its = passkeys.iter().any(|held| held.id == passkey.id);
            Ok(account.filter(|_| is_its))
        };
        let opened = self.ports.sessions.open(lets_in, Proof::Passkey, circumstances);
        opened.await.map_err(not_opened)
    }

    /// Shows again who somebody is; says until when that counts.
    pub async fn step_up(
        &self,
        principal: &Principal,
        answer: &PasskeyAnswer,
        circumstances: &Circumstances,
    ) -> Result<Timestamp, PasskeyStepUpError> {
        let (sessions, now) = (&self.ports.sessions, self.ports.clock.now());
        let session = sessions.live_session(principal, now).await?;
        let session = session.ok_or(PasskeyStepUpError::Ended)?;
        if self.account(principal.user_id).await?.is_none() {
            return Err(PasskeyStepUpError::Ended);
        }
        let presenter = Presenter::Owner(principal.user_id);
        self.shown(answer, presenter, circumstances).await?;
        let noted = sessions.note_proof(&session, Proof::Passkey, circumstances);
        noted.await.map_err(|error| match error {
            StepUpError::Port(error) => error.into(),
            _ => PasskeyStepUpError::Ended,
        })
    }

    /// The passkey that an answer is of. Whatever comes of it, the challenge is used up.
    async fn shown(
        &self,
        answer: &PasskeyAnswer,
        presenter: Presenter,
        circumstances: &Circumstances,
    ) -> Result<Passkey, NotShown> {
        let ceremonies = self.ceremonies().map_err(NotShown::Off)?;
        let now = self.ports.clock.now();
        let redeemed = self
            .ports
            .passkeys
            .redeem(answer.challenge, PasskeyAudience::Anybody, now);
        let state = redeemed.await?.ok_or(NotShown::Refused)?;
        let Ok(claim) = ceremonies.claim(&answer.credential) else {
            return Err(self.refused(presenter, None, circumstances).await);
        };
        let passkeys = match presenter {
            Presenter::Owner(owner) if owner != claim.user_id => Vec::new(),
            _ => self.ports.passkeys.list(claim.user_id).await?,
        };
        let found = passkeys
            .into_iter()
            .find(|passkey| passkey.credential.id == claim.credential);
        match found {
            Some(passkey) => {
                self.checked(passkey, &state, answer, presenter, circumstances)
                    .await
            }
            None => Err(self.refused(presenter, None, circumstances).await),
        }
    }

    /// The passkey, if the answer is of it and its counter went on.
    async fn checked(
        &self,
        passkey: Passkey,
        state: &CeremonyState,
        answer: &PasskeyAnswer,
        presenter: Presenter,
        circumstances: &Circumstances,
    ) -> Result<Passkey, NotShown> {
        let ceremonies = self.ceremonies().map_err(NotShown::Off)?;
        match ceremonies.finish_assertion(state, &answer.credential, &passkey.credential) {
            Ok(Asserted { counter }) => {
                let at = self.ports.clock.now();
                let using = PasskeyUse { counter, at };
                let used = self.ports.passkeys.used(passkey.user_id, passkey.id, &using);
                if used.await? {
                    return Ok(passkey);
                }
                Err(self.went_back(&passkey, presenter, circumstances).await)
            }
            Err(CeremonyError::WentBack) => Err(self.went_back(&passkey, presenter, circumstances).await),
            Err(CeremonyError::Refused) => Err(self
                .refused(presenter, Some(passkey.user_id), circumstances)
                .await),
            Err(CeremonyError::Port(error)) => Err(error.into()),
        }
    }

    /// Notes that somebody did not show who they are.
    async fn refused(
        &self,
        presenter: Presenter,
        subject: Option<UserId>,
        circumstances: &Circumstances,
    ) -> NotShown {
        let entry = match presenter {
            Presenter::Anybody => {
                self.recorder
                    .entry(Actor::Anonymous, Action::SignInRefused, subject, circumstances)
            }
            Presenter::Owner(owner) => self
                .recorder
                .by_owner(owner, Action::StepUpRefused, circumstances),
        };
        let entry = entry.with("proof", Proof::Passkey.as_str());
        match self.ports.sessions.ports.audit.append(&[entry]).await {
            Ok(()) => NotShown::Refused,
            Err(error) => error.into(),
        }
    }

    /// Notes besides that a passkey counts less than it did: another device may have a copy of it.
    async fn went_back(
        &self,
        passkey: &Passkey,
        presenter: Presenter,
        circumstances: &Circumstances,
    ) -> NotShown {
        let entry = self
            .recorder
            .entry(
                Actor::Anonymous,
                Action::PasskeyWentBack,
                Some(passkey.user_id),
                circumstances,
            )
            .with("passkey", passkey.id.to_string());
        match self.ports.sessions.ports.audit.append(&[entry]).await {
            Ok(()) => {
                self.refused(presenter, Some(passkey.user_id), circumstances)
                    .await
            }
            Err(error) => error.into(),
        }
    }
}

impl From<NotShown> for PasskeySignInError {
    fn from(refusal: NotShown) -> Self {
        match refusal {
            NotShown::Refused => Self::Refused,
            NotShown::Off(off) => off.into(),
            NotShown::Port(error) => error.into(),
        }
    }
}

impl From<NotShown> for PasskeyStepUpError {
    fn from(refusal: NotShown) -> Self {
        match refusal {
            NotShown::Refused => Self::Refused,
            NotShown::Off(off) => off.into(),
            NotShown::Port(error) => error.into(),
        }
    }
}

fn not_opened(error: SignInError) -> PasskeySignInError {
    match error {
        SignInError::Deactivated => PasskeySignInError::Deactivated,
        SignInError::Busy => PasskeySignInError::Busy,
        SignInError::Port(error) => error.into(),
        // None of these is said of somebody who showed who they are, but for an account that changed at this very moment.
        SignInError::InvalidCredentials
        | SignInError::SecondFactorRequired { .. }
        | SignInError::Locked { .. }
        | SignInError::Throttled { .. } => PasskeySignInError::Refused,
    }
}
