//! A local server that speaks the protocol of `OpenAI`, and misbehaves as it is told.

mod protocol;
mod speech;

use std::fmt;
use std::sync::Arc;

use anyhow::Result;
use parking_lot::Mutex;
use serde_json::Value;

use crate::told::{Answer, Protocol, Refusal, Request, Told};
pub use crate::told::{Behaviour as OpenAiBehaviour, Request as OpenAiRequest};

/// A server of the protocol's `POST /v1/chat/completions`, `/v1/audio/speech` and `/v1/audio/transcriptions` on this
/// machine, until it is dropped.
///
/// Requests that are not as the protocol has them, or not by whoever has the key, are answered with an error.
pub struct FakeOpenAi {
    protocol: Arc<OpenAiProtocol>,
    told: Told,
}

#[derive(Default)]
struct OpenAiProtocol {
    unknown: Mutex<Vec<&'static str>>,
}

impl FakeOpenAi {
    /// The key that it knows.
    pub const KEY: &str = "sk-key-of-tests-that-opens-nothing";
    /// The model that it has.
    pub const MODEL: &str = "small-model";

    /// Starts one that behaves.
    pub fn start() -> Result<Self> {
        let protocol = Arc::new(OpenAiProtocol::default());
        let told = Told::start("openai", Arc::clone(&protocol) as Arc<dyn Protocol>)?;
        Ok(Self { protocol, told })
    }

    /// Its base URL.
    pub fn url(&self) -> String {
        format!("{}/v1", self.told.url())
    }

    /// Lets the next call, after those that were told before, be answered like this.
    pub fn next(&self, behaviour: OpenAiBehaviour) {
        self.told.next(behaviour);
    }

    /// Lets all calls be answered like this from now on.
    pub fn always(&self, behaviour: OpenAiBehaviour) {
        self.told.always(behaviour);
    }

    /// From now on it refuses requests with one of these: `json_schema`, or members of a request.
    pub fn does_not_understand(&self, unknown: &[&'static str]) {
        *self.protocol.unknown.lock() = unknown.to_vec();
    }

    /// All requests, the latest at the end.
    pub fn requests(&self) -> Vec<OpenAiRequest> {
        self.told.requests()
    }
}

impl fmt::Debug for FakeOpenAi {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FakeOpenAi").finish_non_exhaustive()
    }
}

impl Protocol for OpenAiProtocol {
    fn answer(&self, request: &Request) -> Result<Answer, Refusal> {
        let key = request.headers.get("authorization");
        let is_known = key.is_some_and(|key| *key == format!("Bearer {}", FakeOpenAi::KEY));
        match request.path.as_str() {
            "POST /v1/chat/completions" | "POST /v1/audio/speech" | "POST /v1/audio/transcriptions"
                if !is_known =>
            {
                Err(Refusal::of(401))
            }
            "POST /v1/chat/completions" => {
                protocol::check(&request.body, &self.unknown.lock())?;
                Ok(Answer::json(&protocol::completion(&request.body)))
            }
            "POST /v1/audio/speech" => speech::speak(&request.body),
            "POST /v1/audio/transcriptions" => speech::listen(request),
            _ => Err(Refusal::of(404)),
        }
    }

    fn error(&self, refusal: &Refusal) -> Value {
        protocol::error(refusal)
    }
}
