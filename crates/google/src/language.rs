//! What Google calls languages.

use parlance_domain::speech::LanguageTag;

/// How Cloud Text-to-Speech calls a language. It takes no scripts, and Chinese by the name of each of its languages.
pub(crate) fn for_synthesis(wanted: &LanguageTag) -> String {
    match wanted.as_str() {
        "en" => "en-US".to_owned(),
        _ if wanted.language() == "zh" => format!("cmn-{}", chinese_region(wanted)),
        tag => tag
            .split('-')
            .filter(|part| part.len() != 4)
            .collect::<Vec<_>>()
            .join("-"),
    }
}

/// How Speech-to-Text calls a language. It takes Chinese with its script, and nothing without a region.
pub(crate) fn for_recognition(wanted: &LanguageTag) -> String {
    match wanted.as_str() {
        "en" => "en-US".to_owned(),
        _ if wanted.language() == "zh" => match chinese_region(wanted) {
            "CN" => "cmn-Hans-CN".to_owned(),
            region => format!("cmn-Hant-{region}"),
        },
        tag => tag.to_owned(),
    }
}

/// The region of Mandarin; where none is named, the script tells.
fn chinese_region(wanted: &LanguageTag) -> &str {
    let parts = wanted.as_str().split_once('-');
    match parts.and_then(|(_, parts)| parts.rsplit('-').next()) {
        Some("Hant") => "TW",
        None | Some("Hans") => "CN",
        Some(region) => region,
    }
}

/// The language that is in the name of a voice, as in `cmn-CN-Standard-A`.
pub(crate) fn of_voice(name: &str) -> Option<LanguageTag> {
    let mut parts = name.splitn(3, '-');
    let (language, region) = (parts.next()?, parts.next()?);
    parts.next()?;
    format!("{language}-{region}").parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn chinese_is_mandarin_of_its_region() {
        for (tag, spoken, heard) in [
            ("zh", "cmn-CN", "cmn-Hans-CN"),
            ("zh-CN", "cmn-CN", "cmn-Hans-CN"),
            ("zh-Hans-CN", "cmn-CN", "cmn-Hans-CN"),
            ("zh-Hans", "cmn-CN", "cmn-Hans-CN"),
            ("cmn-CN", "cmn-CN", "cmn-Hans-CN"),
            ("zh-TW", "cmn-TW", "cmn-Hant-TW"),
            ("zh-Hant", "cmn-TW", "cmn-Hant-TW"),
            ("en", "en-US", "en-US"),
            ("en-GB", "en-GB", "en-GB"),
            ("de", "de", "de"),
            ("sr-Latn-RS", "sr-RS", "sr-Latn-RS"),
            ("es-419", "es-419", "es-419"),
        ] {
            let tag: LanguageTag = tag.parse().unwrap();
            assert_eq!(for_synthesis(&tag), spoken, "{tag}");
            assert_eq!(for_recognition(&tag), heard, "{tag}");
        }
    }

    #[test]
    fn the_name_of_a_voice_begins_with_its_language() {
        let language = |name| of_voice(name).map(|tag| tag.to_string());
        assert_eq!(language("cmn-CN-Standard-A"), Some("cmn-CN".to_owned()));
        assert_eq!(language("en-US-Chirp3-HD-Achernar"), Some("en-US".to_owned()));
        for other in ["Kore", "", "en-US", "en-", "--version"] {
            assert_eq!(language(other), None, "{other}");
        }
    }
}
