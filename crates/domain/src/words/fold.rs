//! The form in which texts are compared when words are looked for.

use unicode_normalization::UnicodeNormalization;
use unicode_normalization::char::is_combining_mark;

/// Folds a text for search: compatibility forms decomposed, marks dropped, letters in lower
/// case, everything but letters and digits dropped.
///
/// `nǐ hǎo`, `ni hao`, `NiHao` and `nihao` are the same, and so are `lǜ`, `lü` and `lu`. As usual where
/// `ü` cannot be typed, `v` is not taken for it: `lv` is found by no reading.
pub fn fold_text(text: &str) -> String {
    text.nfkd()
        .filter(|c| !is_combining_mark(*c))
        .flat_map(char::to_lowercase)
        .filter(|c| c.is_alphanumeric())
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tone_marks_spaces_and_case_do_not_matter() {
        for text in [
            "nǐ hǎo",
            "ni hao",
            "NiHao",
            "nǐhǎo",
            "ni3hao3".replace('3', "").as_str(),
        ] {
            assert_eq!(fold_text(text), "nihao");
        }
        assert_eq!(fold_text("lǜ"), "lu");
        assert_eq!(fold_text("ér xiě'ér"), "erxieer");
    }

    #[test]
    fn characters_stay() {
        assert_eq!(fold_text("你好!"), "你好");
        assert_eq!(fold_text("  %_ "), "");
    }
}
