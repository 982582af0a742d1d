//! Accounts, their sessions and one-time secrets.

mod api_keys;
mod authorizations;
mod change;
mod devices;
mod identities;
pub(crate) mod insert;
mod lockouts;
mod passkeys;
pub(crate) mod row;
mod second_factors;
mod secrets;
mod sessions;
mod store;
mod ways_in;

pub use api_keys::PgApiKeys;
pub(crate) use api_keys::{ApiKeyRow, api_key_rows, keep_api_key};
pub use authorizations::PgAuthorizations;
pub use devices::PgDevices;
pub(crate) use devices::{DeviceRow, device_rows, keep_device};
pub use identities::PgIdentities;
pub(crate) use identities::{IdentityRow, identity_rows, keep_identity, to_identities};
pub use lockouts::PgLockouts;
pub use passkeys::PgPasskeys;
pub(crate) use passkeys::{PasskeyRow, keep_passkey, passkey_rows, to_passkeys};
pub use second_factors::PgSecondFactors;
pub(crate) use second_factors::{SecondFactorRows, keep_second_factor, second_factor_rows, to_second_factor};
pub use secrets::PgSecrets;
pub(crate) use secrets::keep_secrets;
pub use sessions::PgSessions;
pub use store::PgAccounts;
