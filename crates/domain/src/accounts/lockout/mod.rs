//! Lockout: how many guesses somebody has at a password.

mod key;
mod policy;
mod ports;
mod service;
mod tally;

pub use key::LockoutKey;
pub use policy::{Admission, Counts, LockoutPolicy, Outcome, Settlement, Settling, Verdict};
pub use ports::{Attempt, LockoutStore, Unlock, Unlocked};
pub use service::{Admitted, LockoutPorts, Lockouts, NotAdmitted, UNLOCK_LIFETIME, UnlockError};
pub use tally::{Tally, Terms};
