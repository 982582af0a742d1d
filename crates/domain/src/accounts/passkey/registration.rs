//! How a passkey is added: options for a device, then what it made.

use super::{
    CeremonyError, InsertPasskeyError, MOST_PASSKEYS, Passkey, PasskeyAnswer, PasskeyAudience, PasskeyName,
    PasskeyOptions, PasskeyOwner, Passkeys, PasskeysOff,
};
use crate::accounts::{Account, Principal};
use crate::audit::{Action, Circumstances};
use crate::ids::PasskeyId;
use crate::port::PortError;

/// The command to add a passkey that a device has made.
#[derive(Debug, Clone)]
pub struct AddPasskey {
    /// What its owner calls it.
    pub name: PasskeyName,
    /// What the device answered.
    pub answer: PasskeyAnswer,
}

/// Why no passkey was begun.
#[derive(Debug, thiserror::Error)]
pub enum BeginPasskeyError {
    /// There are too many.
    #[error("the account has as many passkeys as it can have")]
    TooMany,
    /// The account is gone or out of use.
    #[error("the account is not in use")]
    Ended,
    /// The installation has none.
    #[error(transparent)]
    Off(#[from] PasskeysOff),
    /// Anything else.
    #[error(transparent)]
    Port(#[from] PortError),
}

/// Why a passkey was not added.
#[derive(Debug, thiserror::Error)]
pub enum AddPasskeyError {
    /// The challenge was used before, has expired or is another session's, or the answer does not fit it.
    #[error("the answer of the device is not good")]
    Refused,
    /// The account has it already.
    #[error("the account has this passkey already")]
    Exists,
    /// There are too many.
    #[error("the account has as many passkeys as it can have")]
    TooMany,
    /// The session has ended, or the account is gone or out of use.
    #[error("the session has ended")]
    Ended,
    /// The installation has none.
    #[error(transparent)]
    Off(#[from] PasskeysOff),
    /// Anything else.
    #[error(transparent)]
    Port(#[from] PortError),
}

impl From<InsertPasskeyError> for AddPasskeyError {
    fn from(error: InsertPasskeyError) -> Self {
        match error {
            InsertPasskeyError::Exists => Self::Exists,
            InsertPasskeyError::TooMany => Self::TooMany,
            InsertPasskeyError::SessionEnded => Self::Ended,
            InsertPasskeyError::Port(error) => error.into(),
        }
    }
}

impl From<CeremonyError> for AddPasskeyError {
    fn from(error: CeremonyError) -> Self {
        match error {
            CeremonyError::Refused | CeremonyError::WentBack => Self::Refused,
            CeremonyError::Port(error) => error.into(),
        }
    }
}

impl Passkeys {
    /// What a device needs to make a passkey for the caller, on none that has one already.
    ///
    /// Whoever calls it has made sure that the caller showed lately who they are.
    pub async fn begin(&self, principal: &Principal) -> Result<PasskeyOptions, BeginPasskeyError> {
        let ceremonies = self.ceremonies()?;
        let account = self.account(principal.user_id).await?;
        let account = account.ok_or(BeginPasskeyError::Ended)?;
        let there = self.ports.passkeys.list(account.id).await?;
        if there.len() >= MOST_PASSKEYS as usize {
            return Err(BeginPasskeyError::TooMany);
        }
        let excluded: Vec<_> = there.into_iter().map(|passkey| passkey.credential.id).collect();
        let begun = ceremonies.begin_registration(&owner(&account), &excluded)?;
        let audience = PasskeyAudience::Session(principal.session_id);
        Ok(self.issue(audience, begun).await?)
    }

    /// Adds the passkey that a device made, and tells the owner by mail.
    ///
    /// Whoever calls it has made sure that the caller showed lately who they are. Whatever comes of it, the challenge is used
    /// up.
    pub async fn add(
        &self,
        principal: &Principal,
        command: AddPasskey,
        circumstances: &Circumstances,
    ) -> Result<Passkey, AddPasskeyError> {
        let ceremonies = self.ceremonies()?;
        let account = self.account(principal.user_id).await?;
        let account = account.ok_or(AddPasskeyError::Ended)?;
        let (AddPasskey { name, answer }, now) = (command, self.ports.clock.now());
        let audience = PasskeyAudience::Session(principal.session_id);
        let state = self.ports.passkeys.redeem(answer.challenge, audience, now);
        let state = state.await?.ok_or(AddPasskeyError::Refused)?;
        let credential = ceremonies.finish_registration(&state, &answer.credential)?;
        let passkey = Passkey {
            id: PasskeyId(self.ports.ids.next()),
            user_id: account.id,
            name,
            credential,
            counter: 0,
            created_at: now,
            last_used_at: None,
        };
        let news = self.news(&account, Action::PasskeyAdded, passkey.id, circumstances);
        let by = principal.session_id;
        let inserted = self.ports.passkeys.insert(&passkey, by, MOST_PASSKEYS, &news);
        inserted.await?;
        Ok(passkey)
    }
}

/// The device shows the address, by which people tell their accounts apart.
fn owner(account: &Account) -> PasskeyOwner {
    let email = account.email.as_str();
    let display_name = account.display_name.as_ref();
    PasskeyOwner {
        user_id: account.id,
        name: email.to_owned(),
        display_name: display_name.map_or(email, |name| name.as_str()).to_owned(),
    }
}
