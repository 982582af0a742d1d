//! What learners want, and their own keys of providers.

mod keys;
mod store;

pub use keys::PgProviderKeys;
pub(crate) use keys::{KeyRow, forget_keys, keep_key, key_rows, read_keys};
pub use store::PgSettings;
pub(crate) use store::{SettingsRow, keep, row};
