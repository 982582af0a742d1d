//! Service accounts: who they are, and how they say so.

use jsonwebtoken::{Algorithm, EncodingKey, Header, encode};
use parlance_domain::time::Timestamp;
use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize};

use crate::config::{GoogleConfigError, endpoint};

/// What tokens are for.
const SCOPE: &str = "https://www.googleapis.com/auth/cloud-platform";
/// How long an assertion is good for: the longest time that Google takes.
const LIFETIME: i64 = 3_600;

/// A service account.
pub(crate) struct ServiceAccount {
    email: String,
    key_id: Option<String>,
    key: EncodingKey,
    /// Where its tokens come from.
    pub(crate) token_uri: String,
    /// The project that pays, if the file names one.
    pub(crate) quota_project: Option<String>,
}

#[derive(Deserialize)]
struct KeyFile {
    #[serde(rename = "type")]
    kind: String,
    client_email: String,
    private_key: SecretString,
    private_key_id: Option<String>,
    token_uri: String,
    quota_project_id: Option<String>,
}

/// What an account says of itself.
#[derive(Serialize)]
struct Claims<'a> {
    iss: &'a str,
    scope: &'a str,
    aud: &'a str,
    iat: i64,
    exp: i64,
}

impl ServiceAccount {
    /// Reads a key file.
    pub(crate) fn read(json: &SecretString) -> Result<Self, GoogleConfigError> {
        // The error of the parser could hold a part of the file.
        let file: KeyFile = serde_json::from_str(json.expose_secret())
            .map_err(|_| GoogleConfigError::Account("type, client_email, private_key and token_uri"))?;
        if file.kind != "service_account" {
            return Err(GoogleConfigError::Account("the type service_account"));
        }
        let key = EncodingKey::from_rsa_pem(file.private_key.expose_secret().as_bytes())
            .map_err(|_| GoogleConfigError::Account("an RSA key in private_key"))?;
        Ok(Self {
            email: file.client_email,
            key_id: file.private_key_id,
            key,
            token_uri: endpoint("the token_uri in the service account", &file.token_uri)?,
            quota_project: file.quota_project_id,
        })
    }

    /// A signed statement of who asks, for which a token is given.
    pub(crate) fn assertion(&self, now: Timestamp) -> Result<String, jsonwebtoken::errors::Error> {
        let header = Header {
            kid: self.key_id.clone(),
            ..Header::new(Algorithm::RS256)
        };
        let issued = now.timestamp();
        let claims = Claims {
            iss: &self.email,
            scope: SCOPE,
            aud: &self.token_uri,
            iat: issued,
            exp: issued + LIFETIME,
        };
        encode(&header, &claims, &self.key)
    }
}
