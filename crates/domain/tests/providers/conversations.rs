//! Having conversations written, and their turns spoken.

use parlance_domain::caching::{Denial, MakeError};
use parlance_domain::conversations::{
    Conversation, Generate, Generated, GeneratorVersion, SpeakTurn, SpeakTurnError,
};
use parlance_domain::ids::WordId;
use parlance_domain::providers::ProviderErrorKind;
use parlance_domain::spending::{Caps, Meter};

use crate::house::{ADA, BOB, House};

fn word_id() -> WordId {
    "zh-1".parse().unwrap()
}

fn generate(word: &str) -> Generate {
    Generate {
        word_id: word_id(),
        word: word.parse().unwrap(),
        version: GeneratorVersion::V1,
    }
}

fn turn(index: usize, text: &str) -> SpeakTurn {
    SpeakTurn {
        word_id: word_id(),
        turn_index: index,
        text: text.parse().unwrap(),
        voice: None,
    }
}

async fn generated(house: &House, word: &str) -> Generated {
    house.conversations.generate(ADA, generate(word)).await.unwrap()
}

async fn conversation(house: &House, word: &str) -> Conversation {
    generated(house, word).await.conversation.read().unwrap()
}

#[tokio::test]
async fn what_was_written_once_is_not_written_again_for_anybody() {
    let house = House::new();
    let first = generated(&house, "学习").await;
    assert!(!first.cached);
    let written = first.conversation.read().unwrap();
    assert_eq!(written.turns.len(), 3);
    assert!(written.id.starts_with("zh-1-"), "{}", written.id);
    let second = house.conversations.generate(BOB, generate("学习")).await.unwrap();
    assert!(second.cached);
    assert_eq!(second.conversation, first.conversation);
    assert_eq!(house.provider.asked(), 1);
    assert_eq!(
        house.spent.of(Some(ADA), Meter::Tokens),
        100,
        "what was used, not what was reserved"
    );
}

#[tokio::test]
async fn a_writer_is_told_what_the_vocabulary_knows_of_its_own_words() {
    let house = House::new();
    for (word, reading) in [("学习", Some("xuéxí")), ("學習", Some("xuéxí")), ("别的", None)] {
        generated(&house, word).await;
        let brief = house.provider.brief.lock().clone().unwrap();
        assert_eq!(brief.word.as_str(), word);
        assert_eq!(brief.reading.as_deref(), reading, "{word}");
        assert_eq!(brief.gloss.is_some(), reading.is_some());
    }
    assert_eq!(
        house.provider.asked(),
        3,
        "each word has a conversation of its own"
    );
}

#[tokio::test]
async fn threat_56_a_draft_that_is_no_dialogue_is_a_failure_and_not_kept() {
    let house = House::new();
    *house.provider.draft.lock() = Some("{\"turns\":[]}".to_owned());
    let error = house
        .conversations
        .generate(ADA, generate("学习"))
        .await
        .unwrap_err();
    assert!(
        matches!(&error, MakeError::Provider(error) if error.kind == ProviderErrorKind::Invalid),
        "{error:?}"
    );
    assert_eq!(house.kept.count(), 0);
    assert_eq!(house.spent.of(Some(ADA), Meter::Tokens), 100, "it was paid for");
    *house.provider.draft.lock() = None;
    assert!(!generated(&house, "学习").await.cached);
}

#[tokio::test]
async fn a_budget_that_is_spent_denies_what_is_new_and_nothing_else() {
    let house = House::with_caps(Caps { user: 0, all: 2_000 });
    generated(&house, "学习").await;
    let error = loop {
        let word = format!("学习{}", house.provider.asked());
        if let Err(error) = house.conversations.generate(BOB, generate(&word)).await {
            break error;
        }
    };
    assert!(
        matches!(error, MakeError::Denied(Denial::Budget { .. })),
        "{error:?}"
    );
    assert!(generated(&house, "学习").await.cached);
}

#[tokio::test]
async fn what_a_conversation_cost_beyond_what_was_reserved_is_spent_too() {
    let house = House::with_caps(Caps { user: 5_000, all: 0 });
    *house.provider.cost.lock() = Some(6_000);
    generated(&house, "学习").await;
    assert_eq!(house.spent.of(Some(ADA), Meter::Tokens), 6_000);
    let error = house.conversations.generate(ADA, generate("朋友")).await;
    assert!(
        matches!(error, Err(MakeError::Denied(Denial::Budget { .. }))),
        "nothing is left"
    );
}

#[tokio::test]
async fn a_turn_is_spoken_and_the_conversation_tells_how_it_sounds() {
    let house = House::new();
    let written = conversation(&house, "学习").await;
    assert!(written.turns.iter().all(|turn| turn.audio.is_none()));
    let spoken = house
        .conversations
        .speak_turn(BOB, turn(1, "你学习。"))
        .await
        .unwrap();
    assert_eq!((&spoken.conversation_id, spoken.turn_index), (&written.id, 1));
    assert!(!spoken.spoken.cached);
    let now = conversation(&house, "学习").await;
    assert_eq!(now.turns[1].audio, Some(spoken.spoken.audio.clone()));
    assert!(now.turns[0].audio.is_none());
    let again = house
        .conversations
        .speak_turn(ADA, turn(1, "你学习。"))
        .await
        .unwrap();
    assert!(again.spoken.cached);
    assert_eq!(again.spoken.audio, spoken.spoken.audio);
}

#[tokio::test]
async fn a_conversation_grows_no_younger_by_what_is_noted_in_it() {
    let house = House::new();
    conversation(&house, "学习").await;
    let made = house.kept.made().len();
    house
        .conversations
        .speak_turn(ADA, turn(1, "你学习。"))
        .await
        .unwrap();
    assert!(conversation(&house, "学习").await.turns[1].audio.is_some());
    let since = house.kept.made().split_off(made);
    assert!(since.iter().all(|key| key.starts_with("tts:")), "{since:?}");
}

#[tokio::test]
async fn a_conversation_that_is_forgotten_while_it_is_noted_in_does_not_come_back() {
    let house = House::new();
    conversation(&house, "学习").await;
    // It is read to find the turn, and to note in it what that sounds like.
    house.kept.forget_after("conversations:zh-1", 2);
    house
        .conversations
        .speak_turn(ADA, turn(1, "你学习。"))
        .await
        .unwrap();
    assert!(!generated(&house, "学习").await.cached);
}

#[tokio::test]
async fn turns_of_several_conversations_of_a_word_are_told_by_their_text() {
    let house = House::new();
    let (one, other) = (
        conversation(&house, "学习").await,
        conversation(&house, "看书").await,
    );
    for (text, id) in [("我学习。", one.id), ("我看书。", other.id)] {
        let spoken = house.conversations.speak_turn(ADA, turn(0, text)).await.unwrap();
        assert_eq!(spoken.conversation_id, id);
    }
}

#[tokio::test]
async fn what_is_not_there_is_not_spoken() {
    let house = House::new();
    let before = house.conversations.speak_turn(ADA, turn(0, "我学习。")).await;
    assert!(
        matches!(before, Err(SpeakTurnError::ConversationNotFound)),
        "{before:?}"
    );
    generated(&house, "学习").await;
    for absent in [turn(9, "我学习。"), turn(1, "我学习。"), turn(0, "别的")] {
        let error = house.conversations.speak_turn(ADA, absent).await;
        assert!(matches!(error, Err(SpeakTurnError::TurnNotFound)), "{error:?}");
    }
    assert_eq!(house.provider.asked(), 1);
    house.kept.forget_all();
    let after = house.conversations.speak_turn(ADA, turn(0, "我学习。")).await;
    assert!(
        matches!(after, Err(SpeakTurnError::ConversationNotFound)),
        "{after:?}"
    );
}

#[tokio::test]
async fn all_conversations_of_a_word_are_forgotten_together() {
    let house = House::new();
    generated(&house, "学习").await;
    generated(&house, "看书").await;
    house
        .conversations
        .speak_turn(ADA, turn(0, "我学习。"))
        .await
        .unwrap();
    house.conversations.forget(&word_id()).await.unwrap();
    assert_eq!(house.kept.count(), 1, "what was spoken remains");
    assert!(!generated(&house, "学习").await.cached);
}
