//! The same context names in every crate: to follow a feature, read equal paths.

use std::collections::BTreeSet;
use std::path::Path;

use super::Findings;

/// The crates that each hold something of every context of the domain, and of which ones they have nothing to hold.
const FOLLOWERS: [(&str, &[&str]); 3] = [
    ("contract", &[]),
    // What may be spent shows in the answers of those who spend it.
    ("http", &["spending"]),
    // What providers made lies in caches and among objects.
    ("sqlite", &["conversations", "speech"]),
];

/// A context of the domain is a folder with ports or a service of its own.
pub(super) fn check(root: &Path, findings: &mut Findings) {
    let crates = root.join("crates");
    let contexts = contexts(&crates.join("domain/src"));
    if contexts.is_empty() {
        findings
            .errors
            .push("crates/domain/src: no context found".to_owned());
    }
    for (follower, exempt) in FOLLOWERS {
        let source = crates.join(follower).join("src");
        let expected = contexts
            .iter()
            .filter(|context| !exempt.contains(&context.as_str()));
        let missing = expected.filter(|context| !has_module(&source, context));
        let missing = missing
            .map(|context| format!("crates/{follower}/src: has no module `{context}`, as the domain has"));
        findings.errors.extend(missing);
    }
}

fn contexts(source: &Path) -> BTreeSet<String> {
    let folders = std::fs::read_dir(source).into_iter().flatten().flatten();
    folders
        .filter(|folder| {
            folder.path().join("service.rs").is_file() || folder.path().join("ports.rs").is_file()
        })
        .map(|folder| folder.file_name().to_string_lossy().into_owned())
        .collect()
}

fn has_module(source: &Path, name: &str) -> bool {
    source.join(name).join("mod.rs").is_file() || source.join(format!("{name}.rs")).is_file()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn write(root: &Path, path: &str) {
        let path = root.join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, "").unwrap();
    }

    #[test]
    fn a_context_that_a_crate_names_otherwise_is_found() {
        let root = tempfile::tempdir().unwrap();
        for path in [
            "crates/domain/src/words/service.rs",
            "crates/domain/src/limits.rs",
            "crates/contract/src/words.rs",
            "crates/http/src/words/mod.rs",
            "crates/sqlite/src/vocabulary.rs",
        ] {
            write(root.path(), path);
        }
        let mut findings = Findings::default();
        check(root.path(), &mut findings);
        assert_eq!(findings.errors.len(), 1);
        assert!(findings.errors[0].starts_with("crates/sqlite/src"));
    }
}
