//! Tokens of a service account: kept, renewed before they expire, by one caller at a time.

use std::sync::Arc;
use std::time::Duration;

use parlance_domain::providers::{ProviderError, ProviderErrorKind};
use parlance_domain::time::{Clock, Timestamp};
use reqwest::header::{CONTENT_TYPE, HeaderValue};
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;
use tokio::sync::Mutex;
use url::form_urlencoded::Serializer;

use crate::account::ServiceAccount;
use crate::connection::Body;
use crate::failure;

const GRANT: &str = "urn:ietf:params:oauth:grant-type:jwt-bearer";
/// How long before it expires a token is renewed.
const MARGIN: u64 = 5 * 60;
/// The longest answer, in bytes.
const LARGEST: usize = 64 * 1024;

/// The tokens of an account.
pub(crate) struct Tokens {
    account: ServiceAccount,
    clock: Arc<dyn Clock>,
    current: Mutex<Option<Token>>,
}

struct Token {
    header: HeaderValue,
    renewed_at: Timestamp,
    expires_at: Timestamp,
}

/// What is answered to an assertion.
#[derive(Deserialize)]
struct Given {
    access_token: SecretString,
    expires_in: u64,
}

impl Tokens {
    pub(crate) fn new(account: ServiceAccount, clock: Arc<dyn Clock>) -> Self {
        Self {
            account,
            clock,
            current: Mutex::new(None),
        }
    }

    /// The value of the header field by which the account is known.
    pub(crate) async fn header(
        &self,
        http: &reqwest::Client,
        provider: &'static str,
    ) -> Result<HeaderValue, ProviderError> {
        let mut current = self.current.lock().await;
        let now = self.clock.now();
        if let Some(token) = current.as_ref().filter(|token| now < token.renewed_at) {
            return Ok(token.header.clone());
        }
        match (self.fetch(http, provider).await, current.as_ref()) {
            (Ok(token), _) => Ok(current.insert(token).header.clone()),
            // It is still good for a while.
            (Err(_), Some(token)) if now < token.expires_at => Ok(token.header.clone()),
            (Err(error), _) => Err(error),
        }
    }

    /// Another value than this one, which was not accepted.
    pub(crate) async fn instead_of(
        &self,
        refused: &HeaderValue,
        http: &reqwest::Client,
        provider: &'static str,
    ) -> Result<HeaderValue, ProviderError> {
        let mut current = self.current.lock().await;
        match current.take() {
            Some(token) if token.header != refused => Ok(current.insert(token).header.clone()),
            _ => Ok(current.insert(self.fetch(http, provider).await?).header.clone()),
        }
    }

    async fn fetch(&self, http: &reqwest::Client, provider: &'static str) -> Result<Token, ProviderError> {
        let now = self.clock.now();
        let unauthorized = ProviderError::new(provider, ProviderErrorKind::Unauthorized);
        let assertion = self
            .account
            .assertion(now)
            .map_err(|error| unauthorized.clone().caused_by(error))?;
        let form = Serializer::new(String::new())
            .append_pair("grant_type", GRANT)
            .append_pair("assertion", &assertion)
            .finish();
        let response = http
            .post(&self.account.token_uri)
            .header(CONTENT_TYPE, "application/x-www-form-urlencoded")
            .body(form)
            .send()
            .await
            .map_err(|error| failure::of_sending(provider, error))?;
        if !response.status().is_success() {
            let error = failure::of_answer(provider, response, now).await;
            // Whoever is refused here is not known.
            return Err(match error.kind {
                ProviderErrorKind::Refused => ProviderError {
                    kind: ProviderErrorKind::Unauthorized,
                    ..error
                },
                _ => error,
            });
        }
        let body = Body::new(provider, response, LARGEST).whole().await?;
        let given: Option<Given> = serde_json::from_slice(&body).ok();
        given
            .and_then(|given| Token::new(&given, now))
            .ok_or_else(|| failure::invalid(provider, "the answer holds no token"))
    }
}

impl Token {
    fn new(given: &Given, now: Timestamp) -> Option<Self> {
        let mut header =
            HeaderValue::try_from(format!("Bearer {}", given.access_token.expose_secret())).ok()?;
        header.set_sensitive(true);
        let lifetime = given.expires_in.min(24 * 3_600);
        // One that lives shorter than the margin is used for half of its life.
        let used = lifetime.saturating_sub(MARGIN).max(lifetime / 2);
        Some(Self {
            header,
            renewed_at: now + Duration::from_secs(used),
            expires_at: now + Duration::from_secs(lifetime),
        })
    }
}
