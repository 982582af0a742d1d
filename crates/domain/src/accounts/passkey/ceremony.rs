//! What is done with a device, as the rest of the domain sees it: options out, an answer in.

use serde_json::Value;

use super::{CredentialId, PasskeyCredential};
use crate::ids::{PasskeyChallengeId, UserId};
use crate::port::PortError;

/// What is remembered of a ceremony between its options and its answer. It tells nothing of who takes part.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CeremonyState(pub String);

/// A ceremony that has begun.
#[derive(Debug, Clone, PartialEq)]
pub struct Begun {
    /// For the browser: the JSON form of `PublicKeyCredentialCreationOptions` or `PublicKeyCredentialRequestOptions`.
    pub options: Value,
    /// For the check of the answer.
    pub state: CeremonyState,
}

/// Whose passkey is to be made, as the device shows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PasskeyOwner {
    /// What the device gives back with each answer.
    pub user_id: UserId,
    /// By what they tell their accounts apart.
    pub name: String,
    /// What they are called.
    pub display_name: String,
}

/// The answer of a device, with the challenge that it is to.
#[derive(Debug, Clone, PartialEq)]
pub struct PasskeyAnswer {
    /// The challenge.
    pub challenge: PasskeyChallengeId,
    /// The JSON form of `PublicKeyCredential`.
    pub credential: Value,
}

/// Whose passkey an answer says that it is of. Nothing of it is shown yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Claim {
    /// The account.
    pub user_id: UserId,
    /// The passkey.
    pub credential: CredentialId,
}

/// What an answer has shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Asserted {
    /// How often the device says that the passkey was used; 0 where it does not count.
    pub counter: u32,
}

/// Why an answer is not taken.
#[derive(Debug, thiserror::Error)]
pub enum CeremonyError {
    /// It is no such answer, or not one to this challenge, for this site, of this key, by somebody who was verified.
    #[error("the answer of the device is not good")]
    Refused,
    /// It counts less than was counted when the passkey was made: there may be another device with the same key.
    #[error("the counter of the passkey went backwards")]
    WentBack,
    /// Anything else.
    #[error(transparent)]
    Port(#[from] PortError),
}

/// Conducts the ceremonies of `WebAuthn`. It computes, and keeps nothing.
///
/// Each wants that the device verified who uses it, and takes answers from the origins of this site alone.
pub trait PasskeyCeremonies: Send + Sync {
    /// Begins to make a passkey that the device finds by itself later, on none of the devices that have one.
    fn begin_registration(&self, owner: &PasskeyOwner, excluded: &[CredentialId])
    -> Result<Begun, PortError>;

    /// The passkey that was made.
    fn finish_registration(
        &self,
        state: &CeremonyState,
        answer: &Value,
    ) -> Result<PasskeyCredential, CeremonyError>;

    /// Begins to ask for whatever passkey of this site a device has. Nothing of the options depends on an account.
    fn begin_assertion(&self) -> Result<Begun, PortError>;

    /// Whose passkey an answer says that it is of.
    fn claim(&self, answer: &Value) -> Result<Claim, CeremonyError>;

    /// Checks an answer against the passkey that it says it is of.
    fn finish_assertion(
        &self,
        state: &CeremonyState,
        answer: &Value,
        credential: &PasskeyCredential,
    ) -> Result<Asserted, CeremonyError>;
}
