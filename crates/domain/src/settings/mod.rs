//! What a learner wants: language, retention, reminders, what apps keep for them, their own keys of providers.

mod data;
mod key_service;
mod keyless;
mod keys;
mod ports;
mod preferences;
mod reminders;
mod service;

pub use data::{DataError, FreeData, merge};
pub use key_service::{ProviderKeyStore, ProviderKeys, RemoveKeyError};
pub use keyless::{KEYLESS_FOR, KeylessLearners, KeysSet};
pub use keys::{
    InvalidKeyText, InvalidLastFour, KeyProvider, KeyText, LastFour, ProviderKey, UnknownKeyProvider,
};
pub use ports::{KeptPreferences, SavePreferencesError, SettingsStore};
pub use preferences::{
    InvalidRetention, Preferences, PreferencesPatch, Retention, SummaryQuality, UnknownSummaryQuality,
};
pub use reminders::{Day, Days, InvalidTimeOfDay, Reminders, RemindersPatch, TimeOfDay, UnknownDay};
pub use service::{CurrentPreferences, SettingsError, UserSettings};
