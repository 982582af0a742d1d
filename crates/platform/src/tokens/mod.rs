//! Access tokens as JSON Web Tokens (RFC 9068), signed with a secret (HMAC-SHA-256) or with keys whose public halves
//! anybody may have.

mod found_good;
mod key;
mod keys;

use std::sync::Arc;

use chrono::{DateTime, TimeDelta};
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header, Validation, decode, decode_header, encode};
use parking_lot::RwLock;
use parlance_domain::accounts::{AccessClaims, AccessToken, AccessTokens, PublicKey, Roles, TokenError};
use parlance_domain::ids::{IdGenerator, SessionId, UserId};
use parlance_domain::port::{PortError, PortErrorKind};
use parlance_domain::time::Timestamp;
use secrecy::{ExposeSecret, SecretString};
use serde::de::Error;
use serde::{Deserialize, Deserializer, Serialize};
use uuid::Uuid;

use self::found_good::{FoundGood, Good};
pub use key::{KeyAlgorithm, SigningKey, UnknownAlgorithm};
pub use keys::{KeyDuty, RetireError, SigningKeys, SigningKeysError};

/// The media type of an access token (RFC 9068), so that no other token passes for one.
const TOKEN_TYPE: &str = "at+jwt";
/// Longer than any token of ours: not worth decoding.
const MAX_TOKEN_BYTES: usize = 4_096;
/// How far the clocks of two copies of the program may be apart.
const CLOCK_SKEW: TimeDelta = TimeDelta::seconds(60);

/// With what access tokens are signed, and what they say of where they come from.
#[derive(Debug, Clone)]
pub struct JwtConfig {
    /// The key, at least 32 bytes.
    pub secret: SecretString,
    /// Who issues them (`iss`).
    pub issuer: String,
    /// Whom they are for (`aud`).
    pub audience: String,
}

/// Signs and checks access tokens with one secret, or with keys where there are any.
pub struct JwtAccessTokens {
    signing_key: EncodingKey,
    checking_key: DecodingKey,
    trust: RwLock<Arc<Trust>>,
    validation: Validation,
    issuer: String,
    audience: String,
    ids: Arc<dyn IdGenerator>,
}

/// What tokens are checked against besides the secret, and which were.
///
/// One is made for each change of the keys: what the former ones let pass is asked anew.
#[derive(Default)]
struct Trust {
    keys: Option<SigningKeys>,
    found_good: FoundGood,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Claims {
    iss: String,
    aud: String,
    sub: Uuid,
    sid: Uuid,
    jti: Uuid,
    #[serde(deserialize_with = "seconds")]
    iat: i64,
    #[serde(deserialize_with = "seconds")]
    exp: i64,
    #[serde(default, skip_serializing, deserialize_with = "seconds_if_present")]
    nbf: Option<i64>,
    roles: Vec<String>,
    user_id: Uuid,
}

/// Whole seconds since the epoch; before it there can only be a mistake or a trick.
fn seconds<'de, D: Deserializer<'de>>(deserializer: D) -> Result<i64, D::Error> {
    let seconds = i64::deserialize(deserializer)?;
    match seconds {
        0.. => Ok(seconds),
        _ => Err(D::Error::custom("before the epoch")),
    }
}

/// The same for a member that may be missing, but not null.
fn seconds_if_present<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<i64>, D::Error> {
    seconds(deserializer).map(Some)
}

impl JwtAccessTokens {
    /// Tokens of this origin; `ids` names each (`jti`).
    pub fn new(config: &JwtConfig, ids: Arc<dyn IdGenerator>) -> Self {
        let secret = config.secret.expose_secret().as_bytes();
        let mut validation = Validation::new(Algorithm::HS256);
        validation.set_issuer(&[&config.issuer]);
        validation.set_audience(&[&config.audience]);
        validation.set_required_spec_claims(&["iss", "aud", "sub", "exp"]);
        // The library asks the machine's clock and takes a fraction for a whole: the time is checked here.
        validation.validate_exp = false;
        Self {
            signing_key: EncodingKey::from_secret(secret),
            checking_key: DecodingKey::from_secret(secret),
            trust: RwLock::default(),
            validation,
            issuer: config.issuer.clone(),
            audience: config.audience.clone(),
            ids,
        }
    }

    /// Takes these keys from now on; the secret signs until the first of them does.
    pub fn take_keys(&self, keys: SigningKeys) {
        *self.trust.write() = Arc::new(Trust {
            keys: Some(keys),
            found_good: FoundGood::default(),
        });
    }

    fn trust(&self) -> Arc<Trust> {
        Arc::clone(&self.trust.read())
    }

    /// What a token says that a key of ours signed, if it agrees with itself.
    fn read(&self, token: &str) -> Option<Arc<Good>> {
        if token.len() > MAX_TOKEN_BYTES {
            return None;
        }
        let trust = self.trust();
        let read = || {
            let claims = self.claims(token, trust.keys.as_ref())?;
            Some(Good {
                not_before: claims.nbf.unwrap_or(claims.iat),
                claims: facts(&claims)?,
            })
        };
        trust.found_good.or_find(token, read)
    }

    /// The claims of a token that a key of ours signed and whose header is like ours.
    ///
    /// A token says which key it claims to be of, never how it is to be checked: that is the key's own.
    fn claims(&self, token: &str, keys: Option<&SigningKeys>) -> Option<Claims> {
        let header = decode_header(token).ok().filter(is_header_of_ours)?;
        match (keys, header.kid) {
            (None, _) => self.read_of_secret(token),
            (Some(keys), None) => {
                let claims = self.read_of_secret(token)?;
                let until = keys.secret_until()? + CLOCK_SKEW;
                (claims.iat < until.timestamp()).then_some(claims)
            }
            (Some(keys), Some(id)) => {
                let key = keys.by_id(&id)?;
                let mut validation = self.validation.clone();
                validation.algorithms = vec![key.algorithm().of_tokens()];
                claims_of(token, key.checking(), &validation)
            }
        }
    }

    fn read_of_secret(&self, token: &str) -> Option<Claims> {
        claims_of(token, &self.checking_key, &self.validation)
    }
}

fn claims_of(token: &str, key: &DecodingKey, validation: &Validation) -> Option<Claims> {
    decode::<Claims>(token, key, validation)
        .ok()
        .map(|data| data.claims)
}

/// A header of ours, for an algorithm.
fn header_of(algorithm: Algorithm, key_id: Option<String>) -> Header {
    Header {
        typ: Some(TOKEN_TYPE.to_owned()),
        kid: key_id,
        ..Header::new(algorithm)
    }
}

impl AccessTokens for JwtAccessTokens {
    fn sign(&self, claims: &AccessClaims) -> Result<AccessToken, PortError> {
        let trust = self.trust();
        let signer = trust.keys.as_ref().and_then(|keys| keys.signer(claims.issued_at));
        let (header, key) = match signer {
            Some(key) => {
                let header = header_of(key.algorithm().of_tokens(), Some(key.id().to_owned()));
                (header, key.signing())
            }
            None => (header_of(Algorithm::HS256, None), &self.signing_key),
        };
        let claims = Claims {
            iss: self.issuer.clone(),
            aud: self.audience.clone(),
            sub: claims.user_id.0,
            sid: claims.session_id.0,
            jti: self.ids.next(),
            iat: claims.issued_at.timestamp(),
            exp: claims.expires_at.timestamp(),
            nbf: None,
            roles: claims.roles.iter().map(|role| role.as_str().to_owned()).collect(),
            user_id: claims.user_id.0,
        };
        let token = encode(&header, &claims, key)
            .map_err(|error| PortError::new("AccessTokens", PortErrorKind::Unexpected, error))?;
        Ok(AccessToken(token.into()))
    }

    fn verify(&self, token: &str, now: Timestamp) -> Result<AccessClaims, TokenError> {
        let good = self.read(token).ok_or(TokenError::Invalid)?;
        let latest = now + CLOCK_SKEW;
        if good.claims.issued_at > latest || good.not_before > latest.timestamp() {
            return Err(TokenError::Invalid);
        }
        if good.claims.expires_at <= now {
            return Err(TokenError::Expired);
        }
        Ok(good.claims.clone())
    }

    fn public_keys(&self) -> Vec<PublicKey> {
        let trust = self.trust();
        trust.keys.as_ref().map_or_else(Vec::new, SigningKeys::public)
    }
}

/// Whether a header asks for nothing that ours do not ask for.
///
/// A key that a token brings along is never looked at: what points to or holds a key or demands an extension is
/// refused. `kid` names one of our keys or none; where only the secret signs, it is ignored.
fn is_header_of_ours(header: &Header) -> bool {
    let is_access_token = header.typ.as_deref().is_some_and(|typ| {
        // A media type may be written without its `application/` (RFC 7515, 4.1.9), in upper or lower case.
        let typ = typ.to_ascii_lowercase();
        typ.strip_prefix("application/").unwrap_or(&typ) == TOKEN_TYPE
    });
    let brings_a_key = header.jku.is_some()
        || header.jwk.is_some()
        || header.x5u.is_some()
        || header.x5c.is_some()
        || header.crit.is_some();
    is_access_token && !brings_a_key
}

/// What the claims say, if they agree with each other.
fn facts(claims: &Claims) -> Option<AccessClaims> {
    // A role that a newer version knows gives no rights here, and takes none.
    let roles: Roles = claims.roles.iter().filter_map(|role| role.parse().ok()).collect();
    (claims.user_id == claims.sub).then_some(AccessClaims {
        user_id: UserId(claims.sub),
        session_id: SessionId(claims.sid),
        roles,
        issued_at: DateTime::from_timestamp(claims.iat, 0)?,
        expires_at: DateTime::from_timestamp(claims.exp, 0)?,
    })
}
