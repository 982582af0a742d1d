//! Dialogues by a server that speaks the protocol, and what becomes of its failures.

#![expect(clippy::unwrap_used, reason = "tests fail by panicking")]

use std::ops::Deref;
use std::time::{Duration, Instant};

use parlance_contract::conversation_writer_contract;
use parlance_contract::conversations::brief;
use parlance_domain::conversations::{Brief, ConversationWriter, Draft};
use parlance_domain::providers::{ProviderError, ProviderErrorKind};
use parlance_openai::{OpenAi, OpenAiConfig, OpenAiWriter, PlainHttp};
use parlance_testbed::openai::{FakeOpenAi, OpenAiBehaviour};
use serde_json::{Value, json};

/// A writer and the server that it asks.
struct Fixture {
    server: FakeOpenAi,
    writer: OpenAiWriter,
}

impl Deref for Fixture {
    type Target = OpenAiWriter;

    fn deref(&self) -> &OpenAiWriter {
        &self.writer
    }
}

fn writer(url: &str, key: Option<&str>, timeout: Duration) -> OpenAiWriter {
    let key = key.map(Into::into);
    let config = OpenAiConfig::new(url, key, FakeOpenAi::MODEL, PlainHttp::Privately).unwrap();
    OpenAi::new(config.with_timeout(timeout)).unwrap().writer()
}

fn patient(timeout: Duration) -> Fixture {
    let server = FakeOpenAi::start().unwrap();
    let writer = writer(&server.url(), Some(FakeOpenAi::KEY), timeout);
    Fixture { server, writer }
}

fn fixture() -> Fixture {
    patient(Duration::from_secs(20))
}

conversation_writer_contract!(*fixture());

impl Fixture {
    async fn write(&self) -> Result<Draft, ProviderError> {
        self.writer.write(&brief("学习")).await
    }

    async fn failure(&self, behaviour: OpenAiBehaviour) -> ProviderError {
        self.server.next(behaviour);
        self.write().await.unwrap_err()
    }

    /// The bodies of all requests.
    fn bodies(&self) -> Vec<Value> {
        let requests = self.server.requests().into_iter();
        requests.map(|request| request.body).collect()
    }
}

/// All that an error tells, its causes included.
fn told(error: &ProviderError) -> String {
    format!("{error} {error:?} {:#?}", error.source)
}

#[tokio::test]
async fn a_dialogue_costs_what_the_server_says() {
    let fixture = fixture();
    let tokens = fixture.write().await.unwrap().tokens.unwrap();
    assert!(tokens > 100, "{tokens}");
}

#[tokio::test]
async fn the_request_is_as_the_protocol_has_it() {
    let fixture = fixture();
    fixture.write().await.unwrap();
    let [request] = &fixture.server.requests()[..] else {
        panic!("one request was expected");
    };
    assert_eq!(request.path, "POST /v1/chat/completions");
    assert_eq!(request.headers["content-type"], "application/json");
    assert_eq!(
        request.headers["authorization"],
        format!("Bearer {}", FakeOpenAi::KEY)
    );
    assert!(!request.body.to_string().contains(FakeOpenAi::KEY));
    assert_eq!(request.body["messages"][0]["content"], Brief::INSTRUCTIONS);
    assert_eq!(request.body["response_format"]["json_schema"]["strict"], true);
}

#[tokio::test]
async fn without_a_key_none_is_sent() {
    let server = FakeOpenAi::start().unwrap();
    let writer = writer(&server.url(), None, Duration::from_secs(20));
    let error = writer.write(&brief("学习")).await.unwrap_err();
    assert_eq!(error.kind, ProviderErrorKind::Unauthorized);
    assert!(!server.requests()[0].headers.contains_key("authorization"));
}

#[tokio::test]
async fn a_server_without_schemas_is_asked_for_json_and_from_then_on_at_once() {
    let fixture = fixture();
    fixture.server.does_not_understand(&["json_schema"]);
    fixture.write().await.unwrap();
    fixture.write().await.unwrap();
    let formats: Vec<_> = fixture
        .bodies()
        .iter()
        .map(|body| body["response_format"]["type"].clone())
        .collect();
    assert_eq!(formats, ["json_schema", "json_object", "json_object"]);
}

#[tokio::test]
async fn a_newer_server_is_given_the_newer_names() {
    let fixture = fixture();
    fixture.server.does_not_understand(&["max_tokens", "temperature"]);
    fixture.write().await.unwrap();
    let bodies = fixture.bodies();
    assert_eq!(bodies.len(), 3);
    assert_eq!(bodies[2]["max_completion_tokens"], brief("学习").most_tokens());
    assert!(bodies[2].get("max_tokens").is_none() && bodies[2].get("temperature").is_none());
}

#[tokio::test]
async fn a_server_that_understands_nothing_is_asked_four_times_at_most() {
    let fixture = fixture();
    let unknown = [
        "response_format",
        "max_tokens",
        "max_completion_tokens",
        "temperature",
    ];
    fixture.server.does_not_understand(&unknown);
    let error = fixture.write().await.unwrap_err();
    assert_eq!(error.kind, ProviderErrorKind::Refused);
    assert!((2..=4).contains(&fixture.bodies().len()));
    // What did not help is not kept.
    fixture.server.does_not_understand(&[]);
    fixture.write().await.unwrap();
    let bodies = fixture.bodies();
    assert_eq!(bodies.last().unwrap()["response_format"]["type"], "json_schema");
}

#[tokio::test]
async fn every_status_is_told_as_what_it_means() {
    let fixture = fixture();
    for (status, kind) in [
        (400, ProviderErrorKind::Refused),
        (401, ProviderErrorKind::Unauthorized),
        (403, ProviderErrorKind::Unauthorized),
        (404, ProviderErrorKind::Missing),
        (429, ProviderErrorKind::Exhausted),
        (500, ProviderErrorKind::Unavailable),
        (503, ProviderErrorKind::Unavailable),
        (504, ProviderErrorKind::Timeout),
    ] {
        let before = fixture.bodies().len();
        let error = fixture.failure(OpenAiBehaviour::Status(status)).await;
        assert_eq!((error.kind, error.provider), (kind, "openai"), "{status}");
        assert_eq!(error.retry_after, None);
        // Retries are the business of others.
        assert_eq!(fixture.bodies().len(), before + 1, "{status}");
    }
    fixture.write().await.unwrap();
}

#[tokio::test]
async fn retry_after_is_handed_on() {
    let fixture = fixture();
    let wait = |text: &str| OpenAiBehaviour::StatusHeader(429, "retry-after", text.to_owned());
    let error = fixture.failure(wait("7")).await;
    assert_eq!(error.retry_after, Some(Duration::from_secs(7)));
    let error = fixture.failure(wait("Fri, 31 Dec 9999 23:59:59 GMT")).await;
    assert_eq!(error.retry_after, Some(Duration::from_hours(24)));
    let error = fixture.failure(wait("Sun, 06 Nov 1994 08:49:37 GMT")).await;
    assert_eq!(error.retry_after, Some(Duration::ZERO));
    let error = fixture
        .failure(OpenAiBehaviour::StatusHeader(503, "retry-after", "2".to_owned()))
        .await;
    assert_eq!(
        (error.kind, error.retry_after),
        (ProviderErrorKind::Unavailable, Some(Duration::from_secs(2)))
    );
}

fn choice(choice: &Value) -> OpenAiBehaviour {
    let text = json!({ "choices": [choice], "usage": { "total_tokens": 9 } }).to_string();
    OpenAiBehaviour::Content(200, text)
}

#[tokio::test]
async fn threat_56_answers_without_a_draft_are_invalid_or_refused() {
    let fixture = fixture();
    let content = |text: &str| OpenAiBehaviour::Content(200, text.to_owned());
    let message = json!({ "role": "assistant", "content": "{}" });
    let nothing = json!({ "role": "assistant", "content": null, "refusal": "I can't help with that." });
    for (behaviour, kind) in [
        (content("<html>"), ProviderErrorKind::Invalid),
        (content(""), ProviderErrorKind::Invalid),
        (content("{\"choices\":[]}"), ProviderErrorKind::Invalid),
        (
            choice(&json!({ "message": { "content": "" } })),
            ProviderErrorKind::Invalid,
        ),
        (
            choice(&json!({ "message": message, "finish_reason": "length" })),
            ProviderErrorKind::Invalid,
        ),
        (
            choice(&json!({ "message": message, "finish_reason": "content_filter" })),
            ProviderErrorKind::Refused,
        ),
        (
            choice(&json!({ "message": nothing, "finish_reason": "stop" })),
            ProviderErrorKind::Refused,
        ),
        (OpenAiBehaviour::Cut, ProviderErrorKind::Invalid),
    ] {
        let error = fixture.failure(behaviour.clone()).await;
        assert_eq!(error.kind, kind, "{behaviour:?}");
    }
}

#[tokio::test]
async fn more_than_anybody_wants_is_invalid() {
    let fixture = fixture();
    let huge = json!({ "content": "x".repeat(300_000) });
    let error = fixture.failure(choice(&json!({ "message": huge }))).await;
    assert_eq!(error.kind, ProviderErrorKind::Invalid);
    // Not even to learn why it was refused.
    let error = fixture
        .failure(OpenAiBehaviour::Content(400, "response_format ".repeat(30_000)))
        .await;
    assert_eq!(error.kind, ProviderErrorKind::Refused);
    let large = json!({ "content": "x".repeat(200_000) });
    fixture.server.next(choice(&json!({ "message": large })));
    assert_eq!(fixture.write().await.unwrap().text.len(), 200_000);
}

#[tokio::test]
async fn a_server_that_hangs_is_left_in_time() {
    let fixture = patient(Duration::from_millis(300));
    let start = Instant::now();
    for behaviour in [
        OpenAiBehaviour::Hang,
        OpenAiBehaviour::HangInside,
        OpenAiBehaviour::Slow(Duration::from_mins(10)),
    ] {
        let error = fixture.failure(behaviour.clone()).await;
        assert_eq!(error.kind, ProviderErrorKind::Timeout, "{behaviour:?}");
    }
    assert!(start.elapsed() < Duration::from_secs(20));
}

#[tokio::test]
async fn a_server_that_is_not_there_is_unavailable() {
    let Fixture { server, writer } = fixture();
    drop(server);
    let error = writer.write(&brief("学习")).await.unwrap_err();
    assert_eq!(error.kind, ProviderErrorKind::Unavailable);
}

#[tokio::test]
async fn threat_44_a_redirection_is_not_followed() {
    let (fixture, other) = (fixture(), FakeOpenAi::start().unwrap());
    for status in [301, 302, 303, 307, 308] {
        let place = format!("{}/chat/completions", other.url());
        let error = fixture
            .failure(OpenAiBehaviour::StatusHeader(status, "location", place))
            .await;
        assert_eq!(error.kind, ProviderErrorKind::Invalid, "{status}");
    }
    assert!(other.requests().is_empty());
}

#[tokio::test]
async fn threat_48_neither_key_nor_url_nor_word_is_in_an_error() {
    let fixture = patient(Duration::from_millis(500));
    let host = fixture.server.url().replace("http://", "");
    let echo = format!("wrong key {} for 学习", FakeOpenAi::KEY);
    let mut errors = Vec::new();
    for behaviour in [
        OpenAiBehaviour::Status(401),
        OpenAiBehaviour::Content(400, echo.clone()),
        OpenAiBehaviour::Content(500, echo.clone()),
        OpenAiBehaviour::Content(200, echo),
        OpenAiBehaviour::Cut,
        OpenAiBehaviour::Hang,
    ] {
        errors.push(fixture.failure(behaviour).await);
    }
    let Fixture { server, writer } = fixture;
    drop(server);
    errors.push(writer.write(&brief("学习")).await.unwrap_err());
    for error in errors {
        let told = told(&error);
        for secret in [FakeOpenAi::KEY, "学习", &host] {
            assert!(!told.contains(secret), "{told}");
        }
    }
}
