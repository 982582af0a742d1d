//! One key that access tokens are signed with.

use std::fmt;
use std::str::FromStr;

use aws_lc_rs::encoding::AsBigEndian;
use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair, KeyPair};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chrono::DateTime;
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey};
use parlance_domain::accounts::{PublicKey, PublicPoint};
use parlance_domain::time::Timestamp;
use secrecy::{ExposeSecret, SecretSlice};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

/// The first byte of a point on P-256 that is written with both coordinates.
const UNCOMPRESSED: u8 = 4;
/// The longest id of a key.
const MAX_ID_BYTES: usize = 128;

/// What a key signs with; a key is made for one algorithm and does no other.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KeyAlgorithm {
    /// Ed25519 (RFC 8037).
    EdDsa,
    /// ECDSA on P-256 with SHA-256 (RFC 7518).
    Es256,
}

/// A text names no algorithm that keys are made for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("must be EdDSA or ES256")]
pub struct UnknownAlgorithm;

/// A key pair with its id, and from when on it signs.
pub struct SigningKey {
    id: String,
    signs_from: Timestamp,
    point: PublicPoint,
    private: SecretSlice<u8>,
    signing: EncodingKey,
    checking: DecodingKey,
}

/// A private key in JSON (RFC 7517, RFC 7518, RFC 8037).
#[derive(Serialize, Deserialize)]
pub(super) struct JsonKey {
    kty: String,
    crv: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    alg: Option<String>,
    #[serde(rename = "use", default, skip_serializing_if = "Option::is_none")]
    usage: Option<String>,
    kid: String,
    /// From when on it signs, in seconds; at once when it is missing.
    #[serde(default)]
    nbf: i64,
    x: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    y: Option<String>,
    d: String,
}

impl KeyAlgorithm {
    /// Its name in the header of a token.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::EdDsa => "EdDSA",
            Self::Es256 => "ES256",
        }
    }

    pub(super) const fn of_tokens(self) -> Algorithm {
        match self {
            Self::EdDsa => Algorithm::EdDSA,
            Self::Es256 => Algorithm::ES256,
        }
    }

    /// The names of the kind of key and of its curve.
    const fn curve(self) -> (&'static str, &'static str) {
        match self {
            Self::EdDsa => ("OKP", "Ed25519"),
            Self::Es256 => ("EC", "P-256"),
        }
    }
}

impl fmt::Display for KeyAlgorithm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for KeyAlgorithm {
    type Err = UnknownAlgorithm;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        [Self::EdDsa, Self::Es256]
            .into_iter()
            .find(|algorithm| algorithm.as_str().eq_ignore_ascii_case(text))
            .ok_or(UnknownAlgorithm)
    }
}

impl SigningKey {
    /// A new key, named by its thumbprint (RFC 7638); `None` when the machine gives no random numbers.
    pub(super) fn make(algorithm: KeyAlgorithm, signs_from: Timestamp) -> Option<Self> {
        let (point, private) = match algorithm {
            KeyAlgorithm::EdDsa => {
                let pair = Ed25519KeyPair::generate().ok()?;
                let seed = pair.seed().ok()?.as_be_bytes().ok()?;
                (ed25519_point(&pair)?, seed.as_ref().to_vec())
            }
            KeyAlgorithm::Es256 => {
                let pair = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).ok()?;
                let private = pair.private_key().as_be_bytes().ok()?;
                (p256_point(&pair)?, private.as_ref().to_vec())
            }
        };
        Self::of(thumbprint(point), signs_from, point, private)
    }

    /// A key from a file: of a known curve, both halves of one pair.
    pub(super) fn read(key: &JsonKey) -> Option<Self> {
        let bytes = |text: &str| URL_SAFE_NO_PAD.decode(text).ok();
        let coordinate = |text: &str| <[u8; 32]>::try_from(bytes(text)?).ok();
        let x = coordinate(&key.x)?;
        let point = match (key.kty.as_str(), key.crv.as_str(), &key.y) {
            ("OKP", "Ed25519", None) => PublicPoint::Ed25519 { x },
            ("EC", "P-256", Some(y)) => PublicPoint::P256 { x, y: coordinate(y)? },
            _ => return None,
        };
        let fits = |said: &Option<String>, meant: &str| said.as_deref().is_none_or(|said| said == meant);
        if !fits(&key.alg, algorithm_of(point).as_str()) || !fits(&key.usage, "sig") || !is_id(&key.kid) {
            return None;
        }
        let signs_from = DateTime::from_timestamp(key.nbf, 0)?;
        Self::of(key.kid.clone(), signs_from, point, coordinate(&key.d)?.to_vec())
    }

    /// The same as a file holds it.
    pub(super) fn written(&self) -> JsonKey {
        let (kty, crv) = self.algorithm().curve();
        let (x, y) = coordinates(self.point);
        JsonKey {
            kty: kty.to_owned(),
            crv: crv.to_owned(),
            alg: Some(self.algorithm().as_str().to_owned()),
            usage: Some("sig".to_owned()),
            kid: self.id.clone(),
            nbf: self.signs_from.timestamp(),
            x: URL_SAFE_NO_PAD.encode(x),
            y: y.map(|y| URL_SAFE_NO_PAD.encode(y)),
            d: URL_SAFE_NO_PAD.encode(self.private.expose_secret()),
        }
    }

    fn of(id: String, signs_from: Timestamp, point: PublicPoint, private: Vec<u8>) -> Option<Self> {
        let (signing, checking) = match point {
            PublicPoint::Ed25519 { x } => {
                let pair = Ed25519KeyPair::from_seed_and_public_key(&private, &x).ok()?;
                let whole = pair.to_pkcs8().ok()?;
                (
                    EncodingKey::from_ed_der(whole.as_ref()),
                    DecodingKey::from_ed_der(&x),
                )
            }
            PublicPoint::P256 { x, y } => {
                let point = [&[UNCOMPRESSED], x.as_slice(), y.as_slice()].concat();
                let algorithm = &ECDSA_P256_SHA256_FIXED_SIGNING;
                let pair = EcdsaKeyPair::from_private_key_and_public_key(algorithm, &private, &point).ok()?;
                let whole = pair.to_pkcs8v1().ok()?;
                (
                    EncodingKey::from_ec_der(whole.as_ref()),
                    DecodingKey::from_ec_der(&point),
                )
            }
        };
        Some(Self {
            id,
            signs_from,
            point,
            private: private.into(),
            signing,
            checking,
        })
    }

    /// What tokens name it by (`kid`).
    pub fn id(&self) -> &str {
        &self.id
    }

    /// The one algorithm that it is for.
    pub const fn algorithm(&self) -> KeyAlgorithm {
        algorithm_of(self.point)
    }

    /// From when on it signs.
    pub const fn signs_from(&self) -> Timestamp {
        self.signs_from
    }

    /// Its public half.
    pub(super) fn public(&self) -> PublicKey {
        PublicKey {
            id: self.id.clone(),
            point: self.point,
        }
    }

    pub(super) const fn signing(&self) -> &EncodingKey {
        &self.signing
    }

    pub(super) const fn checking(&self) -> &DecodingKey {
        &self.checking
    }
}

const fn algorithm_of(point: PublicPoint) -> KeyAlgorithm {
    match point {
        PublicPoint::Ed25519 { .. } => KeyAlgorithm::EdDsa,
        PublicPoint::P256 { .. } => KeyAlgorithm::Es256,
    }
}

fn coordinates(point: PublicPoint) -> ([u8; 32], Option<[u8; 32]>) {
    match point {
        PublicPoint::Ed25519 { x } => (x, None),
        PublicPoint::P256 { x, y } => (x, Some(y)),
    }
}

fn ed25519_point(pair: &Ed25519KeyPair) -> Option<PublicPoint> {
    let x = pair.public_key().as_ref().try_into().ok()?;
    Some(PublicPoint::Ed25519 { x })
}

fn p256_point(pair: &EcdsaKeyPair) -> Option<PublicPoint> {
    let (&kind, rest) = pair.public_key().as_ref().split_first()?;
    let (x, y) = rest.split_at_checked(32)?;
    (kind == UNCOMPRESSED).then_some(PublicPoint::P256 {
        x: x.try_into().ok()?,
        y: y.try_into().ok()?,
    })
}

/// The thumbprint of a public key (RFC 7638): the members that make it up, in the order of the alphabet, hashed.
fn thumbprint(point: PublicPoint) -> String {
    let (kty, crv) = algorithm_of(point).curve();
    let (x, y) = coordinates(point);
    let encode = |bytes: [u8; 32]| URL_SAFE_NO_PAD.encode(bytes);
    let second = y.map_or_else(String::new, |y| format!(",\"y\":\"{}\"", encode(y)));
    let members = format!(
        "{{\"crv\":\"{crv}\",\"kty\":\"{kty}\",\"x\":\"{}\"{second}}}",
        encode(x)
    );
    URL_SAFE_NO_PAD.encode(Sha256::digest(members))
}

/// Whether a text is fit to name a key in headers, logs and commands.
fn is_id(text: &str) -> bool {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte);
    (1..=MAX_ID_BYTES).contains(&text.len()) && text.bytes().all(is_plain)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_thumbprint_is_that_of_rfc_8037() {
        // Appendix A.3.
        let x = URL_SAFE_NO_PAD
            .decode("11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo")
            .unwrap();
        let point = PublicPoint::Ed25519 {
            x: x.try_into().unwrap(),
        };
        assert_eq!(thumbprint(point), "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k");
    }
}
