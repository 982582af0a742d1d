//! The use-cases of settings: look, state, change.

use std::sync::Arc;

use super::{DataError, KeptPreferences, Preferences, PreferencesPatch, SavePreferencesError, SettingsStore};
use crate::audit::{Action, Circumstances};
use crate::consequences::{Consequences, Recorder};
use crate::ids::{IdGenerator, UserId};
use crate::port::PortError;
use crate::progress::Revisions;
use crate::time::{Clock, Timestamp};

/// How often a change is tried again when somebody else was faster.
const SAVE_ATTEMPTS: usize = 4;

/// Why settings were not changed.
#[derive(Debug, thiserror::Error)]
pub enum SettingsError {
    /// They are not of a revision on which the caller insists.
    #[error("the settings have changed meanwhile")]
    PreconditionFailed,
    /// What apps keep would be too much.
    #[error(transparent)]
    Data(#[from] DataError),
    /// They were changed by others again and again.
    #[error("the settings are changed by others at the same time")]
    Conflict,
    /// Anything else.
    #[error(transparent)]
    Port(#[from] PortError),
}

/// What a learner wants, and of which revision that is.
#[derive(Debug, Clone, PartialEq)]
pub struct CurrentPreferences {
    /// What is wanted.
    pub preferences: Preferences,
    /// Counts the changes; 0 for whoever never said.
    pub revision: u64,
    /// When they last changed, if ever.
    pub updated_at: Option<Timestamp>,
}

impl From<Option<KeptPreferences>> for CurrentPreferences {
    fn from(kept: Option<KeptPreferences>) -> Self {
        kept.map_or_else(
            || Self {
                preferences: Preferences::default(),
                revision: 0,
                updated_at: None,
            },
            |kept| Self {
                preferences: kept.preferences,
                revision: kept.revision,
                updated_at: Some(kept.updated_at),
            },
        )
    }
}

/// The use-cases of settings.
pub struct UserSettings {
    store: Arc<dyn SettingsStore>,
    clock: Arc<dyn Clock>,
    recorder: Recorder,
}

impl UserSettings {
    /// The use-cases over these ports.
    pub fn new(store: Arc<dyn SettingsStore>, clock: Arc<dyn Clock>, ids: Arc<dyn IdGenerator>) -> Self {
        Self {
            store,
            recorder: Recorder::new(Arc::clone(&clock), ids),
            clock,
        }
    }

    /// What a learner wants; the defaults for whoever never said.
    pub async fn current(&self, user: UserId) -> Result<CurrentPreferences, PortError> {
        Ok(self.store.by_user(user).await?.into())
    }

    /// Puts what a learner states in the place of all that they wanted before.
    pub async fn state(
        &self,
        user: UserId,
        statement: PreferencesPatch,
        only_if: Option<&Revisions>,
        circumstances: &Circumstances,
    ) -> Result<CurrentPreferences, SettingsError> {
        let stated = Preferences::stated(statement)?;
        self.change(user, only_if, circumstances, |_| Ok(stated.clone()))
            .await
    }

    /// Changes what a learner wants; what the patch does not name stays.
    pub async fn patch(
        &self,
        user: UserId,
        patch: &PreferencesPatch,
        only_if: Option<&Revisions>,
        circumstances: &Circumstances,
    ) -> Result<CurrentPreferences, SettingsError> {
        self.change(user, only_if, circumstances, |before| before.patched(patch))
            .await
    }

    async fn change(
        &self,
        user: UserId,
        only_if: Option<&Revisions>,
        circumstances: &Circumstances,
        change: impl Fn(&Preferences) -> Result<Preferences, DataError> + Send + Sync,
    ) -> Result<CurrentPreferences, SettingsError> {
        for _ in 0..SAVE_ATTEMPTS {
            let before = self.current(user).await?;
            if !only_if.is_none_or(|revisions| revisions.name(before.revision)) {
                return Err(SettingsError::PreconditionFailed);
            }
            let preferences = change(&before.preferences)?;
            if preferences == before.preferences {
                return Ok(before);
            }
            let kept = KeptPreferences {
                preferences,
                revision: before.revision + 1,
                updated_at: self.clock.now(),
            };
            let entry = self
                .recorder
                .by_owner(user, Action::SettingsChanged, circumstances);
            match self.store.save(user, &kept, &Consequences::from(entry)).await {
                Ok(()) => return Ok(Some(kept).into()),
                Err(SavePreferencesError::Conflict) => {}
                Err(SavePreferencesError::Port(error)) => return Err(error.into()),
            }
        }
        Err(SettingsError::Conflict)
    }
}
