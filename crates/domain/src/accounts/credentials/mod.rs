//! What shows who somebody is: the use-cases of proving an address, and of changing it and the password.

mod email_change;
mod password_change;
mod reset;
mod verification;

use std::sync::Arc;
use std::time::Duration;

pub use email_change::{ConfirmEmailChangeError, EmailChange, RequestEmailChangeError};
pub use password_change::ChangePasswordError;
pub use reset::ResetPasswordError;
pub(super) use verification::asking;
pub use verification::{RequestVerificationError, VerifyEmailError};

use super::{
    ATTEMPTS, Account, AccountChange, AccountStore, Lockouts, OneTimeSecrets, PasswordHasher, PasswordPolicy,
    SaveAccountError, Sessions,
};
use crate::consequences::Recorder;
use crate::ids::{IdGenerator, UserId};
use crate::limits::{Limit, LimitDecision, RateLimiter};
use crate::port::PortError;
use crate::time::Clock;

/// How many mails of one kind may be asked for in an hour, for one account or address.
const MAILS_PER_HOUR: u32 = 3;

/// What [`Credentials`] calls.
#[derive(Clone)]
pub struct CredentialPorts {
    /// The accounts.
    pub accounts: Arc<dyn AccountStore>,
    /// The sessions.
    pub sessions: Arc<Sessions>,
    /// The one-time secrets.
    pub secrets: OneTimeSecrets,
    /// The attempts to show who somebody is.
    pub lockouts: Arc<Lockouts>,
    /// Hashes passwords.
    pub hasher: Arc<dyn PasswordHasher>,
    /// Counts the mails that are asked for.
    pub limiter: Arc<dyn RateLimiter>,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// New ids.
    pub ids: Arc<dyn IdGenerator>,
}

/// The use-cases of addresses and passwords.
pub struct Credentials {
    ports: CredentialPorts,
    passwords: PasswordPolicy,
    recorder: Recorder,
}

impl Credentials {
    /// The use-cases over these ports.
    pub fn new(ports: CredentialPorts, passwords: PasswordPolicy) -> Self {
        Self {
            recorder: Recorder::new(Arc::clone(&ports.clock), Arc::clone(&ports.ids)),
            ports,
            passwords,
        }
    }

    /// Counts one more mail of a kind for a key.
    async fn count_mail(&self, kind: &'static str, key: &str) -> Result<LimitDecision, PortError> {
        let limit = Limit {
            name: kind,
            quota: MAILS_PER_HOUR,
            window: Duration::from_hours(1),
        };
        self.ports.limiter.take(key, &limit).await
    }

    /// Saves what `decide` makes of an account, again while others change it at the same time.
    ///
    /// An account that is gone, or that may not be changed, is a secret that is not good any more. Gives the account as it
    /// is then.
    async fn save(
        &self,
        user: UserId,
        decide: impl Fn(&Account) -> Option<AccountChange> + Send + Sync,
    ) -> Result<Account, SaveAccountError> {
        for _ in 0..ATTEMPTS {
            let before = self.ports.accounts.by_id(user).await?;
            let change = before.as_ref().and_then(&decide);
            let change = change.ok_or(SaveAccountError::SecretSpent)?;
            match self.ports.accounts.save(&change).await {
                Ok(ended) => {
                    self.ports.sessions.announce_ended(&ended).await;
                    return Ok(change.account);
                }
                Err(SaveAccountError::Conflict) => {}
                Err(error) => return Err(error),
            }
        }
        Err(SaveAccountError::Conflict)
    }
}
