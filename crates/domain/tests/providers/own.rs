//! Users' own keys: who pays, who hears of it, and what becomes of keys that are wrong.

use bytes::Bytes;
use parlance_domain::caching::{Denial, MakeError};
use parlance_domain::conversations::{
    Conversation, Generate, Generated, GeneratorVersion, SpeakTurn, SpeakTurnError,
};
use parlance_domain::ids::UserId;
use parlance_domain::providers::ProviderErrorKind;
use parlance_domain::settings::KeyProvider;
use parlance_domain::speech::{Audio, AudioFormat, Recognition, Speak, SpeakError, SpeakingRate, Spoken};
use parlance_domain::spending::{Caps, Meter};

use crate::house::{ADA, BOB, House, KEY, QUOTA};

const THEN: &str = "2026-03-01T10:00:00Z";
const LATER: &str = "2026-03-01T11:00:00Z";

/// A house in which Ada has keys of these providers.
fn house(providers: &[KeyProvider]) -> House {
    let house = House::new();
    for provider in providers {
        house.keys.set(ADA, *provider, "good", THEN);
    }
    house
}

fn speak(text: &str) -> Speak {
    Speak {
        text: text.parse().unwrap(),
        voice: None,
        language: None,
        rate: SpeakingRate::USUAL,
    }
}

async fn spoken(house: &House, user: UserId, text: &str) -> Spoken {
    house.speech.speak(user, speak(text)).await.unwrap()
}

async fn denied(house: &House, text: &str) -> Denial {
    match house.speech.speak(ADA, speak(text)).await {
        Err(SpeakError::NotMade(MakeError::Denied(denial))) => denial,
        other => panic!("{other:?}"),
    }
}

fn generate(word: &str) -> Generate {
    Generate {
        word_id: "zh-1".parse().unwrap(),
        word: word.parse().unwrap(),
        version: GeneratorVersion::V1,
    }
}

async fn generated(house: &House, user: UserId) -> Generated {
    house
        .conversations
        .generate(user, generate("学习"))
        .await
        .unwrap()
}

async fn conversation(house: &House, user: UserId) -> Conversation {
    generated(house, user).await.conversation.read().unwrap()
}

fn first_turn(text: &str) -> SpeakTurn {
    SpeakTurn {
        word_id: "zh-1".parse().unwrap(),
        turn_index: 0,
        text: text.parse().unwrap(),
        voice: None,
    }
}

fn recording() -> Recognition {
    Recognition {
        audio: Audio {
            format: AudioFormat::Wav,
            content: Bytes::from_static(b"RIFF"),
        },
        language: None,
    }
}

#[tokio::test]
async fn threat_54_what_a_users_own_key_made_is_shared_with_nobody() {
    let house = house(&[KeyProvider::OpenAi]);
    let mine = spoken(&house, ADA, "你好").await;
    assert_eq!(
        (mine.own, mine.cached, mine.provider.as_str()),
        (true, false, "openai")
    );
    assert!(house.speech.audio(&mine.audio).await.unwrap().is_some());
    assert_eq!((house.own.asked(), house.provider.asked()), (1, 0));
    // Neither does another get it, nor does it take what another got.
    let theirs = spoken(&house, BOB, "你好").await;
    assert_eq!(
        (theirs.own, theirs.cached, theirs.provider.as_str()),
        (false, false, "fake")
    );
    assert!(spoken(&house, ADA, "你好").await.cached);
    assert_eq!((house.own.asked(), house.provider.asked()), (1, 1));
    spoken(&house, BOB, "再见").await;
    assert!(!spoken(&house, ADA, "再见").await.cached);
}

#[tokio::test]
async fn threat_54_the_key_of_a_private_answer_holds_its_owner() {
    let house = house(&[KeyProvider::OpenAi]);
    house.keys.set(BOB, KeyProvider::OpenAi, "good", THEN);
    spoken(&house, ADA, "你好").await;
    generated(&house, ADA).await;
    house.speech.voices(ADA, None).await.unwrap();
    let of_ada = house.kept.keys();
    assert!(of_ada.iter().all(|key| key.starts_with("own-")), "{of_ada:?}");
    for (user, cached) in [(ADA, true), (BOB, false)] {
        assert_eq!(spoken(&house, user, "你好").await.cached, cached);
        assert_eq!(generated(&house, user).await.cached, cached);
    }
    house.speech.voices(BOB, None).await.unwrap();
    assert_eq!(house.kept.keys().len(), 2 * of_ada.len());
    house.speech.voices(ADA, None).await.unwrap();
    assert_eq!(house.kept.keys().len(), 2 * of_ada.len());
}

#[tokio::test]
async fn a_users_own_key_spends_nothing_of_the_house_and_keeps_to_the_limit() {
    let house = House::with_caps(Caps { user: 1, all: 1 });
    house.keys.set(ADA, KeyProvider::Google, "good", THEN);
    spoken(&house, ADA, "a longer text").await;
    generated(&house, ADA).await;
    house.speech.transcribe(ADA, &recording()).await.unwrap();
    for meter in [Meter::Characters, Meter::Tokens] {
        assert_eq!(
            (house.spent.of(Some(ADA), meter), house.spent.of(None, meter)),
            (0, 0)
        );
    }
    for number in 3..QUOTA {
        spoken(&house, ADA, &format!("text {number}")).await;
    }
    assert!(matches!(denied(&house, "one more").await, Denial::Limit(_)));
    assert_eq!(house.own.asked(), QUOTA);
    assert!(spoken(&house, ADA, "a longer text").await.cached);
}

#[tokio::test]
async fn fault_22_a_users_own_key_pays_for_nothing_that_could_not_be_kept() {
    let house = house(&[KeyProvider::OpenAi]);
    house.audio.fail(true);
    let error = house.speech.speak(ADA, speak("hello")).await.unwrap_err();
    assert!(
        matches!(&error, SpeakError::NotMade(MakeError::Port(_))),
        "{error:?}"
    );
    assert_eq!(house.own.asked(), 0);
    house.audio.fail(false);
    assert!(!spoken(&house, ADA, "hello").await.cached);
}

#[tokio::test]
async fn of_several_keys_one_serves_by_the_order_of_the_service() {
    let house = house(&[KeyProvider::Google]);
    let provider = async |text| spoken(&house, ADA, text).await.provider;
    assert_eq!(provider("one").await, "google");
    house.keys.set(ADA, KeyProvider::OpenAi, "good", THEN);
    assert_eq!(provider("one").await, "openai");
    house.keys.set(ADA, KeyProvider::ElevenLabs, "good", THEN);
    assert_eq!(provider("one").await, "elevenlabs");
    assert_eq!(
        house.speech.voices(ADA, None).await.unwrap().provider,
        "elevenlabs"
    );
    assert_eq!(house.speech.voices(BOB, None).await.unwrap().provider, "fake");
}

#[tokio::test]
async fn a_provider_that_does_not_write_leaves_writing_to_the_house() {
    let house = house(&[KeyProvider::ElevenLabs]);
    generated(&house, ADA).await;
    assert_eq!((house.own.asked(), house.provider.asked()), (0, 1));
    house.speech.transcribe(ADA, &recording()).await.unwrap();
    assert_eq!((house.own.asked(), house.provider.asked()), (1, 1));
}

#[tokio::test]
async fn a_key_that_was_taken_away_leaves_everything_to_the_house_again() {
    let house = house(&[KeyProvider::OpenAi]);
    spoken(&house, ADA, "你好").await;
    house.keys.take_away(ADA, KeyProvider::OpenAi);
    let again = spoken(&house, ADA, "你好").await;
    assert_eq!((again.own, again.cached), (false, false));
    assert_eq!(house.spent.of(Some(ADA), Meter::Characters), 2);
}

#[tokio::test]
async fn a_key_that_is_refused_is_told_and_nothing_is_kept_or_paid_by_the_house() {
    let house = house(&[KeyProvider::OpenAi]);
    for kind in [ProviderErrorKind::Unauthorized, ProviderErrorKind::Missing] {
        house.own.fail(kind);
        assert!(
            matches!(denied(&house, "你好").await, Denial::KeyRefused(_)),
            "{kind:?}"
        );
        let error = house.conversations.generate(ADA, generate("学习")).await;
        assert!(
            matches!(error, Err(MakeError::Denied(Denial::KeyRefused(_)))),
            "{kind:?}"
        );
        let error = house.speech.transcribe(ADA, &recording()).await;
        assert!(
            matches!(error, Err(MakeError::Denied(Denial::KeyRefused(_)))),
            "{kind:?}"
        );
    }
    assert_eq!((house.kept.count(), house.provider.asked()), (0, 0));
    house.own.fail(ProviderErrorKind::Exhausted);
    let error = house.speech.speak(ADA, speak("你好")).await;
    let Err(SpeakError::NotMade(MakeError::Provider(error))) = error else {
        panic!("{error:?}");
    };
    assert_eq!(error.kind, ProviderErrorKind::Exhausted);
    house.own.fail(None);
    assert!(!spoken(&house, ADA, "你好").await.cached);
}

#[tokio::test]
async fn a_key_in_the_place_of_another_finds_nothing_that_the_other_made() {
    let house = house(&[KeyProvider::OpenAi]);
    spoken(&house, ADA, "你好").await;
    house.keys.set(ADA, KeyProvider::OpenAi, "good", LATER);
    house.own.fail(ProviderErrorKind::Unauthorized);
    assert!(matches!(denied(&house, "你好").await, Denial::KeyRefused(_)));
}

#[tokio::test]
async fn threat_73_a_key_that_cannot_be_opened_is_told_without_the_key() {
    let house = House::new();
    house.keys.set(ADA, KeyProvider::OpenAi, "lost", THEN);
    let denial = denied(&house, "你好").await;
    let told = format!("{denial:?}");
    let Denial::KeyShut(error) = denial else {
        panic!("{told}");
    };
    assert!(error.to_string().contains("`lost`"), "{error}");
    assert!(!told.contains(KEY) && !error.to_string().contains(KEY), "{told}");
    assert_eq!((house.own.asked(), house.provider.asked()), (0, 0));
}

#[tokio::test]
async fn lost_audio_of_ones_own_is_made_again_by_its_owner_alone() {
    let house = house(&[KeyProvider::OpenAi]);
    let mine = spoken(&house, ADA, "你好").await;
    house.audio.lose();
    assert_eq!(house.speech.audio(&mine.audio).await.unwrap(), None);
    assert_eq!(house.provider.asked(), 0);
    let again = spoken(&house, ADA, "你好").await;
    assert!(!again.cached);
    assert!(house.speech.audio(&again.audio).await.unwrap().is_some());
    assert_eq!(house.own.asked(), 2);
}

#[tokio::test]
async fn a_turn_of_ones_own_conversation_is_spoken_and_noted_there_alone() {
    let house = house(&[KeyProvider::OpenAi]);
    let mine = conversation(&house, ADA).await;
    let text = mine.turns[0].chinese.clone();
    // Of Ada's conversation nobody else has a turn spoken.
    let error = house.conversations.speak_turn(BOB, first_turn(&text)).await;
    assert!(
        matches!(error, Err(SpeakTurnError::ConversationNotFound)),
        "{error:?}"
    );
    let turn = house
        .conversations
        .speak_turn(ADA, first_turn(&text))
        .await
        .unwrap();
    assert_eq!(turn.conversation_id, mine.id);
    let noted = conversation(&house, ADA).await;
    assert_eq!(noted.turns[0].audio.as_ref(), Some(&turn.spoken.audio));
    let error = house.conversations.speak_turn(ADA, first_turn("别的")).await;
    assert!(matches!(error, Err(SpeakTurnError::TurnNotFound)), "{error:?}");
}

#[tokio::test]
async fn threat_54_what_ones_own_key_spoke_is_not_noted_where_everybody_reads() {
    let house = house(&[KeyProvider::ElevenLabs]);
    let shared = conversation(&house, ADA).await;
    let text = shared.turns[0].chinese.clone();
    let turn = house
        .conversations
        .speak_turn(ADA, first_turn(&text))
        .await
        .unwrap();
    assert!(turn.spoken.own);
    assert_eq!(conversation(&house, BOB).await.turns[0].audio, None);
    let theirs = house
        .conversations
        .speak_turn(BOB, first_turn(&text))
        .await
        .unwrap();
    let noted = conversation(&house, BOB).await;
    assert_eq!(noted.turns[0].audio, Some(theirs.spoken.audio));
}

#[tokio::test]
async fn a_conversation_of_the_time_before_the_key_is_still_spoken() {
    let house = House::new();
    let shared = conversation(&house, ADA).await;
    house.keys.set(ADA, KeyProvider::OpenAi, "good", THEN);
    let text = shared.turns[0].chinese.clone();
    let turn = house
        .conversations
        .speak_turn(ADA, first_turn(&text))
        .await
        .unwrap();
    assert_eq!(turn.conversation_id, shared.id);
}
