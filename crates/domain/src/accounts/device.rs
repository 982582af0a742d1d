//! Devices that an account signed in on before, and the tokens by which they are known again.

use async_trait::async_trait;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chrono::TimeDelta;
use hmac::Mac;
use secrecy::{SecretBox, SecretString};
use uuid::Uuid;

use super::keyed::{self, HmacSha256};
use crate::ids::{DeviceId, UserId};
use crate::port::PortError;
use crate::time::Timestamp;

/// How long a device is known after it was last signed in on.
pub const DEVICE_KNOWN_FOR: TimeDelta = TimeDelta::days(365);

/// How many devices an account knows at most; of more, those that were used last.
pub const DEVICES_KNOWN: u32 = 100;

/// A device that an account knows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct KnownDevice {
    /// The device.
    pub id: DeviceId,
    /// When the account was signed in to on it first.
    pub first_seen_at: Timestamp,
    /// When it was last.
    pub last_seen_at: Timestamp,
}

/// A device that an account signed in on before, as a token tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct SeenDevice {
    /// Whose account it was.
    pub user_id: UserId,
    /// The device.
    pub id: DeviceId,
}

/// Writes and reads the tokens of devices with a key of its own.
///
/// A token is `base64url(user id ‖ device id ‖ HMAC-SHA-256(key, user id ‖ device id))`: 16, 16 and 32 bytes. The key is
/// `HKDF-SHA-256(secret, info = "parlance device token v1")`. A token lets nobody in: with it, a sign-in is that of a
/// device that the account knows.
#[derive(Debug)]
pub struct DeviceTokens {
    key: SecretBox<[u8; 32]>,
}

const NAME_BYTES: usize = 32;
const TOKEN_BYTES: usize = NAME_BYTES + 32;

impl DeviceTokens {
    /// Derives the key from a secret.
    pub fn new(secret: &SecretString) -> Self {
        Self {
            key: keyed::derive(secret, b"parlance device token v1"),
        }
    }

    /// Writes a token.
    pub fn write(&self, device: SeenDevice) -> SecretString {
        let mut bytes = Vec::with_capacity(TOKEN_BYTES);
        bytes.extend_from_slice(device.user_id.0.as_bytes());
        bytes.extend_from_slice(device.id.0.as_bytes());
        let tag = self.mac(&bytes).finalize().into_bytes();
        bytes.extend_from_slice(&tag);
        URL_SAFE_NO_PAD.encode(bytes).into()
    }

    /// Reads a token; `None` for whatever this key did not write.
    pub fn read(&self, text: &str) -> Option<SeenDevice> {
        // Longer than any token: not worth decoding.
        if text.len() > 2 * TOKEN_BYTES {
            return None;
        }
        let bytes: [u8; TOKEN_BYTES] = URL_SAFE_NO_PAD.decode(text).ok()?.try_into().ok()?;
        let (name, tag) = bytes.split_at(NAME_BYTES);
        self.mac(name).verify_slice(tag).ok()?;
        let (user, device) = name.split_at(16);
        Some(SeenDevice {
            user_id: UserId(Uuid::from_slice(user).ok()?),
            id: DeviceId(Uuid::from_slice(device).ok()?),
        })
    }

    fn mac(&self, name: &[u8]) -> HmacSha256 {
        let mut mac = keyed::mac(&self.key);
        mac.update(name);
        mac
    }
}

/// Keeps which devices accounts know.
///
/// One becomes known with the session that begins on it, and unknown with the end of all sessions of its account, or of
/// all but one that began on another.
#[async_trait]
pub trait DeviceStore: Send + Sync {
    /// Whether an account knows a device.
    async fn is_known(&self, device: SeenDevice) -> Result<bool, PortError>;

    /// Makes a device unknown to its account.
    async fn forget(&self, device: SeenDevice) -> Result<(), PortError>;

    /// Forgets at most `limit` devices that were not signed in on since an instant; says how many.
    async fn purge(&self, before: Timestamp, limit: u32) -> Result<u32, PortError>;
}

#[cfg(test)]
mod tests {
    use secrecy::ExposeSecret;

    use super::*;

    fn device(user: u128, id: u128) -> SeenDevice {
        SeenDevice {
            user_id: UserId(Uuid::from_u128(user)),
            id: DeviceId(Uuid::from_u128(id)),
        }
    }

    fn written(secret: &str, device: SeenDevice) -> String {
        let tokens = DeviceTokens::new(&secret.into());
        tokens.write(device).expose_secret().to_owned()
    }

    #[test]
    fn a_token_reads_back_and_tells_devices_and_accounts_apart() {
        let tokens = DeviceTokens::new(&"secret".into());
        for device in [device(1, 2), device(2, 1), device(1, 3)] {
            assert_eq!(tokens.read(&written("secret", device)), Some(device));
        }
    }

    #[test]
    fn what_another_key_wrote_or_somebody_changed_is_not_read() {
        let tokens = DeviceTokens::new(&"secret".into());
        assert_eq!(tokens.read(&written("other", device(1, 2))), None);
        let text = written("secret", device(1, 2));
        for at in 0..text.len() {
            for replacement in ["A", "B", "=", "\n"] {
                let mut changed = text.clone();
                changed.replace_range(at..=at, replacement);
                assert!(
                    changed == text || tokens.read(&changed).is_none(),
                    "{at} {replacement:?}"
                );
            }
        }
        for changed in [&text[1..], &format!("{text}="), &format!("{text}A"), ""] {
            assert_eq!(tokens.read(changed), None);
        }
    }
}
