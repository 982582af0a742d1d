//! Speech by a server that speaks the protocol, and what becomes of its failures.

#![expect(clippy::unwrap_used, reason = "tests fail by panicking")]

use std::ops::Deref;
use std::time::Duration;

use parlance_contract::conversations::brief;
use parlance_contract::speech::{recording, synthesis};
use parlance_contract::{speech_recognizer_contract, speech_synthesizer_contract};
use parlance_domain::conversations::ConversationWriter;
use parlance_domain::providers::{ProviderError, ProviderErrorKind};
use parlance_domain::speech::{Recognition, SpeechRecognizer, SpeechSynthesizer, Synthesis};
use parlance_openai::{OpenAi, OpenAiConfig, OpenAiRecognizer, OpenAiSpeech, PlainHttp};
use parlance_testbed::openai::{FakeOpenAi, OpenAiBehaviour};

/// Something that asks a server.
struct Fixture<T> {
    server: FakeOpenAi,
    asks: T,
}

impl<T> Deref for Fixture<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.asks
    }
}

fn openai(server: &FakeOpenAi, timeout: Duration) -> OpenAi {
    let config = OpenAiConfig::new(&server.url(), None, FakeOpenAi::MODEL, PlainHttp::Privately);
    OpenAi::new(config.unwrap().with_timeout(timeout)).unwrap()
}

fn fixture<T>(key: &str, timeout: Duration, make: impl FnOnce(&OpenAi) -> T) -> Fixture<T> {
    let server = FakeOpenAi::start().unwrap();
    let asks = make(&openai(&server, timeout).with_key(key.into()).unwrap());
    Fixture { server, asks }
}

const PATIENT: Duration = Duration::from_secs(20);

fn speech() -> Fixture<OpenAiSpeech> {
    fixture(FakeOpenAi::KEY, PATIENT, OpenAi::speech)
}

fn recognizer() -> Fixture<OpenAiRecognizer> {
    fixture(FakeOpenAi::KEY, PATIENT, OpenAi::recognizer)
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

impl Fixture<OpenAiSpeech> {
    async fn failure(&self, behaviour: OpenAiBehaviour) -> ProviderError {
        self.server.next(behaviour);
        self.synthesize(&synthesis("hello", "en")).await.unwrap_err()
    }
}

impl Fixture<OpenAiRecognizer> {
    async fn failure(&self, behaviour: OpenAiBehaviour) -> ProviderError {
        self.server.next(behaviour);
        self.recognize(&heard()).await.unwrap_err()
    }
}

#[tokio::test]
async fn the_requests_are_as_the_protocol_has_them() {
    let speech = speech();
    let (_, voice) = speech.synthesize(&synthesis("你好", "cmn-CN")).await.unwrap();
    assert_eq!(voice, "alloy:zh");
    let faster = Synthesis {
        voice: Some("nova".to_owned()),
        rate: 4.0.try_into().unwrap(),
        ..synthesis("hello", "en")
    };
    assert_eq!(speech.synthesize(&faster).await.unwrap().1, "nova");
    let [one, two] = &speech.server.requests()[..] else {
        panic!("two requests were expected");
    };
    assert_eq!(one.path, "POST /v1/audio/speech");
    assert_eq!(
        one.headers["authorization"],
        format!("Bearer {}", FakeOpenAi::KEY)
    );
    assert_eq!(
        (&one.body["input"], &one.body["voice"]),
        (&"你好".into(), &"alloy".into())
    );
    assert_eq!(
        (&two.body["speed"], &two.body["voice"]),
        (&4.0.into(), &"nova".into())
    );
    let recognizer = recognizer();
    recognizer.recognize(&heard()).await.unwrap();
    let request = recognizer.server.requests().pop().unwrap();
    assert_eq!(request.path, "POST /v1/audio/transcriptions");
    assert_eq!(request.body["language"], "zh");
    assert_eq!(request.file.unwrap(), heard().audio.content);
}

#[tokio::test]
async fn each_key_asks_for_itself_over_what_all_share() {
    let server = FakeOpenAi::start().unwrap();
    server.does_not_understand(&["json_schema"]);
    let openai = openai(&server, PATIENT);
    let right = openai.with_key(FakeOpenAi::KEY.into()).unwrap();
    let wrong = openai.with_key("sk-another-key-that-is-wrong".into()).unwrap();
    right.writer().write(&brief("学习")).await.unwrap();
    let error = wrong.writer().write(&brief("学习")).await.unwrap_err();
    assert_eq!(error.kind, ProviderErrorKind::Unauthorized);
    let error = openai.writer().write(&brief("学习")).await.unwrap_err();
    assert_eq!(error.kind, ProviderErrorKind::Unauthorized);
    right.writer().write(&brief("学习")).await.unwrap();
    // What the server does not understand is found out once.
    assert_eq!(server.requests().len(), 5);
}

#[tokio::test]
async fn every_status_is_told_as_what_it_means() {
    let (speech, recognizer) = (speech(), recognizer());
    for (status, kind) in [
        (400, ProviderErrorKind::Refused),
        (401, ProviderErrorKind::Unauthorized),
        (403, ProviderErrorKind::Unauthorized),
        (429, ProviderErrorKind::Exhausted),
        (500, ProviderErrorKind::Unavailable),
    ] {
        let errors = [
            speech.failure(OpenAiBehaviour::Status(status)).await,
            recognizer.failure(OpenAiBehaviour::Status(status)).await,
        ];
        for error in errors {
            assert_eq!((error.kind, error.provider), (kind, "openai"), "{status}");
        }
    }
    // After a 500 it works again.
    speech.synthesize(&synthesis("hello", "en")).await.unwrap();
    assert_eq!(
        speech.server.requests().len(),
        6,
        "retries are the business of others"
    );
}

#[tokio::test]
async fn retry_after_is_handed_on() {
    let wait = OpenAiBehaviour::StatusHeader(429, "retry-after", "7".to_owned());
    let error = speech().failure(wait).await;
    assert_eq!(error.kind, ProviderErrorKind::Exhausted);
    assert_eq!(error.retry_after, Some(Duration::from_secs(7)));
}

#[tokio::test]
async fn threat_56_answers_that_are_none_are_invalid() {
    let (speech, recognizer) = (speech(), recognizer());
    for behaviour in [
        OpenAiBehaviour::Content(200, "<html>hello</html>".to_owned()),
        OpenAiBehaviour::Content(200, String::new()),
        OpenAiBehaviour::Content(200, "{}".to_owned()),
        OpenAiBehaviour::Content(200, "x".repeat(17 << 20)),
        OpenAiBehaviour::Cut,
        OpenAiBehaviour::StatusHeader(302, "location", "http://169.254.169.254/".to_owned()),
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
}

#[tokio::test]
async fn a_server_that_hangs_is_left_in_time() {
    let hasty = Duration::from_millis(300);
    let speech = fixture(FakeOpenAi::KEY, hasty, OpenAi::speech);
    let recognizer = fixture(FakeOpenAi::KEY, hasty, OpenAi::recognizer);
    for behaviour in [
        OpenAiBehaviour::Hang,
        OpenAiBehaviour::HangInside,
        OpenAiBehaviour::Slow(Duration::from_mins(10)),
    ] {
        let error = speech.failure(behaviour.clone()).await;
        assert_eq!(error.kind, ProviderErrorKind::Timeout, "{behaviour:?}");
        let error = recognizer.failure(behaviour.clone()).await;
        assert_eq!(error.kind, ProviderErrorKind::Timeout, "{behaviour:?}");
    }
}

#[tokio::test]
async fn threat_48_neither_key_nor_url_nor_text_is_in_an_error() {
    let key = "sk-wrong-canary-of-a-learner";
    let speech = fixture(key, Duration::from_millis(500), OpenAi::speech);
    let url = speech.server.url();
    let echo = format!("wrong key {key} for canarytext");
    let mut errors = Vec::new();
    for behaviour in [
        OpenAiBehaviour::Right,
        OpenAiBehaviour::Content(400, echo.clone()),
        OpenAiBehaviour::Content(500, echo.clone()),
        OpenAiBehaviour::Content(200, echo),
        OpenAiBehaviour::Cut,
        OpenAiBehaviour::Hang,
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
