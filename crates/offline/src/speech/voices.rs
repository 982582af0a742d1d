//! The voices that the program lists, and which of them speaks a language.

use parlance_domain::speech::{Gender, LanguageTag, Voice};

/// The voice that speaks Chinese.
const MANDARIN: &str = "cmn";

/// A voice, and how well it speaks which languages.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Listed {
    pub(super) voice: Voice,
    /// Languages that it is also offered for, the smaller the number the rather.
    others: Vec<(LanguageTag, u32)>,
}

/// Reads what `espeak-ng --voices` writes.
///
/// A line is `priority, language, age/gender, name, file, (other language priority)…`. A voice is called by its
/// language, which tells it from all others but for variants of one; the first of those is taken. Languages that are no
/// tags here (`en-gb-x-rp`, `piqd`) are left out. `cmn` is what is spoken in China, which is where clients ask for it.
pub(super) fn read(list: &str) -> Vec<Listed> {
    let mut voices: Vec<Listed> = Vec::new();
    for listed in list.lines().skip(1).filter_map(read_line) {
        if voices.iter().all(|known| known.voice.name != listed.voice.name) {
            voices.push(listed);
        }
    }
    voices
}

fn read_line(line: &str) -> Option<Listed> {
    let mut columns = line.split_whitespace();
    let _priority: u32 = columns.next()?.parse().ok()?;
    let name = columns.next()?;
    let gender = columns.next()?.rsplit('/').next()?;
    let others = columns.skip(2).collect::<Vec<_>>().join(" ");
    let voice = Voice {
        name: name.to_owned(),
        language: if name == MANDARIN { "cmn-CN" } else { name }.parse().ok()?,
        gender: match gender {
            "F" => Gender::Female,
            "M" => Gender::Male,
            _ => Gender::Neutral,
        },
    };
    Some(Listed {
        voice,
        others: read_others(&others),
    })
}

/// Reads `(zh-cmn 5)(zh 5)`.
fn read_others(text: &str) -> Vec<(LanguageTag, u32)> {
    let pairs = text.split(['(', ')']).filter_map(|pair| pair.split_once(' '));
    pairs
        .filter_map(|(language, priority)| Some((language.parse().ok()?, priority.trim().parse().ok()?)))
        .collect()
}

/// The voice for a language: the one of exactly this tag, else the best of those offered for it, else one of the
/// language whose name has no region, which is for all regions.
pub(super) fn for_language<'a>(voices: &'a [Listed], wanted: &LanguageTag) -> Option<&'a Voice> {
    let exact = voices.iter().find(|listed| listed.voice.language == *wanted);
    let offered = || {
        let offers = voices.iter().filter_map(|listed| {
            let offer = listed.others.iter().find(|(language, _)| language == wanted)?;
            Some((offer.1, listed))
        });
        offers
            .min_by_key(|(priority, _)| *priority)
            .map(|(_, listed)| listed)
    };
    let anywhere = || {
        voices.iter().find(|Listed { voice, .. }| {
            !voice.name.contains('-') && voice.language.language() == wanted.language()
        })
    };
    let found = exact.or_else(offered).or_else(anywhere);
    found.map(|listed| &listed.voice)
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIST: &str = "\
Pty Language       Age/Gender VoiceName          File                 Other Languages
 5  chr-US-Qaaa-x-west --/M      Cherokee_          iro/chr
 5  cmn             --/M      Chinese_(Mandarin,_latin_as_English) sit/cmn              (zh-cmn 5)(zh 5)
 5  cmn-latn-pinyin --/M      Chinese_(Mandarin,_latin_as_Pinyin) sit/cmn-Latn-pinyin  (zh-cmn 5)(zh 5)
 2  en-gb           --/M      English_(Great_Britain) gmw/en               (en 2)
 5  en-gb-x-rp      --/M      English_(Received_Pronunciation) gmw/en-GB-x-rp       (en-gb 4)(en 5)
 2  en-us           --/F      English_(America)  gmw/en-US            (en 3)
 5  fr-be           --/M      French_(Belgium)   roa/fr-BE            (fr 8)
 5  fr-fr           --/-      French_(France)    roa/fr               (fr 5)
 5  nb              20/M      Norwegian_Bokmål  gmq/nb               (no 5)
 5  piqd            --/M      Klingon            art/piqd
 5  yue             --/M      Chinese_(Cantonese) sit/yue              (zh-yue 5)(zh 8)
 5  yue             --/F      Chinese_(Cantonese,_latin_as_Jyutping) sit/yue-Latn-jyutping (zh-yue 5)(zh 8)
";

    fn chosen(language: &str) -> Option<String> {
        let voice = for_language(&read(LIST), &language.parse().unwrap()).cloned();
        voice.map(|voice| voice.name)
    }

    #[test]
    fn voices_are_read_with_language_and_gender() {
        let voices = read(LIST);
        let voices: Vec<_> = voices
            .iter()
            .map(|listed| {
                (
                    listed.voice.name.as_str(),
                    listed.voice.language.as_str(),
                    listed.voice.gender,
                )
            })
            .collect();
        assert_eq!(
            voices,
            [
                ("cmn", "cmn-CN", Gender::Male),
                ("en-gb", "en-GB", Gender::Male),
                ("en-us", "en-US", Gender::Female),
                ("fr-be", "fr-BE", Gender::Male),
                ("fr-fr", "fr-FR", Gender::Neutral),
                ("nb", "nb", Gender::Male),
                ("yue", "yue", Gender::Male),
            ]
        );
    }

    #[test]
    fn chinese_of_any_name_and_region_is_mandarin() {
        for language in ["zh", "cmn", "zh-CN", "cmn-CN", "zh-Hans", "zh-Hans-CN", "zh-TW"] {
            assert_eq!(chosen(language).as_deref(), Some("cmn"), "{language}");
        }
    }

    #[test]
    fn the_best_voice_for_a_language_is_chosen() {
        for (language, voice) in [
            ("en", "en-gb"),
            ("en-US", "en-us"),
            ("fr", "fr-fr"),
            ("fr-BE", "fr-be"),
            ("nb-NO", "nb"),
            ("no", "nb"),
            ("yue", "yue"),
        ] {
            assert_eq!(chosen(language).as_deref(), Some(voice), "{language}");
        }
    }

    #[test]
    fn a_language_without_a_voice_has_none() {
        for language in ["tlh", "fr-CA", "xx", "en-AU"] {
            assert_eq!(chosen(language), None, "{language}");
        }
    }

    #[test]
    fn lines_that_are_no_voices_are_passed_over() {
        for list in [
            "",
            "\n\n",
            "x\nno voice here",
            "Pty\n 5\n 5  en",
            "Pty\n 5  -v  --/M  x y",
        ] {
            assert_eq!(read(list), [], "{list:?}");
        }
    }
}
