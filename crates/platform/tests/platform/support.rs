//! What the tests of the platform have in common.

use std::sync::Arc;

use parlance_contract::fakes::SequentialIds;
use parlance_contract::sealing::TestedSealer;
use parlance_platform::{
    AesGcmSealer, BcryptConfig, BcryptPasswordHasher, EncryptionKey, JwtAccessTokens, JwtConfig,
};
use secrecy::SecretBox;

/// The key of [`access_tokens`].
pub(crate) const SECRET: &str = "a secret of tests alone, 32 bytes and more";

/// A quick hasher.
pub(crate) fn hasher(permits: usize, queue: usize) -> BcryptPasswordHasher {
    BcryptPasswordHasher::new(BcryptConfig {
        cost: 4,
        permits,
        queue,
    })
}

/// Tokens of the issuer `parlance` for the audience `parlance-api`.
pub(crate) fn access_tokens() -> JwtAccessTokens {
    let config = JwtConfig {
        secret: SECRET.into(),
        issuer: "parlance".to_owned(),
        audience: "parlance-api".to_owned(),
    };
    JwtAccessTokens::new(&config, Arc::new(SequentialIds::default()))
}

/// A sealer with these keys.
pub(crate) fn sealer(keys: &[(&str, [u8; 32])]) -> Box<dyn TestedSealer> {
    let keys = keys
        .iter()
        .map(|(id, key)| EncryptionKey::new(id.parse().unwrap(), SecretBox::new(Box::new(*key))));
    Box::new(AesGcmSealer::new(keys.collect()))
}
