//! The second factor: codes by time, recovery codes, and what stands between the password and such a code.

mod challenge;
mod checks;
mod code;
mod ports;
mod recovery;
mod service;
mod sign_in;
mod step_up;
mod totp;

pub use challenge::{CHALLENGE_LIFETIME, Challenge, Challenges};
pub use checks::{SecondFactorChecks, SecondFactorPorts};
pub use code::{InvalidCode, SecondFactorCode};
pub use ports::{NewFactor, SecondFactor, SecondFactorRecord, SecondFactorStore};
pub use recovery::{RECOVERY_CODES, RecoveryCode};
pub use service::{
    BeginSecondFactorError, ConfirmSecondFactorError, Enrolment, RemoveSecondFactorError,
    RenewRecoveryCodesError, SecondFactorState, SecondFactors,
};
pub use sign_in::CodeSignInError;
pub use step_up::AuthorityError;
pub use totp::{InvalidTotpCode, TotpCode, TotpSecret};
