//! What the machine and its cryptography provide: clock, ids, randomness, password hashing, signed tokens, sealing.

mod clock;
mod ids;
mod passwords;
mod randomness;
mod sealing;
mod tokens;

pub use clock::SystemClock;
pub use ids::UuidV7Ids;
pub use passwords::{BcryptConfig, BcryptPasswordHasher};
pub use randomness::{SystemSecrets, random_secret};
pub use sealing::{AesGcmSealer, EncryptionKey, InvalidEncryptionKey};
pub use tokens::{
    JwtAccessTokens, JwtConfig, KeyAlgorithm, KeyDuty, RetireError, SigningKey, SigningKeys,
    SigningKeysError, UnknownAlgorithm,
};
