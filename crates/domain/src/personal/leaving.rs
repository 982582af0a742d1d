//! The end of an account by its owner, who may change their mind for a while by signing in.

use chrono::TimeDelta;

use super::PersonalData;
use crate::accounts::{Account, AccountChange, Deletion, Ends, Principal, SaveAccountError, Standing};
use crate::audit::{Action, Circumstances};
use crate::consequences::Consequences;
use crate::mail::Message;
use crate::port::PortError;
use crate::time::Timestamp;

/// For how long the owner of an account may change their mind.
pub const DELETION_DELAY: TimeDelta = TimeDelta::days(14);
/// How often it is tried again when somebody else changed the account first.
const SAVE_ATTEMPTS: usize = 4;

/// Why an account does not end.
#[derive(Debug, thiserror::Error)]
pub enum DeleteAccountError {
    /// It is gone or out of use.
    #[error("there is no such account")]
    NotFound,
    /// Nobody would be left who looks after accounts.
    #[error("the last administrator stays")]
    LastAdministrator,
    /// The account was changed by others again and again.
    #[error("the account is changed by others at the same time")]
    Conflict,
    /// Anything else.
    #[error(transparent)]
    Port(#[from] PortError),
}

impl PersonalData {
    /// Deletes the account of whoever asks, for good after two weeks, and ends all its sessions; says when it will be gone.
    ///
    /// Whoever asks has shown lately who they are. Signing in until then takes it back.
    pub async fn delete_account(
        &self,
        principal: &Principal,
        circumstances: &Circumstances,
    ) -> Result<Timestamp, DeleteAccountError> {
        for _ in 0..SAVE_ATTEMPTS {
            let found = self.ports.accounts.by_id(principal.user_id).await?;
            let account = found.filter(Account::is_active);
            let account = account.ok_or(DeleteAccountError::NotFound)?;
            let (change, purge_at) = self.leaving(&account, circumstances);
            match self.ports.accounts.save(&change).await {
                Ok(ended) => {
                    self.ports.sessions.announce_ended(&ended).await;
                    return Ok(purge_at);
                }
                Err(SaveAccountError::LastAdministrator) => {
                    return Err(DeleteAccountError::LastAdministrator);
                }
                Err(SaveAccountError::Port(error)) => return Err(error.into()),
                // Somebody was faster: it is looked at again.
                Err(_) => {}
            }
        }
        Err(DeleteAccountError::Conflict)
    }

    fn leaving(&self, account: &Account, circumstances: &Circumstances) -> (AccountChange, Timestamp) {
        let now = self.ports.clock.now();
        let purge_at = now + DELETION_DELAY;
        let deletion = Deletion {
            by_owner: true,
            reason: None,
            since: now,
            purge_at,
        };
        let after = account.changed(now, |next| next.standing = Standing::Deleted(deletion));
        let entry = self
            .recorder
            .by_owner(account.id, Action::DeletionRequested, circumstances);
        let mail = self
            .recorder
            .mail(account, Message::DeletionRequested { purge_at });
        let consequences = Consequences::from(entry).and_mail(mail);
        let change = AccountChange::new(account, after, consequences).ending(Ends::AllSessions);
        (change, purge_at)
    }
}
