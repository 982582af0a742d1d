//! Keys with which programs act for a learner.

mod key;
mod ports;
mod recent;
mod scope;
mod service;

pub use key::{API_KEY_PREFIX, ApiKey, ApiKeyName, ApiKeyText, InvalidApiKeyName};
pub use ports::{ApiKeyStore, InsertApiKeyError};
pub use scope::{Scope, Scopes, UnknownScope};
pub use service::{
    ApiKeyPorts, ApiKeys, KeyBearer, MOST_API_KEYS, MadeApiKey, MakeApiKey, MakeApiKeyError,
    RevokeApiKeyError,
};
