//! Writes dialogues by filling templates.

use async_trait::async_trait;
use parlance_domain::conversations::{Brief, ConversationWriter, Draft, read_turns};
use parlance_domain::providers::{ProviderError, ProviderErrorKind};
use serde_json::{Value, json};

use super::facts::Facts;
use super::templates::{Line, OF_MEANING, OF_NOTHING, OF_READING};
use crate::PROVIDER;

/// Writes dialogues that speak of a word: what it means, how it is read or written.
///
/// The same word, reading and gloss always make the same dialogue. A word that no dialogue may hold, such as a Chinese one
/// with markup in it, is refused.
#[derive(Debug, Clone, Copy, Default)]
pub struct TemplateWriter;

#[async_trait]
impl ConversationWriter for TemplateWriter {
    fn provider(&self) -> &'static str {
        PROVIDER
    }

    async fn write(&self, brief: &Brief) -> Result<Draft, ProviderError> {
        let facts = Facts::of(brief);
        let text = filled(template(&facts), &facts).to_string();
        // The rules of the reader are its own; what it would not read is not written.
        read_turns(&text, &brief.word)
            .map_err(|invalid| ProviderError::new(PROVIDER, ProviderErrorKind::Refused).caused_by(invalid))?;
        // No model reads or writes anything.
        let tokens = Some(0);
        Ok(Draft { text, tokens })
    }
}

/// The template for a word, one of those for which enough is known.
fn template(facts: &Facts) -> &'static [Line] {
    let mut fitting = Vec::new();
    if facts.knows_meaning() {
        fitting.extend(OF_MEANING);
        if facts.knows_reading() {
            fitting.extend(OF_READING);
        }
    } else {
        fitting.extend(OF_NOTHING);
    }
    // Always below the number of templates, which is small.
    let place = hash(facts.word()) % fitting.len() as u64;
    fitting
        .into_iter()
        .nth(usize::try_from(place).unwrap_or_default())
        .unwrap_or_default()
}

/// FNV-1a: the same on every machine and in every release.
fn hash(text: &str) -> u64 {
    text.bytes().fold(0xCBF2_9CE4_8422_2325, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01B3)
    })
}

fn filled(template: &[Line], facts: &Facts) -> Value {
    let turns = template.iter().zip(["A", "B"].into_iter().cycle());
    let turns = turns.map(|([chinese, pinyin, english], speaker)| {
        json!({
            "speaker": speaker,
            "chinese": fill(chinese, facts),
            "pinyin": fill(pinyin, facts),
            "english": fill(english, facts),
        })
    });
    json!({ "turns": turns.collect::<Vec<_>>() })
}

/// A line with its places filled. What is filled in is not looked at again.
fn fill(line: &str, facts: &Facts) -> String {
    let mut filled = String::with_capacity(line.len() + 64);
    let mut rest = line;
    while let Some((before, after)) = rest.split_once('{') {
        let (place, after) = after.split_once('}').unwrap_or((after, ""));
        filled.push_str(before);
        filled.push_str(match place {
            "w" => facts.word(),
            "p" => facts.in_pinyin(),
            "e" => facts.in_english(),
            _ => facts.meaning(),
        });
        rest = after;
    }
    filled.push_str(rest);
    filled
}

#[cfg(test)]
mod tests {
    use super::*;

    fn brief(word: &str, gloss: Option<&str>) -> Brief {
        Brief {
            word: word.parse().unwrap(),
            reading: Some("xué xí".to_owned()),
            gloss: gloss.map(str::to_owned),
        }
    }

    #[test]
    fn every_template_is_a_dialogue_in_its_three_languages() {
        let brief = brief("学习", Some("to study"));
        let facts = Facts::of(&brief);
        for template in OF_MEANING.iter().chain(&OF_READING).chain(&OF_NOTHING) {
            let text = filled(template, &facts).to_string();
            let turns = read_turns(&text, &brief.word).unwrap_or_else(|error| panic!("{error}: {text}"));
            assert!(turns.iter().all(|turn| !turn.pinyin.contains('…')), "{text}");
            assert!(!text.contains("{w") && !text.contains("{p"), "{text}");
        }
    }

    #[test]
    fn every_place_of_a_template_has_a_name() {
        for line in OF_MEANING
            .iter()
            .chain(&OF_READING)
            .chain(&OF_NOTHING)
            .copied()
            .flatten()
        {
            for text in line {
                let places = text.split('{').skip(1);
                for place in places {
                    assert!(
                        matches!(place.get(..2), Some("w}" | "p}" | "e}" | "m}")),
                        "{text}"
                    );
                }
            }
            let [chinese, pinyin, english] = line;
            assert_eq!(chinese.contains("{w}"), pinyin.contains("{p}"), "{chinese}");
            assert_eq!(chinese.contains("{m}"), pinyin.contains("{m}"), "{chinese}");
            assert_eq!(chinese.contains("{m}"), english.contains("{m}"), "{chinese}");
        }
    }

    #[test]
    fn every_template_is_chosen_for_some_word() {
        let choices = |gloss: Option<&str>| {
            let words = ('一'..='丿').map(|word| brief(&word.to_string(), gloss));
            let chosen = words.map(|brief| template(&Facts::of(&brief))[0][0]);
            chosen.collect::<std::collections::BTreeSet<_>>().len()
        };
        assert_eq!(choices(Some("one")), OF_MEANING.len() + OF_READING.len());
        assert_eq!(choices(None), OF_NOTHING.len());
    }
}
