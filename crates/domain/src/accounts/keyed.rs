//! Keys that are derived from a secret for one use alone, and what is signed with them.

use hkdf::Hkdf;
use hmac::Hmac;
use hmac::digest::{FixedOutput, KeyInit, Update};
use secrecy::{ExposeSecret, SecretBox, SecretString};
use sha2::Sha256;

/// The code with which tokens are signed.
pub(crate) type HmacSha256 = Hmac<Sha256>;

/// `HKDF-SHA-256(secret, info)`: a key of 32 bytes for the use that `info` names.
pub(crate) fn derive(secret: &SecretString, info: &[u8]) -> SecretBox<[u8; 32]> {
    let derivation = Hkdf::<Sha256>::new(None, secret.expose_secret().as_bytes());
    SecretBox::init_with_mut(|key: &mut [u8; 32]| {
        // Fails only for more than 255 blocks of output; this is one.
        let _ = derivation.expand(info, key);
    })
}

/// A code with this key, over nothing yet.
pub(crate) fn mac(key: &SecretBox<[u8; 32]>) -> HmacSha256 {
    // A key of a block's length needs no check, and so cannot fail.
    fn keyed<M: KeyInit + Update + FixedOutput>(key: &[u8; 32]) -> M {
        let mut block = hmac::digest::Key::<M>::default();
        block[..key.len()].copy_from_slice(key);
        M::new(&block)
    }
    keyed(key.expose_secret())
}
