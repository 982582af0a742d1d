//! The stores of accounts, sessions and one-time secrets, and the set of revoked sessions in the process.

use async_trait::async_trait;

use super::{
    Account, AccountWithPassword, Email, LinkedIdentity, OneTimeSecret, PasswordHash, Proof, Rotation,
    RotationTerms, Session, Username,
};
use crate::consequences::Consequences;
use crate::ids::{SecretId, SessionId, UserId};
use crate::port::PortError;
use crate::time::Timestamp;

/// Why an account was not made.
#[derive(Debug, thiserror::Error)]
pub enum InsertAccountError {
    /// An account with the same email exists.
    #[error("the email is taken")]
    EmailTaken,
    /// An account with the same username exists.
    #[error("the username is taken")]
    UsernameTaken,
    /// Anything else.
    #[error(transparent)]
    Port(#[from] PortError),
}

/// Why an account was not saved.
#[derive(Debug, thiserror::Error)]
pub enum SaveAccountError {
    /// Somebody else changed it first, or it is gone.
    #[error("the account has changed meanwhile")]
    Conflict,
    /// The one-time secret was used before, has expired, or is somebody else's.
    #[error("the secret is not good any more")]
    SecretSpent,
    /// Another account has the email.
    #[error("the email is taken")]
    EmailTaken,
    /// The identity opens another account, or the account has another one of its provider.
    #[error("the identity is taken")]
    IdentityTaken,
    /// Nobody would be left who looks after accounts.
    #[error("the last administrator stays")]
    LastAdministrator,
    /// Anything else.
    #[error(transparent)]
    Port(#[from] PortError),
}

/// Which sessions end with a change of their account.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Ends {
    /// None.
    #[default]
    Nothing,
    /// All.
    AllSessions,
    /// All but this one.
    OtherSessions(SessionId),
}

/// What of an account goes with a change of it, because somebody else may have set it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Forgets {
    /// Nothing.
    #[default]
    Nothing,
    /// The identities that open it and whose address is not that of the account.
    IdentitiesOfOthers,
    /// All identities but for the one that is linked, the second factor, and the learner's own keys of providers.
    Everything,
}

/// A change of an account, with all that goes with it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AccountChange {
    /// The account as it is to be.
    pub account: Account,
    /// The revision that it has until then.
    pub expected: u64,
    /// The hash of a new password.
    pub password_hash: Option<PasswordHash>,
    /// The one-time secret that is used up by it.
    pub redeems: Option<SecretId>,
    /// The identity that is linked with it.
    pub links: Option<LinkedIdentity>,
    /// What goes with it by which somebody else could have a hand in the account.
    pub forgets: Forgets,
    /// The sessions that end with it.
    pub ends: Ends,
    /// What is written with it.
    pub consequences: Consequences,
}

impl AccountChange {
    /// The change from one state of an account to the next.
    pub fn new(before: &Account, after: Account, consequences: impl Into<Consequences>) -> Self {
        Self {
            account: after,
            expected: before.revision,
            password_hash: None,
            redeems: None,
            links: None,
            forgets: Forgets::Nothing,
            ends: Ends::Nothing,
            consequences: consequences.into(),
        }
    }

    /// The same, which ends sessions.
    pub fn ending(self, ends: Ends) -> Self {
        Self { ends, ..self }
    }

    /// The same, which uses a secret up.
    pub fn redeeming(self, secret: SecretId) -> Self {
        Self {
            redeems: Some(secret),
            ..self
        }
    }

    /// The same, which links an identity.
    pub fn linking(self, identity: LinkedIdentity) -> Self {
        Self {
            links: Some(identity),
            ..self
        }
    }

    /// The same, which forgets what others may have set.
    pub fn forgetting(self, forgets: Forgets) -> Self {
        Self { forgets, ..self }
    }

    /// The same, which takes the account from whoever made it: nothing that they set lets them in any more.
    pub fn taking_back(self) -> Self {
        Self {
            password_hash: Some(self.password_hash.unwrap_or_else(PasswordHash::absent)),
            ends: Ends::AllSessions,
            forgets: Forgets::Everything,
            ..self
        }
    }

    /// The same, which sets a password.
    pub fn with_password(self, hash: PasswordHash) -> Self {
        Self {
            password_hash: Some(hash),
            ..self
        }
    }
}

/// Keeps accounts.
#[async_trait]
pub trait AccountStore: Send + Sync {
    /// Keeps a new account, its first session and the consequences, all or nothing.
    ///
    /// - A second account with the same [`Email::key`] is refused, whoever comes first.
    /// - A second account with the same [`Username::key`] is refused.
    /// - When both are taken, the email is named.
    async fn insert(
        &self,
        account: &AccountWithPassword,
        session: &Session,
        consequences: &Consequences,
    ) -> Result<(), InsertAccountError>;

    /// The account of this id.
    async fn by_id(&self, id: UserId) -> Result<Option<Account>, PortError>;

    /// The account of this address, compared by its key.
    async fn by_email(&self, email: &Email) -> Result<Option<AccountWithPassword>, PortError>;

    /// The account of this username, compared by its key.
    async fn by_username(&self, username: &Username) -> Result<Option<AccountWithPassword>, PortError>;

    /// The account of this id, with its password.
    async fn with_password(&self, id: UserId) -> Result<Option<AccountWithPassword>, PortError>;

    /// Makes a change, all of it or nothing; says which sessions it ended.
    ///
    /// - A new password that ends all sessions takes the keys for programs and the passkeys, too.
    /// - Another revision than the expected one is a conflict.
    /// - A secret that was used, has expired by [`Account::updated_at`] or belongs to somebody else is refused; of many changes
    ///   that use the same one, one is made.
    /// - An email that another account has is refused.
    /// - An identity that opens another account is refused, and a second one of the same provider.
    /// - What is forgotten is gone, but for the identity that is linked.
    /// - The last active administrator stays one, however many changes come at once.
    /// - With another password or email, the account's secrets that were good until then are not any more.
    /// - Sessions that had ended before are not told.
    /// - What is refused leaves no consequences.
    async fn save(&self, change: &AccountChange) -> Result<Vec<SessionId>, SaveAccountError>;

    /// Puts `new` in the place of the password hash `old`.
    ///
    /// - A hash that is no longer `old` is left as it is: a password changed meanwhile wins.
    async fn replace_password_hash(
        &self,
        id: UserId,
        old: &PasswordHash,
        new: &PasswordHash,
    ) -> Result<(), PortError>;
}

/// A session that was ended before its time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RevokedSession {
    /// Which one.
    pub id: SessionId,
    /// When it was ended.
    pub revoked_at: Timestamp,
}

/// Keeps sessions.
#[async_trait]
pub trait SessionStore: Send + Sync {
    /// Keeps a new session of an account with its consequences, and notes the time of the sign-in on the account; gives the
    /// account as it then is. Whoever changes the account from then on finds the session.
    ///
    /// - `None`, and nothing is written, when the account is gone or out of use, or has another revision than `expected`.
    async fn insert(
        &self,
        session: &Session,
        expected: u64,
        consequences: &Consequences,
    ) -> Result<Option<Account>, PortError>;

    /// The session of this id, ended or not.
    async fn by_id(&self, id: SessionId) -> Result<Option<Session>, PortError>;

    /// The sessions of a user that have not ended, the one used last first.
    async fn live(&self, user: UserId, now: Timestamp) -> Result<Vec<Session>, PortError>;

    /// Applies [`Session::rotate`] to the session and keeps what comes of it.
    ///
    /// - The look and the change are one: of many that present the same head at once, one rotates it
    ///   and the others are told the same successor.
    /// - `None` when there is no such session.
    async fn rotate(
        &self,
        id: SessionId,
        presented: u64,
        terms: RotationTerms,
    ) -> Result<Option<Rotation>, PortError>;

    /// Notes that the owner of a session showed again who they are, with the consequences.
    ///
    /// - `false`, and nothing is written, when it has ended or is not this user's.
    async fn authenticated(
        &self,
        user: UserId,
        id: SessionId,
        proof: Proof,
        now: Timestamp,
        consequences: &Consequences,
    ) -> Result<bool, PortError>;

    /// Ends a session of a user, with the consequences.
    ///
    /// - `false`, and nothing is written, when it had ended before, never was, or is not this user's.
    async fn revoke(
        &self,
        user: UserId,
        id: SessionId,
        now: Timestamp,
        consequences: &Consequences,
    ) -> Result<bool, PortError>;

    /// Ends the sessions of a user, but for one that is to go on, with the consequences; says which were ended.
    ///
    /// - Those that had ended before are not told; where there are none, nothing is written.
    async fn revoke_all(
        &self,
        user: UserId,
        except: Option<SessionId>,
        now: Timestamp,
        consequences: &Consequences,
    ) -> Result<Vec<SessionId>, PortError>;

    /// The sessions that were ended at or after an instant.
    async fn revoked_since(&self, since: Timestamp) -> Result<Vec<RevokedSession>, PortError>;

    /// Deletes at most `limit` sessions that expired before an instant; says how many.
    async fn purge_expired(&self, before: Timestamp, limit: u32) -> Result<u32, PortError>;
}

/// Keeps one-time secrets.
#[async_trait]
pub trait SecretStore: Send + Sync {
    /// Keeps consequences of nothing else, all or nothing: secrets, and the mails that carry them.
    ///
    /// - A secret takes the place of those of the same user for the same purpose that were good until then.
    async fn issue(&self, consequences: &Consequences) -> Result<(), PortError>;

    /// The secret of this id, used or not.
    async fn by_id(&self, id: SecretId) -> Result<Option<OneTimeSecret>, PortError>;

    /// Uses a secret up, with the consequences; whether it was still good.
    ///
    /// - Of many that use it at once, one does.
    /// - Where it was not, nothing is written.
    async fn redeem(
        &self,
        user: UserId,
        id: SecretId,
        now: Timestamp,
        consequences: &Consequences,
    ) -> Result<bool, PortError>;

    /// Deletes at most `limit` secrets that expired before an instant; says how many.
    async fn purge_expired(&self, before: Timestamp, limit: u32) -> Result<u32, PortError>;
}

/// The sessions whose access tokens are refused before their time, held in the process.
pub trait RevokedSessions: Send + Sync {
    /// Refuses the access tokens of a session until they have expired anyway.
    fn insert(&self, id: SessionId, until: Timestamp);

    /// Whether the access tokens of a session are refused.
    fn contains(&self, id: SessionId) -> bool;

    /// Forgets the sessions whose access tokens have all expired.
    fn forget_before(&self, now: Timestamp);
}
