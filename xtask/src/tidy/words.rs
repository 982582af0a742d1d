//! Words that have no place in the repository: notes to oneself, and what is true of one machine only.

use super::Findings;
use crate::workspace::SourceFile;

/// The files that are looked through.
pub(super) const ENDINGS: &[&str] = &[
    ".rs",
    ".md",
    ".toml",
    ".sql",
    ".sh",
    ".lua",
    ".yml",
    ".yaml",
    ".json",
    ".html",
    "justfile",
    ".env.example",
    ".ci/run",
];

/// What is looked for, each cut in two so that it is not found here, and why it must not be there.
const FORBIDDEN: [(&str, &str, &str); 11] = [
    ("TO", "DO", "open an issue instead"),
    ("FIX", "ME", "mend it, or open an issue"),
    ("XX", "X", "open an issue instead"),
    ("/wo", "rk/", "a path of one machine"),
    ("/ro", "ot/", "a path of one machine"),
    ("/ho", "me/", "a path of one machine"),
    ("/Us", "ers/", "a path of one machine"),
    ("index.crates", ".io", "the registry is the machine's choice"),
    ("static.crates", ".io", "the registry is the machine's choice"),
    ("registry.npmjs", ".org", "nothing is loaded from a registry"),
    ("unpkg", ".com", "nothing is loaded from a registry"),
];

/// Checks one file.
pub(super) fn check(file: &SourceFile, findings: &mut Findings) {
    for (number, line) in file.text.lines().enumerate() {
        for (one, two, reason) in FORBIDDEN {
            let word = format!("{one}{two}");
            if holds(line, &word) {
                let place = format!("{}:{}", file.path, number + 1);
                findings.errors.push(format!("{place}: `{word}`: {reason}"));
            }
        }
    }
}

/// Whether a line holds a word; one of letters alone not as part of a longer one.
fn holds(line: &str, word: &str) -> bool {
    if !word.chars().all(char::is_alphabetic) {
        return line.contains(word);
    }
    line.match_indices(word).any(|(at, _)| {
        let before = line[..at].chars().next_back();
        let after = line[at + word.len()..].chars().next();
        !before.is_some_and(char::is_alphanumeric) && !after.is_some_and(char::is_alphanumeric)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn errors(text: &str) -> usize {
        let file = SourceFile {
            path: "a.md".into(),
            text: text.into(),
        };
        let mut findings = Findings::default();
        check(&file, &mut findings);
        findings.errors.len()
    }

    #[test]
    fn notes_to_oneself_are_found() {
        assert_eq!(errors(concat!("// TO", "DO: later\nfine\n// (FIX", "ME)\n")), 2);
    }

    #[test]
    fn longer_words_are_not() {
        assert_eq!(errors(concat!("TO", "DOS, my TO", "DOs\n")), 0);
        assert_eq!(errors("the framework/ and the root\n"), 0);
    }

    #[test]
    fn paths_of_a_machine_are_found() {
        assert_eq!(errors(concat!("see /ro", "ot/notes and /ho", "me/ann\n")), 2);
    }
}
