//! Passkeys: keys of a learner's devices that show who they are, without anything that could be told to somebody else.

mod ceremony;
mod challenge;
mod key;
mod ports;
mod registration;
mod service;
mod sign_in;

pub use ceremony::{
    Asserted, Begun, CeremonyError, CeremonyState, Claim, PasskeyAnswer, PasskeyCeremonies, PasskeyOwner,
};
pub use challenge::{PASSKEY_CHALLENGE_LIFETIME, PasskeyAudience, PasskeyChallenge};
pub use key::{CredentialId, InvalidPasskeyName, Passkey, PasskeyCredential, PasskeyName};
pub use ports::{InsertPasskeyError, PasskeyStore, PasskeyUse, RemovePasskeyError};
pub use registration::{AddPasskey, AddPasskeyError, BeginPasskeyError};
pub use service::{ChangePasskeyError, MOST_PASSKEYS, PasskeyOptions, PasskeyPorts, Passkeys, PasskeysOff};
pub use sign_in::{PasskeySignInError, PasskeyStepUpError};
