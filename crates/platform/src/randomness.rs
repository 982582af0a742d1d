//! Randomness of the operating system.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use parlance_domain::port::{PortError, PortErrorKind};
use parlance_domain::randomness::SecretGenerator;
use rand::rngs::OsRng;
use rand::{RngCore, TryRngCore};
use secrecy::{ExposeSecretMut, SecretSlice, SecretString};

/// Makes a secret of this many random bytes, written in base64url without padding.
///
/// # Panics
///
/// When the operating system has no randomness to give: nothing safe can be done then.
pub fn random_secret(bytes: usize) -> SecretString {
    let mut secret = SecretSlice::from(vec![0; bytes]);
    let secret = secret.expose_secret_mut();
    OsRng.unwrap_err().fill_bytes(secret);
    URL_SAFE_NO_PAD.encode(secret).into()
}

/// Makes secrets of the randomness of the operating system.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemSecrets;

impl SecretGenerator for SystemSecrets {
    fn fill(&self, secret: &mut [u8]) -> Result<(), PortError> {
        OsRng
            .try_fill_bytes(secret)
            .map_err(|error| PortError::new("SecretGenerator", PortErrorKind::Unexpected, error))
    }
}

#[cfg(test)]
mod tests {
    use secrecy::ExposeSecret;

    use super::*;

    #[test]
    fn secrets_have_the_wanted_length_and_differ() {
        let (one, two) = (random_secret(48), random_secret(48));
        assert_eq!(URL_SAFE_NO_PAD.decode(one.expose_secret()).unwrap().len(), 48);
        assert_ne!(one.expose_secret(), two.expose_secret());
    }
}
