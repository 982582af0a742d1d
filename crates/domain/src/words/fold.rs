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

/// Folds what somebody looks for. What is not empty but folds to nothing, such as `%_`, is found nowhere.
pub fn fold_query(text: &str) -> String {
    let folded = fold_text(text);
    if folded.is_empty() && !text.trim().is_empty() {
        // No folded text holds it.
        return "!".to_owned();
    }
    folded
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
    fn a_query_that_folds_to_nothing_is_not_empty() {
        assert_eq!(fold_query("  "), "");
        assert_eq!(fold_query(" Nǐ "), "ni");
        for text in ["%_", "\0", "!!!"] {
            assert!(!fold_query(text).is_empty(), "{text:?}");
        }
    }

    #[test]
    fn characters_stay() {
        assert_eq!(fold_text("你好!"), "你好");
        assert_eq!(fold_text("  %_ "), "");
    }
}
