//! Accounts, their sessions and one-time secrets.

mod api_keys;
mod authorizations;
mod change;
mod devices;
mod identities;
mod lockouts;
mod passkeys;
pub(crate) mod row;
mod second_factors;
mod secrets;
mod sessions;
mod store;
mod ways_in;

pub use api_keys::SqliteApiKeys;
pub(crate) use api_keys::{api_keys_of, keep_api_key};
pub use authorizations::SqliteAuthorizations;
pub use devices::SqliteDevices;
pub(crate) use devices::{devices_of, keep_device};
pub use identities::SqliteIdentities;
pub(crate) use identities::{identities_of, keep_identity};
pub use lockouts::SqliteLockouts;
pub use passkeys::SqlitePasskeys;
pub(crate) use passkeys::{keep_passkey, passkeys_of};
pub use second_factors::SqliteSecondFactors;
pub(crate) use second_factors::{keep_second_factor, second_factor_of};
pub use secrets::SqliteSecrets;
pub(crate) use secrets::keep_secrets;
pub use sessions::SqliteSessions;
pub(crate) use sessions::sessions_of;
pub use store::SqliteAccounts;
pub(crate) use store::{NewAccount, account, keep};
