//! Requests to Google and the reading of what it answers, within bounds of size and time.

use std::fmt;
use std::sync::Arc;

use bytes::{Bytes, BytesMut};
use parlance_domain::providers::ProviderError;
use parlance_domain::time::Clock;
use reqwest::header::{CONTENT_TYPE, HeaderValue};
use reqwest::{Client, Method, Response, StatusCode, redirect};
use secrecy::SecretString;
use serde::Serialize;

use crate::access::{Access, Field};
use crate::config::{Credentials, Endpoints, GoogleConfig, GoogleConfigError, endpoint, is_name};
use crate::failure;
use crate::speech::Chosen;
use crate::{GeminiWriter, GoogleRecognizer, GoogleSpeech};

/// The field that names who pays.
const USER_PROJECT: &str = "x-goog-user-project";

/// Who asks Google, and how.
#[derive(Clone)]
pub struct Google(pub(crate) Arc<Connection>);

/// What all adapters share.
pub(crate) struct Connection {
    http: Client,
    access: Access,
    user_project: Option<HeaderValue>,
    clock: Arc<dyn Clock>,
    /// Who speaks if nobody is named, whoever asks.
    pub(crate) chosen: Arc<Chosen>,
    /// As it was given, but for the endpoints, which have no slash at their ends.
    pub(crate) config: GoogleConfig,
}

/// A request.
pub(crate) struct Call {
    /// Whom a failure is of.
    pub(crate) provider: &'static str,
    method: Method,
    url: String,
    body: Bytes,
}

impl Google {
    /// Checks what was said, without asking anybody.
    pub fn new(config: GoogleConfig, clock: Arc<dyn Clock>) -> Result<Self, GoogleConfigError> {
        let endpoints = Endpoints {
            text_to_speech: endpoint("the text-to-speech endpoint", &config.endpoints.text_to_speech)?,
            speech_to_text: endpoint("the speech-to-text endpoint", &config.endpoints.speech_to_text)?,
            gemini: endpoint("the gemini endpoint", &config.endpoints.gemini)?,
        };
        if !is_name(&config.gemini.model) {
            return Err(GoogleConfigError::Model);
        }
        let (access, project) = Access::new(&config.credentials, Arc::clone(&clock))?;
        let project = config.user_project.clone().or(project);
        let user_project = project.map(|name| user_project(&name)).transpose()?;
        let http = Client::builder()
            .redirect(redirect::Policy::none())
            .connect_timeout(config.timeouts.connect)
            .read_timeout(config.timeouts.silence)
            .build()
            .map_err(GoogleConfigError::Client)?;
        Ok(Self(Arc::new(Connection {
            http,
            access,
            user_project,
            clock,
            chosen: Arc::default(),
            config: GoogleConfig { endpoints, ..config },
        })))
    }

    /// The same asked by whoever has this key, over the same connections. Nothing else of who asks now is sent.
    pub fn with_key(&self, key: SecretString) -> Result<Self, GoogleConfigError> {
        let Connection {
            http,
            clock,
            chosen,
            config,
            ..
        } = &*self.0;
        let credentials = Credentials::ApiKey(key);
        let (access, _) = Access::new(&credentials, Arc::clone(clock))?;
        Ok(Self(Arc::new(Connection {
            http: http.clone(),
            access,
            user_project: None,
            clock: Arc::clone(clock),
            chosen: Arc::clone(chosen),
            config: GoogleConfig {
                credentials,
                user_project: None,
                ..config.clone()
            },
        })))
    }

    /// Who speaks.
    pub fn speech(&self) -> GoogleSpeech {
        GoogleSpeech::new(self)
    }

    /// Who listens.
    pub fn recognizer(&self) -> GoogleRecognizer {
        GoogleRecognizer::new(self)
    }

    /// Who writes.
    pub fn writer(&self) -> GeminiWriter {
        GeminiWriter::new(self)
    }
}

fn user_project(name: &str) -> Result<HeaderValue, GoogleConfigError> {
    let value = HeaderValue::from_str(name).ok().filter(|_| is_name(name));
    value.ok_or(GoogleConfigError::Project)
}

impl fmt::Debug for Google {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Google").field(&self.0.config).finish()
    }
}

impl Call {
    /// Asks for something that is there.
    pub(crate) fn get(provider: &'static str, url: String) -> Self {
        Self {
            provider,
            method: Method::GET,
            url,
            body: Bytes::new(),
        }
    }

    /// Asks for something to be done with this.
    pub(crate) fn post(
        provider: &'static str,
        url: String,
        body: &impl Serialize,
    ) -> Result<Self, ProviderError> {
        let body = serde_json::to_vec(body)
            .map_err(|_| failure::refused(provider, "the request cannot be written as json"))?;
        Ok(Self {
            provider,
            method: Method::POST,
            url,
            body: body.into(),
        })
    }

    /// How long its content is, in bytes.
    pub(crate) fn length(&self) -> usize {
        self.body.len()
    }
}

impl Connection {
    /// The whole answer to a call, if it is not longer than that.
    pub(crate) async fn ask(&self, call: Call, largest: usize) -> Result<Bytes, ProviderError> {
        let provider = call.provider;
        self.within(provider, async {
            let response = self.send(&call).await?;
            Body::new(provider, response, largest).whole().await
        })
        .await
    }

    /// Does something, but not for ever.
    pub(crate) async fn within<T>(
        &self,
        provider: &'static str,
        doing: impl Future<Output = Result<T, ProviderError>>,
    ) -> Result<T, ProviderError> {
        tokio::time::timeout(self.config.timeouts.overall, doing)
            .await
            .unwrap_or_else(|_| Err(failure::timeout(provider)))
    }

    /// The beginning of the answer to a call, which is one of success.
    pub(crate) async fn send(&self, call: &Call) -> Result<Response, ProviderError> {
        let field = self.access.field(&self.http, call.provider).await?;
        let mut response = self.attempt(call, field.clone()).await?;
        if response.status() == StatusCode::UNAUTHORIZED
            && let Some(other) = self
                .access
                .instead_of(&field.1, &self.http, call.provider)
                .await?
        {
            response = self.attempt(call, other).await?;
        }
        if response.status().is_success() {
            return Ok(response);
        }
        Err(failure::of_answer(call.provider, response, self.clock.now()).await)
    }

    async fn attempt(&self, call: &Call, (name, value): Field) -> Result<Response, ProviderError> {
        let mut request = self
            .http
            .request(call.method.clone(), &call.url)
            .header(name, value);
        if let Some(project) = &self.user_project {
            request = request.header(USER_PROJECT, project);
        }
        if call.method == Method::POST {
            request = request
                .header(CONTENT_TYPE, "application/json")
                .body(call.body.clone());
        }
        let answered = request.send().await;
        answered.map_err(|error| failure::of_sending(call.provider, error))
    }
}

/// What comes after the beginning of an answer.
pub(crate) struct Body {
    provider: &'static str,
    response: Response,
    left: usize,
}

impl Body {
    pub(crate) fn new(provider: &'static str, response: Response, largest: usize) -> Self {
        Self {
            provider,
            response,
            left: largest,
        }
    }

    /// The next bytes, if there are any.
    pub(crate) async fn chunk(&mut self) -> Result<Option<Bytes>, ProviderError> {
        let chunk = self.response.chunk().await;
        let chunk = chunk.map_err(|error| failure::of_reading(self.provider, error))?;
        let length = chunk.as_ref().map_or(0, Bytes::len);
        self.left = self
            .left
            .checked_sub(length)
            .ok_or_else(|| failure::invalid(self.provider, "the answer is too long"))?;
        Ok(chunk)
    }

    /// All bytes.
    pub(crate) async fn whole(mut self) -> Result<Bytes, ProviderError> {
        let mut whole = BytesMut::new();
        while let Some(chunk) = self.chunk().await? {
            whole.extend_from_slice(&chunk);
        }
        Ok(whole.freeze())
    }
}
