//! The public halves of the keys that sign access tokens.

/// The public half of a key that signs access tokens, for whoever checks them elsewhere.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PublicKey {
    /// What tokens name it by (`kid`).
    pub id: String,
    /// Where it lies on its curve.
    pub point: PublicPoint,
}

/// A point on one of the curves that tokens are signed with; coordinates are big-endian.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PublicPoint {
    /// On Ed25519 (RFC 8032), as encoded there.
    Ed25519 {
        /// The 32 bytes of the public key.
        x: [u8; 32],
    },
    /// On P-256 (FIPS 186-5).
    P256 {
        /// The first coordinate.
        x: [u8; 32],
        /// The second coordinate.
        y: [u8; 32],
    },
}
