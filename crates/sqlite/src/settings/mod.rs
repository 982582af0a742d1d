//! What learners want, and their own keys of providers.

mod keys;
mod store;

pub use keys::SqliteProviderKeys;
pub(crate) use keys::{forget_keys, keep_key, keys};
pub use store::SqliteSettings;
pub(crate) use store::{keep, preferences};
