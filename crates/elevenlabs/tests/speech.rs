//! Speech by a server that speaks the protocol, and what becomes of its failures.

#![expect(clippy::unwrap_used, reason = "tests fail by panicking")]

use std::ops::Deref;
use std::time::Duration;

use parlance_contract::speech::{recording, synthesis};
use parlance_contract::{speech_recognizer_contract, speech_synthesizer_contract};
use parlance_domain::providers::{ProviderError, ProviderErrorKind};
use parlance_domain::speech::{Recognition, SpeechRecognizer, SpeechSynthesizer, Synthesis};
use parlance_elevenlabs::{ElevenLabs, ElevenLabsConfig, ElevenLabsRecognizer, ElevenLabsSpeech, WithKey};
use parlance_testbed::elevenlabs::{ElevenLabsBehaviour, FakeElevenLabs};

/// Something that asks a server.
struct Fixture<T> {
    server: FakeElevenLabs,
    asks: T,
}

impl<T> Deref for Fixture<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.asks
    }
}

fn fixture<T>(key: &str, timeout: Duration, make: impl FnOnce(&WithKey) -> T) -> Fixture<T> {
    let server = FakeElevenLabs::start().unwrap();
    let config = ElevenLabsConfig {
        base_url: server.url(),
        timeout,
        ..ElevenLabsConfig::default()
    };
    let asks = make(&ElevenLabs::new(config).unwrap().with_key(&key.into()).unwrap());
    Fixture { server, asks }
}

const PATIENT: Duration = Duration::from_secs(20);

fn speech() -> Fixture<ElevenLabsSpeech> {
    fixture(FakeElevenLabs::KEY, PATIENT, WithKey::speech)
}

fn recognizer() -> Fixture<ElevenLabsRecognizer> {
    fixture(FakeElevenLabs::KEY, PATIENT, WithKey::recognizer)
}

mod speaking {
    use super::*;

    speech_synthesizer_contract!(*speech());
}

mod listening {
    use super::*;

    speech_recognizer_contract!(*recognizer());
}

fn heard() -> Recognition {
    Recognition {
        audio: recording(8_000),
        language: Some("zh-CN".parse().unwrap()),
    }
}

impl Fixture<ElevenLabsSpeech> {
    async fn failure(&self, behaviour: ElevenLabsBehaviour) -> ProviderError {
        self.server.next(behaviour);
        self.synthesize(&synthesis("hello", "en")).await.unwrap_err()
    }
}

impl Fixture<ElevenLabsRecognizer> {
    async fn failure(&self, behaviour: ElevenLabsBehaviour) -> ProviderError {
        self.server.next(behaviour);
        self.recognize(&heard()).await.unwrap_err()
    }
}

#[tokio::test]
async fn the_requests_are_as_the_protocol_has_them() {
    let speech = speech();
    speech.synthesize(&synthesis("你好", "cmn-CN")).await.unwrap();
    let faster = Synthesis {
        voice: Some("21m00Tcm4TlvDq8ikWAM".to_owned()),
        rate: 4.0.try_into().unwrap(),
        ..synthesis("hello", "en")
    };
    assert_eq!(
        speech.synthesize(&faster).await.unwrap().1,
        "21m00Tcm4TlvDq8ikWAM"
    );
    let [one, two] = &speech.server.requests()[..] else {
        panic!("two requests were expected");
    };
    assert_eq!(one.path, "POST /v1/text-to-speech/JBFqnCBsd6RMkjVDRZzb");
    assert_eq!(one.headers["xi-api-key"], FakeElevenLabs::KEY);
    assert_eq!(one.body["text"], "你好");
    assert!(one.body.get("voice_settings").is_none());
    assert_eq!(two.path, "POST /v1/text-to-speech/21m00Tcm4TlvDq8ikWAM");
    assert_eq!(two.body["voice_settings"]["speed"], 1.2);
    let recognizer = recognizer();
    recognizer.recognize(&heard()).await.unwrap();
    let request = recognizer.server.requests().pop().unwrap();
    assert_eq!(request.body["language_code"], "zh");
    assert_eq!(request.file.unwrap(), heard().audio.content);
}

#[tokio::test]
async fn every_status_is_told_as_what_it_means() {
    let (speech, recognizer) = (speech(), recognizer());
    for (status, kind) in [
        (400, ProviderErrorKind::Refused),
        (401, ProviderErrorKind::Unauthorized),
        (403, ProviderErrorKind::Unauthorized),
        (404, ProviderErrorKind::Refused),
        (429, ProviderErrorKind::Exhausted),
        (500, ProviderErrorKind::Unavailable),
    ] {
        let errors = [
            speech.failure(ElevenLabsBehaviour::Status(status)).await,
            recognizer.failure(ElevenLabsBehaviour::Status(status)).await,
        ];
        for error in errors {
            assert_eq!((error.kind, error.provider), (kind, "elevenlabs"), "{status}");
        }
    }
    // After a 500 it works again.
    speech.synthesize(&synthesis("hello", "en")).await.unwrap();
    assert_eq!(
        speech.server.requests().len(),
        7,
        "retries are the business of others"
    );
}

#[tokio::test]
async fn retry_after_is_handed_on() {
    let wait = ElevenLabsBehaviour::StatusHeader(429, "retry-after", "7".to_owned());
    let error = speech().failure(wait).await;
    assert_eq!(error.kind, ProviderErrorKind::Exhausted);
    assert_eq!(error.retry_after, Some(Duration::from_secs(7)));
}

#[tokio::test]
async fn threat_56_answers_that_are_none_are_invalid() {
    let (speech, recognizer) = (speech(), recognizer());
    for behaviour in [
        ElevenLabsBehaviour::Content(200, "<html>hello</html>".to_owned()),
        ElevenLabsBehaviour::Content(200, String::new()),
        ElevenLabsBehaviour::Content(200, "{}".to_owned()),
        ElevenLabsBehaviour::Content(200, "x".repeat(17 << 20)),
        ElevenLabsBehaviour::Cut,
        ElevenLabsBehaviour::StatusHeader(302, "location", "http://169.254.169.254/".to_owned()),
    ] {
        let told = format!("{behaviour:.40?}");
        let errors = [
            speech.failure(behaviour.clone()).await,
            recognizer.failure(behaviour).await,
        ];
        for error in errors {
            assert_eq!(error.kind, ProviderErrorKind::Invalid, "{told}");
        }
    }
    speech
        .server
        .next(ElevenLabsBehaviour::Content(200, "<html>".to_owned()));
    assert_eq!(
        speech.voices().await.unwrap_err().kind,
        ProviderErrorKind::Invalid
    );
}

#[tokio::test]
async fn a_server_that_hangs_is_left_in_time() {
    let speech = fixture(FakeElevenLabs::KEY, Duration::from_millis(300), WithKey::speech);
    for behaviour in [
        ElevenLabsBehaviour::Hang,
        ElevenLabsBehaviour::HangInside,
        ElevenLabsBehaviour::Slow(Duration::from_mins(10)),
    ] {
        let error = speech.failure(behaviour.clone()).await;
        assert_eq!(error.kind, ProviderErrorKind::Timeout, "{behaviour:?}");
    }
}

#[tokio::test]
async fn threat_48_neither_key_nor_url_nor_text_is_in_an_error() {
    let key = "xi-wrong-canary-of-a-learner";
    let speech = fixture(key, Duration::from_millis(500), WithKey::speech);
    let url = speech.server.url();
    let echo = format!("wrong key {key} for canarytext");
    let mut errors = Vec::new();
    for behaviour in [
        ElevenLabsBehaviour::Right,
        ElevenLabsBehaviour::Content(400, echo.clone()),
        ElevenLabsBehaviour::Content(500, echo.clone()),
        ElevenLabsBehaviour::Content(200, echo),
        ElevenLabsBehaviour::Cut,
        ElevenLabsBehaviour::Hang,
    ] {
        speech.server.next(behaviour);
        errors.push(
            speech
                .synthesize(&synthesis("canarytext", "en"))
                .await
                .unwrap_err(),
        );
    }
    assert_eq!(errors[0].kind, ProviderErrorKind::Unauthorized);
    let Fixture { server, asks } = speech;
    drop(server);
    errors.push(asks.synthesize(&synthesis("canarytext", "en")).await.unwrap_err());
    assert_eq!(errors[6].kind, ProviderErrorKind::Unavailable);
    for error in errors {
        let told = format!("{error} {error:?} {:#?}", error.source);
        for secret in ["canary", url.as_str()] {
            assert!(!told.contains(secret), "{told}");
        }
    }
}

#[tokio::test]
async fn a_key_that_cannot_be_sent_is_refused_without_being_repeated() {
    let server = FakeElevenLabs::start().unwrap();
    let config = ElevenLabsConfig {
        base_url: server.url(),
        ..ElevenLabsConfig::default()
    };
    let eleven = ElevenLabs::new(config).unwrap();
    for key in ["", "hunter2\r\nX-Evil: 1", "hunter2 hunter2", "hunter2é"] {
        let error = eleven.with_key(&key.into()).err().unwrap();
        assert!(!format!("{error:?} {error}").contains("hunter2"), "{error:?}");
    }
}
