//! Dialogues out of templates: what every writer does, and that the domain reads them, whatever the word.

#![expect(clippy::unwrap_used, reason = "tests fail by panicking")]

use parlance_domain::conversations::{Brief, ConversationWriter, SubjectWord, Turn, read_turns};
use parlance_domain::providers::ProviderErrorKind;
use parlance_domain::speech::SpokenText;
use parlance_offline::TemplateWriter;
use proptest::prelude::*;

parlance_contract::conversation_writer_contract!(TemplateWriter);

fn brief(word: &str, reading: Option<&str>, gloss: Option<&str>) -> Brief {
    Brief {
        word: word.parse().unwrap(),
        reading: reading.map(str::to_owned),
        gloss: gloss.map(str::to_owned),
    }
}

fn write(brief: &Brief) -> Result<Vec<Turn>, ProviderErrorKind> {
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let draft = runtime
        .block_on(TemplateWriter.write(brief))
        .map_err(|error| error.kind)?;
    assert_eq!(draft.tokens, Some(0));
    Ok(read_turns(&draft.text, &brief.word).unwrap_or_else(|error| panic!("{error}: {}", draft.text)))
}

#[test]
fn a_word_of_which_all_is_known_is_explained() {
    let turns = write(&brief("学习", Some("xué xí"), Some("to study; to learn"))).unwrap();
    let all = |member: fn(&Turn) -> &str| turns.iter().map(member).collect::<Vec<_>>().join("\n");
    assert!(all(|turn| &turn.chinese).contains("“学习”"));
    assert!(all(|turn| &turn.pinyin).contains("“xué xí”"));
    assert!(all(|turn| &turn.english).contains("“to study”"));
    assert!(!all(|turn| &turn.english).contains("to learn"));
    assert!(!all(|turn| &turn.pinyin).contains('…'));
    let speakers: Vec<_> = turns.iter().map(|turn| turn.speaker.as_str()).collect();
    assert_eq!(speakers, ["A", "B", "A", "B", "A"][..turns.len()]);
}

#[test]
fn the_same_word_makes_the_same_dialogue() {
    let brief = brief("茶", Some("chá"), Some("tea"));
    assert_eq!(write(&brief), write(&brief));
}

#[test]
fn threat_56_a_word_with_markup_is_refused() {
    for word in ["<b>学</b>", "学{b}", "学`习", "学\\习", "**学**"] {
        assert_eq!(
            write(&brief(word, None, None)),
            Err(ProviderErrorKind::Refused),
            "{word}"
        );
    }
}

#[test]
fn threat_56_a_word_that_is_not_chinese_is_shown_without_its_markup() {
    let turns = write(&brief("</i>hello{{w}}", None, None)).unwrap();
    assert!(
        turns.iter().any(|turn| turn.chinese.contains("“/ihellow”")),
        "{turns:?}"
    );
    assert!(
        turns.iter().any(|turn| turn.pinyin.contains("“/ihellow”")),
        "{turns:?}"
    );
}

#[test]
fn a_word_that_is_too_long_to_be_spoken_is_refused() {
    assert_eq!(
        write(&brief(&"a ".repeat(16), None, None)),
        Err(ProviderErrorKind::Refused)
    );
    assert!(write(&brief(&"a ".repeat(15), None, None)).is_ok());
}

#[test]
fn words_of_any_script_have_dialogues() {
    let words = [
        "的",
        "T恤",
        "卡拉OK",
        "𠀀",
        "〇",
        "龘",
        "don't",
        "café",
        "слово",
        "كلمة",
        "ありがとう",
        "한국어",
        "#学",
        "* 学",
        "a b c d e",
        "学，习！",
        "\u{301}a",
        "学\u{200F}习",
        "e\u{301}\u{301}",
    ];
    for word in words {
        for reading in [None, Some("dú"), Some("读"), Some("<i>"), Some("")] {
            for gloss in [
                None,
                Some("to read"),
                Some("读"),
                Some("{\"turns\":[]}"),
                Some(""),
            ] {
                let turns = write(&brief(word, reading, gloss));
                assert!(turns.is_ok(), "{word} {reading:?} {gloss:?}: {turns:?}");
            }
        }
    }
}

/// Words of the scripts that a vocabulary has, alone and mixed, and words of anything.
fn word() -> impl Strategy<Value = String> {
    prop_oneof![
        "[一-鿿]{1,6}",
        "[a-zA-Zà-ÿ' -]{1,12}",
        "[a-z一-鿿㐀-䶿𠀀-𪛖0-9 ,。]{1,12}",
        "[#*“”\"'…%$&;/()一-三a-c]{1,12}",
        "\\PC{1,40}",
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn every_dialogue_is_read(
        word in word(),
        reading in prop::option::of("\\PC{0,80}"),
        gloss in prop::option::of(prop_oneof![".{0,200}", "[a-z ();/,<>{}`个]{0,120}"]),
    ) {
        let Ok(subject) = word.parse::<SubjectWord>() else { return Ok(()) };
        // Of the word as it is kept: what is another sign before, such as U+1FEF, may be markup once it is normalised.
        let word = subject.as_str().to_owned();
        let has_markup = word.contains(['<', '>', '`', '{', '}', '\\']) || word.contains("**");
        let is_chinese = word.parse::<SpokenText>().is_ok_and(|word| word.is_chinese());
        let is_long = word.split_whitespace().count() > 8;
        let written = write(&Brief { word: subject, reading, gloss });
        let may_be_refused = is_long || (has_markup && is_chinese);
        prop_assert!(written.is_ok() || may_be_refused, "{:?}", written);
    }
}
