//! What the tests of the platform have in common.

use std::sync::Arc;

use parlance_contract::fakes::SequentialIds;
use parlance_platform::{BcryptConfig, BcryptPasswordHasher, JwtAccessTokens, JwtConfig};

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
