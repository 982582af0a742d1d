//! Speaking, listing voices, writing down, handing out audio.

use bytes::Bytes;
use parlance_domain::caching::{Denial, MakeError};
use parlance_domain::providers::ProviderErrorKind;
use parlance_domain::speech::{Audio, AudioFormat, Recognition, Speak, SpeakError, SpeakingRate, Spoken};
use parlance_domain::spending::{Caps, Meter};

use crate::house::{ADA, BOB, House, QUOTA};

fn speak(text: &str) -> Speak {
    Speak {
        text: text.parse().unwrap(),
        voice: None,
        language: None,
        rate: SpeakingRate::USUAL,
    }
}

async fn spoken(house: &House, speak: Speak) -> Spoken {
    house.speech.speak(ADA, speak).await.unwrap()
}

#[tokio::test]
async fn what_was_spoken_once_is_not_spoken_again_for_anybody() {
    let house = House::new();
    let first = spoken(&house, speak("你好")).await;
    assert!(!first.cached);
    assert_eq!((first.voice.as_str(), first.provider.as_str()), ("mei", "fake"));
    let second = house.speech.speak(BOB, speak(" 你好 ")).await.unwrap();
    assert!(second.cached);
    assert_eq!(second.audio, first.audio);
    assert_eq!(house.provider.asked(), 1);
}

#[tokio::test]
async fn threat_54_whatever_changes_the_sound_changes_the_key() {
    let house = House::new();
    let plain = speak("hello");
    let others = [
        speak("hallo"),
        Speak {
            voice: Some("amy".parse().unwrap()),
            ..plain.clone()
        },
        Speak {
            rate: SpeakingRate::try_from(0.5).unwrap(),
            ..plain.clone()
        },
        Speak {
            language: Some("en-GB".parse().unwrap()),
            ..plain.clone()
        },
    ];
    spoken(&house, plain).await;
    for other in others {
        assert!(!spoken(&house, other).await.cached);
    }
    assert_eq!(house.provider.asked(), 5);
}

#[tokio::test]
async fn what_the_provider_does_not_know_is_named() {
    let house = House::new();
    let voice = Speak {
        voice: Some("nobody".parse().unwrap()),
        ..speak("hello")
    };
    let error = house.speech.speak(ADA, voice).await.unwrap_err();
    assert!(matches!(error, SpeakError::UnknownVoice), "{error:?}");
    let language = Speak {
        language: Some("xx".parse().unwrap()),
        ..speak("hello")
    };
    let error = house.speech.speak(ADA, language).await.unwrap_err();
    assert!(matches!(error, SpeakError::UnknownLanguage), "{error:?}");
    let text = Speak {
        language: Some("en".parse().unwrap()),
        ..speak("unspeakable")
    };
    let error = house.speech.speak(ADA, text).await.unwrap_err();
    assert!(matches!(error, SpeakError::Refused), "{error:?}");
    assert_eq!(house.spent.of(Some(ADA), Meter::Characters), 0);
}

#[tokio::test]
async fn only_what_reaches_the_provider_counts_towards_the_limit() {
    let house = House::new();
    for number in 0..QUOTA {
        spoken(&house, speak(&format!("text {number}"))).await;
        spoken(&house, speak("text 0")).await;
    }
    let error = house.speech.speak(ADA, speak("one more")).await.unwrap_err();
    assert!(
        matches!(&error, SpeakError::NotMade(MakeError::Denied(Denial::Limit(limit))) if !limit.allowed),
        "{error:?}"
    );
    assert!(spoken(&house, speak("text 3")).await.cached);
    house.speech.speak(BOB, speak("one more")).await.unwrap();
    house.speech.prewarm(speak("and another")).await.unwrap();
}

#[tokio::test]
async fn a_budget_that_is_spent_denies_what_is_new_and_nothing_else() {
    let house = House::with_caps(Caps { user: 10, all: 15 });
    spoken(&house, speak("0123456789")).await;
    let error = house.speech.speak(ADA, speak("x")).await.unwrap_err();
    let SpeakError::NotMade(MakeError::Denied(Denial::Budget { resets_at })) = error else {
        panic!("{error:?}");
    };
    assert_eq!(resets_at.to_rfc3339(), "2026-03-02T00:00:00+00:00");
    assert!(spoken(&house, speak("0123456789")).await.cached);
    house.speech.speak(BOB, speak("01234")).await.unwrap();
    assert!(house.speech.speak(BOB, speak("x")).await.is_err());
    assert!(house.speech.prewarm(speak("x")).await.is_err());
    assert_eq!(house.spent.of(None, Meter::Characters), 15);
}

#[tokio::test]
async fn what_failed_is_not_paid_for_unless_nobody_knows() {
    let house = House::new();
    for (kind, spent) in [
        (ProviderErrorKind::Unavailable, 0),
        (ProviderErrorKind::LeftAlone, 0),
        (ProviderErrorKind::Exhausted, 0),
        (ProviderErrorKind::Timeout, 5),
        (ProviderErrorKind::Invalid, 10),
    ] {
        house.provider.fail(kind);
        let error = house.speech.speak(ADA, speak("hello")).await.unwrap_err();
        assert!(matches!(error, SpeakError::NotMade(MakeError::Provider(error)) if error.kind == kind));
        assert_eq!(house.spent.of(Some(ADA), Meter::Characters), spent, "{kind:?}");
    }
    assert_eq!(house.kept.count(), 0, "nothing of it is kept");
    house.provider.fail(None);
    assert!(!spoken(&house, speak("hello")).await.cached);
}

#[tokio::test]
async fn fault_22_what_could_not_be_kept_is_not_paid_for() {
    let house = House::new();
    spoken(&house, speak("known")).await;
    house.audio.fail(true);
    for _ in 0..QUOTA {
        let error = house.speech.speak(ADA, speak("hello")).await.unwrap_err();
        assert!(
            matches!(&error, SpeakError::NotMade(MakeError::Port(error)) if error.port == "AudioStore"),
            "{error:?}"
        );
    }
    assert!(spoken(&house, speak("known")).await.cached);
    assert_eq!(house.provider.asked(), 1);
    assert_eq!(house.spent.of(Some(ADA), Meter::Characters), 5);
    house.audio.fail(false);
    assert!(!spoken(&house, speak("hello")).await.cached);
    assert_eq!(house.spent.of(Some(ADA), Meter::Characters), 10);
}

#[tokio::test]
async fn voices_are_filtered_by_language_and_asked_for_once() {
    let house = House::new();
    let names = |voices: Vec<parlance_domain::speech::Voice>| -> Vec<String> {
        voices.into_iter().map(|voice| voice.name).collect()
    };
    assert_eq!(
        names(house.speech.voices(ADA, None).await.unwrap().voices),
        ["mei", "amy"]
    );
    let chinese = "zh".parse().unwrap();
    assert_eq!(
        names(house.speech.voices(ADA, Some(&chinese)).await.unwrap().voices),
        ["mei"]
    );
    assert_eq!(house.kept.count(), 1);
}

#[tokio::test]
async fn audio_that_is_lost_is_made_again_and_paid_for_by_nobody() {
    let house = House::new();
    let id = spoken(&house, speak("你好")).await.audio;
    let audio = house.speech.audio(&id).await.unwrap().unwrap();
    assert_eq!((&audio.0, audio.1.id()), (&id, id.clone()));
    for _ in 0..3 {
        house.audio.lose();
        assert_eq!(house.speech.audio(&id).await.unwrap(), Some(audio.clone()));
    }
    assert_eq!(house.provider.asked(), 4);
    assert_eq!(house.spent.of(Some(ADA), Meter::Characters), 2);
    assert_eq!(house.spent.of(None, Meter::Characters), 8);
}

#[tokio::test]
async fn audio_of_which_nothing_is_known_is_not_there() {
    let house = House::new();
    let id = spoken(&house, speak("你好")).await.audio;
    house.audio.lose();
    house.audio.lose_recipes();
    assert_eq!(house.speech.audio(&id).await.unwrap(), None);
    assert_eq!(house.provider.asked(), 1);
}

#[tokio::test]
async fn threat_54_recordings_and_transcripts_are_not_kept() {
    let house = House::new();
    let recognition = Recognition {
        audio: Audio {
            format: AudioFormat::Wav,
            content: Bytes::from_static(b"RIFF"),
        },
        language: None,
    };
    for asked in 1..=QUOTA {
        let heard = house.speech.transcribe(ADA, &recognition).await.unwrap();
        assert_eq!(heard.transcript.transcript, "你好");
        assert_eq!(house.provider.asked(), asked);
    }
    assert_eq!(house.kept.count(), 0);
    let error = house.speech.transcribe(ADA, &recognition).await.unwrap_err();
    assert!(matches!(error, MakeError::Denied(Denial::Limit(_))), "{error:?}");
}
