//! A server whose providers are a fake Google.

use std::path::PathBuf;
use std::time::Duration;

use parlance_domain::ids::IdGenerator;
use parlance_platform::UuidV7Ids;
use parlance_server::settings::{ConversationProvider, RedisSettings, SpeechProvider};
use parlance_testbed::{FakeGoogle, GoogleService};
use serde_json::{Value, json};

use super::{Answer, Builder, TestApp, TestUser};

/// Long enough for a busy machine.
const PATIENCE: Duration = Duration::from_mins(1);

/// A server, a learner, and the Google that the server asks.
pub(crate) struct Voiced {
    /// The server.
    pub(crate) app: TestApp,
    /// A learner.
    pub(crate) user: TestUser,
    /// What it asks.
    pub(crate) google: FakeGoogle,
}

impl Builder {
    /// Lets Google speak, listen and write.
    pub(crate) fn google(self, google: &FakeGoogle) -> Self {
        self.with(|settings| {
            let providers = &mut settings.providers;
            providers.speech = SpeechProvider::Google;
            providers.conversations = ConversationProvider::Gemini;
            providers.google.key = Some(FakeGoogle::API_KEY.into());
            providers.google.tts = google.url();
            providers.google.stt = google.url();
            providers.gemini.key = Some(FakeGoogle::API_KEY.into());
            providers.gemini.url = google.url();
        })
    }

    /// Shares through a Redis, in which other tests may be at work too.
    pub(crate) fn redis(self, url: &str) -> Self {
        let prefix = format!("test:{}:", UuidV7Ids.next());
        self.with(|settings| {
            settings.redis = Some(RedisSettings {
                url: url.into(),
                prefix,
                deadline: Duration::from_millis(200),
                ca_file: None,
                sentinel_password: None,
            });
        })
    }

    /// Lets users have providers asked as often as they like.
    pub(crate) fn unlimited(self) -> Self {
        self.with(|settings| settings.limits.ai_per_minute = 0)
    }

    /// Starts the server with a fake Google of its own.
    pub(crate) async fn voiced(self) -> Voiced {
        let google = FakeGoogle::start().unwrap();
        let app = self.google(&google).start().await;
        let user = app.register().await;
        Voiced { app, user, google }
    }
}

impl Voiced {
    /// As most tests want it.
    pub(crate) async fn start() -> Self {
        TestApp::builder().unlimited().voiced().await
    }

    /// Has a text spoken.
    pub(crate) async fn speak(&self, text: &str) -> Answer {
        self.user.speak(text).await
    }

    /// Has a conversation written.
    pub(crate) async fn converse(&self, word_id: &str, word: &str) -> Answer {
        self.user.converse(word_id, word).await
    }

    /// How often Google was asked to speak.
    pub(crate) fn spoken(&self) -> u64 {
        self.google.calls(GoogleService::Synthesis)
    }

    /// How often Google was asked to write.
    pub(crate) fn written(&self) -> u64 {
        self.google.calls(GoogleService::Writing)
    }

    /// How a circuit stands, as everybody can see.
    pub(crate) async fn circuit(&self, name: &str) -> String {
        let health = self.app.get("/health").await.expect(200).json();
        health["circuits"][name].as_str().unwrap().to_owned()
    }

    /// The files of audio that are kept.
    pub(crate) fn audio_files(&self) -> Vec<PathBuf> {
        files(self.app.place().objects().join("audio"))
    }
}

impl TestUser {
    /// Has a text spoken.
    pub(crate) async fn speak(&self, text: &str) -> Answer {
        self.post("/api/v1/tts", &json!({ "text": text })).await
    }

    /// Has a conversation written.
    pub(crate) async fn converse(&self, word_id: &str, word: &str) -> Answer {
        let body = json!({ "wordId": word_id, "word": word });
        self.post("/api/v1/conversations/text/generate", &body).await
    }

    /// Has a turn of a conversation spoken.
    pub(crate) async fn speak_turn(&self, word_id: &str, index: usize, text: &Value) -> Answer {
        let body = json!({ "wordId": word_id, "turnIndex": index, "text": text });
        self.post("/api/v1/conversations/audio/generate", &body).await
    }
}

fn files(folder: PathBuf) -> Vec<PathBuf> {
    let Ok(entries) = std::fs::read_dir(folder) else {
        return Vec::new();
    };
    let paths = entries.map(|entry| entry.unwrap().path());
    paths
        .flat_map(|path| if path.is_dir() { files(path) } else { vec![path] })
        .collect()
}

/// Waits until something holds.
pub(crate) async fn eventually(what: &str, holds: impl AsyncFn() -> bool) {
    let waited = tokio::time::timeout(PATIENCE, async {
        while !holds().await {
            tokio::task::yield_now().await;
        }
    });
    assert!(waited.await.is_ok(), "{what}");
}
