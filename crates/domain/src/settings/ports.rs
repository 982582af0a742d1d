//! The store of settings.

use async_trait::async_trait;

use super::{Preferences, Retention};
use crate::consequences::Consequences;
use crate::ids::UserId;
use crate::port::PortError;
use crate::time::Timestamp;

/// Preferences as they are kept.
#[derive(Debug, Clone, PartialEq)]
pub struct KeptPreferences {
    /// What is wanted.
    pub preferences: Preferences,
    /// Counts their changes, from 1; a save names the one it read.
    pub revision: u64,
    /// When they last changed.
    pub updated_at: Timestamp,
}

/// Why preferences were not kept.
#[derive(Debug, thiserror::Error)]
pub enum SavePreferencesError {
    /// They are not of the revision that was expected.
    #[error("the settings have changed meanwhile")]
    Conflict,
    /// Anything else.
    #[error(transparent)]
    Port(#[from] PortError),
}

/// Keeps what each learner wants.
#[async_trait]
pub trait SettingsStore: Send + Sync {
    /// What a learner wants; `None` for whoever never said.
    async fn by_user(&self, user: UserId) -> Result<Option<KeptPreferences>, PortError>;

    /// The retention that a learner wants, if they ever said anything.
    async fn desired_retention(&self, user: UserId) -> Result<Option<Retention>, PortError>;

    /// Keeps preferences and writes the consequences, all or nothing.
    ///
    /// - The revision there must be one less than the one that is kept; 0 is that of whoever never said. Else nothing is
    ///   written. Of several who save at once, one does.
    /// - A learner without an account is refused as [`crate::port::PortErrorKind::OwnerGone`].
    async fn save(
        &self,
        user: UserId,
        kept: &KeptPreferences,
        consequences: &Consequences,
    ) -> Result<(), SavePreferencesError>;
}
