//! By what requests show who asks.

use std::sync::Arc;

use parlance_domain::providers::{ProviderError, ProviderErrorKind};
use parlance_domain::time::Clock;
use reqwest::header::{AUTHORIZATION, HeaderName, HeaderValue};
use secrecy::ExposeSecret;

use crate::account::ServiceAccount;
use crate::config::{Credentials, GoogleConfigError};
use crate::tokens::Tokens;

/// Where an API key goes; never into a URL, which others log.
const API_KEY: HeaderName = HeaderName::from_static("x-goog-api-key");

/// Who asks.
pub(crate) enum Access {
    /// Nobody yet.
    Nobody,
    Key(HeaderValue),
    Account(Box<Tokens>),
}

/// A header field.
pub(crate) type Field = (HeaderName, HeaderValue);

impl Access {
    /// Reads credentials; also tells which project is to pay, if they name one.
    pub(crate) fn new(
        credentials: &Credentials,
        clock: Arc<dyn Clock>,
    ) -> Result<(Self, Option<String>), GoogleConfigError> {
        match credentials {
            Credentials::Nobody => Ok((Self::Nobody, None)),
            Credentials::ApiKey(key) => {
                let key = key.expose_secret().trim();
                let is_visible = !key.is_empty() && key.bytes().all(|byte| byte.is_ascii_graphic());
                let mut value = HeaderValue::from_str(key).map_err(|_| GoogleConfigError::ApiKey)?;
                value.set_sensitive(true);
                let access = is_visible
                    .then_some(Self::Key(value))
                    .ok_or(GoogleConfigError::ApiKey)?;
                Ok((access, None))
            }
            Credentials::ServiceAccount(json) => {
                let account = ServiceAccount::read(json)?;
                let project = account.quota_project.clone();
                Ok((Self::Account(Box::new(Tokens::new(account, clock))), project))
            }
        }
    }

    /// The header field that shows it.
    pub(crate) async fn field(
        &self,
        http: &reqwest::Client,
        provider: &'static str,
    ) -> Result<Field, ProviderError> {
        match self {
            Self::Nobody => Err(ProviderError::new(provider, ProviderErrorKind::Unauthorized)),
            Self::Key(key) => Ok((API_KEY, key.clone())),
            Self::Account(tokens) => Ok((AUTHORIZATION, tokens.header(http, provider).await?)),
        }
    }

    /// Another one than that which was not accepted, if there can be one.
    pub(crate) async fn instead_of(
        &self,
        refused: &HeaderValue,
        http: &reqwest::Client,
        provider: &'static str,
    ) -> Result<Option<Field>, ProviderError> {
        match self {
            Self::Nobody | Self::Key(_) => Ok(None),
            Self::Account(tokens) => {
                let value = tokens.instead_of(refused, http, provider).await?;
                Ok(Some((AUTHORIZATION, value)))
            }
        }
    }
}
