//! An adapter and the server that it asks.

use std::ops::Deref;
use std::sync::Arc;
use std::time::Duration;

use parlance_contract::fakes::TestClock;
use parlance_google::{
    Credentials, Endpoints, GeminiWriter, Google, GoogleConfig, GoogleRecognizer, GoogleSpeech,
};
use parlance_testbed::FakeGoogle;

/// Something that asks a fake Google; at the end, all that it asked was as Google has it.
pub(crate) struct Fixture<T> {
    pub(crate) fake: FakeGoogle,
    pub(crate) clock: Arc<TestClock>,
    asks: T,
}

impl<T> Deref for Fixture<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.asks
    }
}

impl<T> Drop for Fixture<T> {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            assert_eq!(self.fake.violations(), Vec::<String>::new());
        }
    }
}

/// The settings for a fake, which is asked by its key.
pub(crate) fn config(fake: &FakeGoogle) -> GoogleConfig {
    let credentials = Credentials::ApiKey(FakeGoogle::API_KEY.into());
    let mut config = GoogleConfig::new(credentials, "zh".parse().unwrap());
    config.endpoints = Endpoints {
        text_to_speech: fake.url(),
        speech_to_text: fake.url(),
        gemini: fake.url(),
    };
    config
}

/// Changes settings.
pub(crate) type Change = fn(&mut GoogleConfig, &FakeGoogle);

/// The settings as they are.
pub(crate) fn by_key(_: &mut GoogleConfig, _: &FakeGoogle) {}

/// Asked by a service account.
pub(crate) fn by_account(config: &mut GoogleConfig, fake: &FakeGoogle) {
    config.credentials = Credentials::ServiceAccount(fake.service_account().unwrap().into());
}

/// Answers are taken in as they are written.
pub(crate) fn streamed(config: &mut GoogleConfig, _: &FakeGoogle) {
    config.gemini.stream = true;
}

/// Nobody waits for long.
pub(crate) fn hasty(config: &mut GoogleConfig, _: &FakeGoogle) {
    config.timeouts.silence = Duration::from_millis(300);
}

fn fixture<T>(
    change: impl FnOnce(&mut GoogleConfig, &FakeGoogle),
    make: impl FnOnce(&Google) -> T,
) -> Fixture<T> {
    let fake = FakeGoogle::start().unwrap();
    let clock = Arc::new(TestClock::default());
    let mut config = config(&fake);
    change(&mut config, &fake);
    let asks = make(&Google::new(config, Arc::clone(&clock) as _).unwrap());
    Fixture { fake, clock, asks }
}

pub(crate) fn speech(change: Change) -> Fixture<GoogleSpeech> {
    fixture(change, Google::speech)
}

pub(crate) fn recognizer(change: Change) -> Fixture<GoogleRecognizer> {
    fixture(change, Google::recognizer)
}

pub(crate) fn writer(change: Change) -> Fixture<GeminiWriter> {
    fixture(change, Google::writer)
}

/// As [`writer`], with answers taken in as they are written.
pub(crate) fn streaming_writer(change: Change) -> Fixture<GeminiWriter> {
    let change = |config: &mut GoogleConfig, fake: &FakeGoogle| {
        change(config, fake);
        streamed(config, fake);
    };
    fixture(change, Google::writer)
}

pub(crate) fn google(change: Change) -> Fixture<Google> {
    fixture(change, Google::clone)
}
