//! A server whose learners may bring keys along: of a fake Google, `OpenAI` and `ElevenLabs`.

use parlance_server::settings::Settings;
use parlance_testbed::FakeGoogle;
use parlance_testbed::elevenlabs::FakeElevenLabs;
use parlance_testbed::openai::FakeOpenAi;
use serde_json::json;

use super::{Answer, Builder, TestApp, TestUser, Voiced};

/// A server that asks a Google with its own key, and anybody with those of learners.
pub(crate) struct Keyed {
    /// The server, a learner without keys, and Google.
    pub(crate) voiced: Voiced,
    /// Where keys of `OpenAI` go.
    pub(crate) openai: FakeOpenAi,
    /// Where keys of `ElevenLabs` go.
    pub(crate) elevenlabs: FakeElevenLabs,
}

impl Keyed {
    /// As most tests want it.
    pub(crate) async fn start() -> Self {
        Self::of(TestApp::builder().unlimited()).await
    }

    /// One that differs.
    pub(crate) async fn of(builder: Builder) -> Self {
        let (openai, elevenlabs) = (FakeOpenAi::start().unwrap(), FakeElevenLabs::start().unwrap());
        let own_keys = |settings: &mut Settings| {
            let own = &mut settings.providers.own_keys;
            own.openai.url = openai.url();
            own.openai.model = FakeOpenAi::MODEL.to_owned();
            own.elevenlabs.base_url = elevenlabs.url();
        };
        let voiced = builder.with(own_keys).voiced().await;
        Self {
            voiced,
            openai,
            elevenlabs,
        }
    }

    /// Another learner, who has the right key of a provider.
    pub(crate) async fn learner_with(&self, provider: &str) -> TestUser {
        let user = self.voiced.app.register().await;
        user.set_right_key(provider).await;
        user
    }

    /// How many characters and tokens the installation has paid for.
    pub(crate) fn spent(&self) -> i64 {
        let sum = "SELECT CAST(COALESCE(SUM(amount), 0) AS BIGINT) FROM spending_total";
        self.voiced.app.place().number(sum)
    }
}

impl TestUser {
    /// Brings a key along.
    pub(crate) async fn set_key(&self, provider: &str, key: &str) -> Answer {
        let path = format!("/api/v1/users/me/keys/{provider}");
        self.put(&path, &json!({ "key": key })).await.expect(200)
    }

    /// Brings the key along that a fake knows.
    pub(crate) async fn set_right_key(&self, provider: &str) -> Answer {
        let key = match provider {
            "openai" => FakeOpenAi::KEY,
            "elevenlabs" => FakeElevenLabs::KEY,
            _ => FakeGoogle::LEARNERS_KEY,
        };
        self.set_key(provider, key).await
    }
}
