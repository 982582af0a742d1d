//! Requests to providers and the reading of what they answer, within bounds of size, time and place.

use std::future::Future;
use std::pin::Pin;

use openidconnect::{AsyncHttpClient, HttpRequest, HttpResponse};
use reqwest::{Client, StatusCode, redirect};
use url::Url;

use crate::config::{OidcConfigError, Timeouts, may_be_asked};

/// The longest answer, in bytes: a discovery document has three thousand, a set of keys as many.
const LARGEST: usize = 256 * 1024;

/// Asks, and follows nobody elsewhere.
#[derive(Debug, Clone)]
pub(crate) struct Http {
    client: Client,
    /// Whether the provider is on this machine.
    is_here: bool,
}

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub(crate) enum HttpFailure {
    /// The place is one that nothing is sent to.
    #[error("nothing is sent there: not https, or this machine")]
    Place,
    /// It broke off.
    #[error("the request failed")]
    Sending(#[source] reqwest::Error),
    /// It took too long.
    #[error("the provider took too long")]
    Timeout,
    /// The provider is unwell.
    #[error("the provider answered {0}")]
    Status(StatusCode),
    /// There is no end to it.
    #[error("the answer has more than {LARGEST} bytes")]
    TooLarge,
}

impl From<reqwest::Error> for HttpFailure {
    fn from(error: reqwest::Error) -> Self {
        // A place may hold what was sent.
        Self::Sending(error.without_url())
    }
}

impl Http {
    /// A client of its own, which uses no proxy of the environment.
    pub(crate) fn new(timeouts: Timeouts, is_here: bool) -> Result<Self, OidcConfigError> {
        let client = Client::builder()
            .redirect(redirect::Policy::none())
            .no_proxy()
            .referer(false)
            .connect_timeout(timeouts.connect)
            .timeout(timeouts.request)
            .build()
            .map_err(OidcConfigError::Client)?;
        Ok(Self { client, is_here })
    }

    /// Sends a request. A discovery document names places, too: each is looked at again.
    async fn send(&self, request: HttpRequest) -> Result<HttpResponse, HttpFailure> {
        let place = Url::parse(&request.uri().to_string());
        if !place.is_ok_and(|place| may_be_asked(&place, self.is_here)) {
            return Err(HttpFailure::Place);
        }
        let mut response = self.client.execute(request.try_into()?).await?;
        let status = response.status();
        if status.is_server_error() || status == StatusCode::TOO_MANY_REQUESTS {
            return Err(HttpFailure::Status(status));
        }
        let headers = std::mem::take(response.headers_mut());
        let mut body = Vec::new();
        while let Some(chunk) = response.chunk().await? {
            if body.len() + chunk.len() > LARGEST {
                return Err(HttpFailure::TooLarge);
            }
            body.extend_from_slice(&chunk);
        }
        let mut answer = HttpResponse::new(body);
        *answer.status_mut() = status;
        *answer.headers_mut() = headers;
        Ok(answer)
    }
}

impl<'c> AsyncHttpClient<'c> for Http {
    type Error = HttpFailure;
    type Future = Pin<Box<dyn Future<Output = Result<HttpResponse, HttpFailure>> + Send + 'c>>;

    fn call(&'c self, request: HttpRequest) -> Self::Future {
        Box::pin(self.send(request))
    }
}
