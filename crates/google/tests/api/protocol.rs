//! What is sent.

use std::sync::Arc;

use parlance_contract::conversations::brief;
use parlance_contract::fakes::TestClock;
use parlance_contract::speech::{recording, synthesis};
use parlance_domain::conversations::{Brief, ConversationWriter};
use parlance_domain::providers::ProviderErrorKind;
use parlance_domain::speech::{Recognition, SpeechRecognizer, SpeechSynthesizer, Synthesis};
use parlance_google::{Credentials, Google, GoogleConfig, GoogleConfigError};
use parlance_testbed::{FakeGoogle, GoogleRequest, GoogleService};
use serde_json::{Value, json};

use crate::fixture::{self, Fixture, by_account, by_key, recognizer, speech, streamed, writer};

fn last<T>(fixture: &Fixture<T>, service: GoogleService) -> GoogleRequest {
    fixture.fake.requests(service).pop().unwrap()
}

#[tokio::test]
async fn the_key_is_in_a_header_and_never_in_a_url() {
    let speech = speech(by_key);
    speech.voices().await.unwrap();
    speech.synthesize(&synthesis("hello", "en")).await.unwrap();
    let writer = writer(streamed);
    writer.write(&brief("学习")).await.unwrap();
    for request in [
        last(&speech, GoogleService::Voices),
        last(&speech, GoogleService::Synthesis),
        last(&writer, GoogleService::Writing),
    ] {
        assert_eq!(request.header("x-goog-api-key"), Some(FakeGoogle::API_KEY));
        assert_eq!(request.header("authorization"), None);
        assert!(!request.query.contains("AIza") && !request.path.contains("AIza"));
        assert!(!request.body.to_string().contains("AIza"));
    }
}

#[tokio::test]
async fn the_project_that_pays_is_named_where_it_is_known() {
    let speech = speech(|config, _| config.user_project = Some("who-pays".to_owned()));
    speech.voices().await.unwrap();
    let request = last(&speech, GoogleService::Voices);
    assert_eq!(request.header("x-goog-user-project"), Some("who-pays"));
    let account = fixture::speech(|config, fake| {
        let mut file: Value = serde_json::from_str(&fake.service_account().unwrap()).unwrap();
        file["quota_project_id"] = "of-the-file".into();
        config.credentials = Credentials::ServiceAccount(file.to_string().into());
    });
    account.voices().await.unwrap();
    let request = last(&account, GoogleService::Voices);
    assert_eq!(request.header("x-goog-user-project"), Some("of-the-file"));
}

#[tokio::test]
async fn whoever_brings_a_key_along_asks_with_it_and_nothing_else() {
    let fake = FakeGoogle::start().unwrap();
    let config = GoogleConfig {
        credentials: Credentials::Nobody,
        user_project: Some("who-pays".to_owned()),
        ..fixture::config(&fake)
    };
    let google = Google::new(config, Arc::new(TestClock::default())).unwrap();
    let nobody = google.speech().voices().await.unwrap_err();
    assert_eq!(nobody.kind, ProviderErrorKind::Unauthorized);
    assert_eq!(fake.calls(GoogleService::Voices), 0);
    for _ in 0..2 {
        let own = google.with_key(FakeGoogle::LEARNERS_KEY.into()).unwrap();
        own.speech().synthesize(&synthesis("hello", "en")).await.unwrap();
    }
    assert_eq!(fake.calls(GoogleService::Voices), 1, "who speaks is known to all");
    for request in fake.requests(GoogleService::Synthesis) {
        assert_eq!(request.header("x-goog-api-key"), Some(FakeGoogle::LEARNERS_KEY));
        assert_eq!(request.header("x-goog-user-project"), None);
    }
    let wrong = google.with_key("AIza-canary-that-is-wrong".into()).unwrap();
    let error = wrong.writer().write(&brief("学习")).await.unwrap_err();
    assert_eq!(error.kind, ProviderErrorKind::Unauthorized);
    assert!(!format!("{error:?} {wrong:?}").contains("canary"), "{error:?}");
    let refused = google.with_key("canary with blanks".into()).err().unwrap();
    assert!(matches!(refused, GoogleConfigError::ApiKey), "{refused:?}");
}

#[tokio::test]
async fn a_text_goes_as_text_whatever_it_looks_like() {
    let speech = speech(by_key);
    for text in [
        "<speak><break time=\"10s\"/>hi</speak>",
        "{\"ssml\":\"x\"}\\\"",
        "你好 & <audio src=\"http://169.254.169.254/\"/>",
    ] {
        speech.synthesize(&synthesis(text, "en")).await.unwrap();
        let request = last(&speech, GoogleService::Synthesis);
        assert_eq!(request.body["input"], json!({ "text": text }));
    }
}

#[tokio::test]
async fn a_voice_goes_with_its_own_language_and_a_rate_is_at_most_double() {
    let speech = speech(by_key);
    let wanted = Synthesis {
        voice: Some("en-GB-Standard-A".to_owned()),
        rate: 4.0.try_into().unwrap(),
        ..synthesis("hello", "en")
    };
    speech.synthesize(&wanted).await.unwrap();
    let expected = json!({
        "input": { "text": "hello" },
        "voice": { "languageCode": "en-GB", "name": "en-GB-Standard-A" },
        "audioConfig": { "audioEncoding": "MP3", "speakingRate": 2.0 },
    });
    assert_eq!(last(&speech, GoogleService::Synthesis).body, expected);
    assert_eq!(speech.fake.calls(GoogleService::Voices), 0);
}

#[tokio::test]
async fn the_cheapest_voice_of_a_language_is_looked_up_once() {
    let speech = speech(by_key);
    for language in ["zh", "zh-CN", "cmn-CN", "zh"] {
        let (_, voice) = speech.synthesize(&synthesis("学习", language)).await.unwrap();
        assert_eq!(voice, "cmn-CN-Standard-A");
    }
    let (_, voice) = speech.synthesize(&synthesis("hallo", "de")).await.unwrap();
    assert_eq!(voice, "de-DE-Wavenet-G");
    let asked: Vec<String> = speech
        .fake
        .requests(GoogleService::Voices)
        .into_iter()
        .map(|request| request.query)
        .collect();
    assert_eq!(asked, ["languageCode=cmn-CN", "languageCode=de"]);
}

#[tokio::test]
async fn a_configured_voice_needs_no_looking_up() {
    let speech = speech(|config, _| {
        config.voices = vec![("cmn-CN".parse().unwrap(), "cmn-CN-Standard-B".to_owned())];
    });
    let (_, voice) = speech.synthesize(&synthesis("学习", "zh")).await.unwrap();
    assert_eq!(voice, "cmn-CN-Standard-B");
    let (_, voice) = speech.synthesize(&synthesis("hello", "en-GB")).await.unwrap();
    assert_eq!(voice, "en-GB-Standard-A");
    assert_eq!(speech.fake.calls(GoogleService::Voices), 1);
}

#[tokio::test]
async fn a_recording_goes_with_what_its_header_says() {
    let recognizer = recognizer(by_key);
    let heard = recognizer
        .recognize(&Recognition {
            audio: recording(8_000),
            language: None,
        })
        .await
        .unwrap();
    let request = last(&recognizer, GoogleService::Recognition);
    let expected = json!({
        "encoding": "LINEAR16",
        "languageCode": "cmn-Hans-CN",
        "enableWordTimeOffsets": true,
        "enableAutomaticPunctuation": true,
    });
    assert_eq!(request.body["config"], expected);
    assert_eq!(heard.transcript, "你好吗");
    assert!((heard.confidence - 0.85).abs() < 1e-6);
    let times: Vec<_> = heard
        .words
        .iter()
        .map(|word| (word.start_ms, word.end_ms))
        .collect();
    assert_eq!(times, [(0, 300), (300, 600), (600, 900)]);
}

#[tokio::test]
async fn gemini_is_told_its_task_and_the_word_apart() {
    for change in [by_key, streamed] {
        let writer = writer(change);
        let brief = Brief {
            reading: Some("xuéxí".to_owned()),
            ..brief("学习")
        };
        writer.write(&brief).await.unwrap();
        let request = last(&writer, GoogleService::Writing);
        let body = &request.body;
        assert_eq!(
            body["systemInstruction"]["parts"],
            json!([{ "text": Brief::INSTRUCTIONS }])
        );
        let question = json!([{ "role": "user", "parts": [{ "text": brief.data() }] }]);
        assert_eq!(body["contents"], question);
        let config = &body["generationConfig"];
        assert_eq!(config["responseMimeType"], "application/json");
        assert_eq!(config["maxOutputTokens"], brief.most_tokens());
        assert_eq!(config["thinkingConfig"], json!({ "thinkingBudget": 0 }));
        let turns = &config["responseSchema"]["properties"]["turns"];
        assert_eq!(
            (&turns["type"], &turns["minItems"], &turns["maxItems"]),
            (&json!("ARRAY"), &json!("3"), &json!("5"))
        );
        let order = json!(["speaker", "chinese", "pinyin", "english"]);
        assert_eq!(turns["items"]["propertyOrdering"], order);
    }
}

#[tokio::test]
async fn what_gemini_may_think_comes_on_top_of_what_it_may_write() {
    let thoughtful = writer(|config, _| config.gemini.thinking_budget = Some(2_000));
    let brief = brief("学习");
    thoughtful.write(&brief).await.unwrap();
    let request = last(&thoughtful, GoogleService::Writing);
    let config = &request.body["generationConfig"];
    assert_eq!(config["thinkingConfig"], json!({ "thinkingBudget": 2_000 }));
    assert_eq!(config["maxOutputTokens"], brief.most_tokens() + 2_000);
    assert_eq!(thoughtful.reserve(&brief), brief.reserve() + 2_000);
    let untold = writer(|config, _| config.gemini.thinking_budget = None);
    untold.write(&brief).await.unwrap();
    let request = last(&untold, GoogleService::Writing);
    let config = &request.body["generationConfig"];
    assert_eq!(config["maxOutputTokens"], brief.most_tokens());
    assert!(config.get("thinkingConfig").is_none());
}

#[tokio::test]
async fn an_answer_is_streamed_only_if_that_is_wanted() {
    let whole = writer(by_key);
    let draft = whole.write(&brief("学习")).await.unwrap();
    let request = last(&whole, GoogleService::Writing);
    assert_eq!(request.path, "/v1beta/models/gemini-2.5-flash:generateContent");
    assert_eq!(request.query, "");
    let parts = writer(streamed);
    assert_eq!(parts.write(&brief("学习")).await.unwrap(), draft);
    let request = last(&parts, GoogleService::Writing);
    assert_eq!(
        request.path,
        "/v1beta/models/gemini-2.5-flash:streamGenerateContent"
    );
    assert_eq!(request.query, "alt=sse");
}

#[test]
fn what_cannot_be_asked_is_said_at_once_and_without_secrets() {
    let fake = FakeGoogle::start().unwrap();
    let clock = || std::sync::Arc::new(parlance_contract::fakes::TestClock::default()) as _;
    let error = |change: &dyn Fn(&mut parlance_google::GoogleConfig)| {
        let mut config = fixture::config(&fake);
        change(&mut config);
        Google::new(config, clock()).unwrap_err()
    };
    let account = |json: &str| {
        let json = json.to_owned();
        move |config: &mut parlance_google::GoogleConfig| {
            config.credentials = Credentials::ServiceAccount(json.clone().into());
        }
    };
    let mut elsewhere: Value = serde_json::from_str(&fake.service_account().unwrap()).unwrap();
    elsewhere["token_uri"] = "http://169.254.169.254/token".into();
    let errors = [
        error(&|config| config.credentials = Credentials::ApiKey("".into())),
        error(&|config| config.credentials = Credentials::ApiKey("SECRET\r\nX: y".into())),
        error(&|config| config.gemini.model = "../SECRET".to_owned()),
        error(&|config| config.user_project = Some("SECRET\n".to_owned())),
        error(&|config| config.endpoints.gemini = "http://SECRET.example".to_owned()),
        error(&account("SECRET")),
        error(&account("{\"type\":\"service_account\",\"private_key\":\"SECRET\"}")),
        error(&account(&elsewhere.to_string())),
        error(&account(
            &json!({ "type": "authorized_user", "client_email": "x", "private_key": "SECRET", "token_uri": "x" })
                .to_string(),
        )),
    ];
    assert!(matches!(errors[0], GoogleConfigError::ApiKey));
    assert!(matches!(errors[2], GoogleConfigError::Model));
    assert!(matches!(errors[5], GoogleConfigError::Account(_)));
    assert!(matches!(errors[7], GoogleConfigError::Endpoint(_)));
    for error in errors {
        assert!(!format!("{error} {error:?}").contains("SECRET"), "{error:?}");
    }
}

#[test]
fn no_secret_is_seen_in_what_is_printed() {
    for change in [by_key, by_account] {
        let google = fixture::google(change);
        let printed = format!("{:?}", *google);
        assert!(printed.contains("gemini"), "{printed}");
        assert!(
            !printed.contains("AIza") && !printed.contains("PRIVATE KEY"),
            "{printed}"
        );
    }
}
