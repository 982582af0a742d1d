//! The directory of all accounts.

use async_trait::async_trait;

use super::AccountQuery;
use crate::accounts::Account;
use crate::audit::AuditEntry;
use crate::ids::UserId;
use crate::port::PortError;
use crate::time::Timestamp;

/// A place in the directory: that of an account.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AccountPlace {
    /// When the account was made.
    pub created_at: Timestamp,
    /// Its id.
    pub id: UserId,
}

impl From<&Account> for AccountPlace {
    fn from(account: &Account) -> Self {
        Self {
            created_at: account.created_at,
            id: account.id,
        }
    }
}

/// Looks through all accounts, and deletes those whose time has come.
#[async_trait]
pub trait AccountDirectory: Send + Sync {
    /// At most `limit` accounts that answer a query, from behind a place on.
    ///
    /// - The youngest comes first; of those made at the same instant, the one with the greatest id.
    /// - Pages go on where others ended, whatever is made or deleted meanwhile.
    /// - A text finds who begins with it by email, username or display name; no character in it means anything but itself.
    /// - All filters hold at once.
    async fn page(
        &self,
        query: &AccountQuery,
        after: Option<AccountPlace>,
        limit: u32,
    ) -> Result<Vec<Account>, PortError>;

    /// At most `limit` deleted accounts that are to be gone by an instant, those whose time came first.
    async fn due(&self, now: Timestamp, limit: u32) -> Result<Vec<UserId>, PortError>;

    /// Deletes an account that is to be gone by an instant, with all that belongs to it, and tells of it in the audit log;
    /// whether it did.
    ///
    /// - Nothing of the account is left, but entries of the audit log.
    /// - An account that was restored meanwhile stays, and nothing is told.
    /// - Of many who purge the same at once, one does.
    async fn purge(&self, id: UserId, now: Timestamp, entry: &AuditEntry) -> Result<bool, PortError>;
}
