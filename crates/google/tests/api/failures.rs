//! What becomes of each way in which Google can fail.

use std::error::Error;
use std::time::Duration;

use parlance_contract::conversations::brief;
use parlance_contract::speech::{recording, synthesis};
use parlance_domain::conversations::{ConversationWriter, InvalidDraft, read_turns};
use parlance_domain::providers::{ProviderError, ProviderErrorKind as Kind};
use parlance_domain::speech::{
    Audio, Recognition, SpeechRecognizer, SpeechSynthesizer, Synthesis, Transcript,
};
use parlance_google::{GeminiWriter, GoogleRecognizer, GoogleSpeech};
use parlance_testbed::{FakeGoogle, GoogleBehaviour as Behaviour, GoogleService};

use crate::fixture::{
    Change, Fixture, by_key, hasty, recognizer, speech, streamed, streaming_writer, writer,
};

/// What happens to calls of every service alike.
fn common() -> Vec<(Behaviour, Kind)> {
    let message = "consumer is suspended".to_owned();
    vec![
        (Behaviour::Status(400), Kind::Refused),
        (Behaviour::Status(401), Kind::Unauthorized),
        (Behaviour::Status(403), Kind::Unauthorized),
        (Behaviour::Message(403, message), Kind::Unauthorized),
        (Behaviour::Status(404), Kind::Refused),
        (Behaviour::Status(429), Kind::Exhausted),
        (Behaviour::Status(500), Kind::Unavailable),
        (Behaviour::Status(503), Kind::Unavailable),
        (Behaviour::Hang, Kind::Timeout),
        (Behaviour::HangInside, Kind::Timeout),
        (Behaviour::Cut, Kind::Invalid),
        (Behaviour::NotJson, Kind::Invalid),
        (
            Behaviour::Redirect("http://127.0.0.1:1/elsewhere".to_owned()),
            Kind::Invalid,
        ),
    ]
}

fn named(text: &str) -> Synthesis {
    Synthesis {
        voice: Some("en-US-Standard-A".to_owned()),
        ..synthesis(text, "en")
    }
}

async fn speak(speech: &GoogleSpeech) -> Result<Audio, ProviderError> {
    Ok(speech.synthesize(&named("hello")).await?.0)
}

async fn listen(recognizer: &GoogleRecognizer) -> Result<Transcript, ProviderError> {
    let recognition = Recognition {
        audio: recording(8_000),
        language: Some("en".parse().unwrap()),
    };
    recognizer.recognize(&recognition).await
}

async fn write(writer: &GeminiWriter) -> Result<String, ProviderError> {
    Ok(writer.write(&brief("学习")).await?.text)
}

/// Lets calls fail one after the other; each must fail in its own way, after a single call.
async fn fails_as<T, R: std::fmt::Debug>(
    make: impl Fn(Change) -> Fixture<T>,
    service: GoogleService,
    cases: Vec<(Behaviour, Kind)>,
    ask: impl AsyncFn(&T) -> Result<R, ProviderError>,
) {
    // Only who waits in vain is in a hurry.
    let (patient, impatient) = (make(by_key), make(hasty));
    for (behaviour, expected) in cases {
        let fixture = if expected == Kind::Timeout {
            &impatient
        } else {
            &patient
        };
        fixture.fake.forget_calls();
        fixture.fake.next(service, 1, behaviour.clone());
        let error = ask(fixture).await.unwrap_err();
        assert_eq!(error.kind, expected, "{behaviour:?}: {:?}", error.source);
        assert_eq!(fixture.fake.calls(service), 1, "{behaviour:?}");
    }
    ask(&patient).await.unwrap();
}

#[tokio::test]
async fn speech_fails_as_it_should() {
    let mut cases = common();
    cases.push((Behaviour::Huge(24_000_000), Kind::Invalid));
    cases.push((Behaviour::Empty, Kind::Invalid));
    cases.push((Behaviour::Garbage, Kind::Invalid));
    fails_as(speech, GoogleService::Synthesis, cases, speak).await;
}

#[tokio::test]
async fn voices_fail_as_they_should() {
    let mut cases = common();
    cases.push((Behaviour::Huge(5_000_000), Kind::Invalid));
    let voices = async |speech: &GoogleSpeech| speech.voices().await;
    fails_as(speech, GoogleService::Voices, cases, voices).await;
}

#[tokio::test]
async fn recognition_fails_as_it_should() {
    let mut cases = common();
    cases.push((Behaviour::Huge(300_000), Kind::Invalid));
    fails_as(recognizer, GoogleService::Recognition, cases, listen).await;
}

fn of_writing() -> Vec<(Behaviour, Kind)> {
    let mut cases = common();
    cases.extend([
        (Behaviour::Huge(300_000), Kind::Invalid),
        (Behaviour::Empty, Kind::Invalid),
        (Behaviour::TooLong, Kind::Invalid),
        (Behaviour::Blocked, Kind::Refused),
        (Behaviour::Withheld, Kind::Refused),
    ]);
    cases
}

#[tokio::test]
async fn writing_fails_as_it_should() {
    fails_as(writer, GoogleService::Writing, of_writing(), write).await;
}

#[tokio::test]
async fn writing_in_a_stream_fails_as_it_should() {
    fails_as(streaming_writer, GoogleService::Writing, of_writing(), write).await;
}

#[tokio::test]
async fn a_draft_is_handed_on_as_it_is_and_checked_by_who_asked() {
    let word = brief("学习").word;
    for change in [by_key, streamed] {
        let writer = writer(change);
        for (behaviour, expected) in [
            (Behaviour::TwoTurns, InvalidDraft::Turns(2)),
            (Behaviour::Markup, InvalidDraft::Markup("chinese")),
            (Behaviour::WrongLanguage, InvalidDraft::Language("english")),
            (Behaviour::Garbage, InvalidDraft::Malformed),
        ] {
            writer.fake.next(GoogleService::Writing, 1, behaviour);
            let text = write(&writer).await.unwrap();
            assert_eq!(read_turns(&text, &word), Err(expected));
        }
    }
}

#[tokio::test]
async fn a_recording_in_which_nothing_is_heard_has_an_empty_transcript() {
    let recognizer = recognizer(by_key);
    recognizer
        .fake
        .next(GoogleService::Recognition, 1, Behaviour::Empty);
    assert_eq!(listen(&recognizer).await.unwrap().transcript, "");
}

#[tokio::test]
async fn a_failure_is_over_when_it_is_over() {
    let speech = speech(by_key);
    speech
        .fake
        .next(GoogleService::Synthesis, 2, Behaviour::Status(500));
    assert_eq!(speak(&speech).await.unwrap_err().kind, Kind::Unavailable);
    assert_eq!(speak(&speech).await.unwrap_err().kind, Kind::Unavailable);
    speak(&speech).await.unwrap();
    assert_eq!(speech.fake.calls(GoogleService::Synthesis), 3);
}

#[tokio::test]
async fn an_answer_may_be_slow_but_not_for_ever() {
    let patient = speech(by_key);
    let slow = Behaviour::Slow(Duration::from_millis(600));
    patient.fake.always(GoogleService::Synthesis, slow.clone());
    speak(&patient).await.unwrap();
    let bounded = speech(|config, _| config.timeouts.overall = Duration::from_millis(200));
    bounded.fake.always(GoogleService::Synthesis, slow);
    assert_eq!(speak(&bounded).await.unwrap_err().kind, Kind::Timeout);
}

#[tokio::test]
async fn a_machine_that_is_not_there_is_unavailable() {
    // Nothing listens on the first port.
    let speech = speech(|config, _| config.endpoints.text_to_speech = "http://127.0.0.1:1".to_owned());
    assert_eq!(speak(&speech).await.unwrap_err().kind, Kind::Unavailable);
}

#[tokio::test]
async fn it_is_said_when_to_ask_again() {
    let speech = speech(by_key);
    for (status, after, expected) in [
        (429, "17", Some(Duration::from_secs(17))),
        (503, "120", Some(Duration::from_mins(2))),
        (429, "3.5s", Some(Duration::from_millis(3_500))),
        (429, "soon", None),
    ] {
        let behaviour = Behaviour::StatusRetryAfter(status, after.to_owned());
        speech.fake.next(GoogleService::Synthesis, 1, behaviour);
        let error = speak(&speech).await.unwrap_err();
        assert_eq!(error.retry_after, expected, "{after}");
    }
}

#[tokio::test]
async fn it_is_said_when_to_ask_again_also_by_a_date() {
    use parlance_domain::time::Clock;

    let speech = speech(by_key);
    let date = (speech.clock.now() + Duration::from_secs(90)).to_rfc2822();
    let behaviour = Behaviour::StatusRetryAfter(503, date.replace("+0000", "GMT"));
    speech.fake.next(GoogleService::Synthesis, 1, behaviour);
    let after = speak(&speech).await.unwrap_err().retry_after.unwrap();
    assert!(
        after > Duration::from_secs(88) && after <= Duration::from_secs(90),
        "{after:?}"
    );
}

#[tokio::test]
async fn a_wrong_key_is_told_from_a_wrong_request() {
    let speech = speech(|config, _| {
        config.credentials = parlance_google::Credentials::ApiKey("AIza-of-somebody-else".into());
    });
    assert_eq!(speak(&speech).await.unwrap_err().kind, Kind::Unauthorized);
}

#[tokio::test]
async fn what_google_says_is_told_without_secrets() {
    let speech = speech(by_key);
    let message = format!("Consumer 'api_key:{}' has been suspended.", FakeGoogle::API_KEY);
    speech
        .fake
        .next(GoogleService::Synthesis, 1, Behaviour::Message(403, message));
    let error = speak(&speech).await.unwrap_err();
    let source = error.source().unwrap().to_string();
    assert_eq!(
        source,
        "google answered 403: Consumer 'api_key:…' has been suspended."
    );
    assert!(!format!("{error:?}").contains("AIza"));
}

#[tokio::test]
async fn threat_44_nobody_is_sent_elsewhere() {
    let elsewhere = FakeGoogle::start().unwrap();
    let speech = speech(by_key);
    let place = format!("{}/v1/text:synthesize", elsewhere.url());
    speech
        .fake
        .next(GoogleService::Synthesis, 1, Behaviour::Redirect(place));
    assert_eq!(speak(&speech).await.unwrap_err().kind, Kind::Invalid);
    assert_eq!(elsewhere.calls(GoogleService::Synthesis), 0);
}

#[tokio::test]
async fn recordings_that_google_would_not_take_are_not_sent() {
    let recognizer = recognizer(by_key);
    let mut long = recording(8_000).content.to_vec();
    // Of half the rate, it is twice as long; of all the data, much longer.
    long.resize(44 + 61 * 32_000, 1);
    long[40..44].copy_from_slice(&(61_u32 * 32_000).to_le_bytes());
    let mut large = b"\x1A\x45\xDF\xA3\x9F\x86\x86A_OPUS".to_vec();
    large.resize(8 * 1024 * 1024, 1);
    for (format, content, because) in [
        (parlance_domain::speech::AudioFormat::Wav, long, "60 seconds"),
        (parlance_domain::speech::AudioFormat::Webm, large, "10 MB"),
    ] {
        let audio = Audio {
            format,
            content: content.into(),
        };
        let recognition = Recognition {
            audio,
            language: None,
        };
        let error = recognizer.recognize(&recognition).await.unwrap_err();
        assert_eq!(error.kind, Kind::Refused);
        let source = error.source().unwrap().to_string();
        assert!(source.contains(because), "{source}");
    }
    assert_eq!(recognizer.fake.calls(GoogleService::Recognition), 0);
}
