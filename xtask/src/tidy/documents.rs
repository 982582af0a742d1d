//! What documents keep to: links that lead somewhere, decisions numbered without gaps, an architecture that is read.

use std::collections::BTreeSet;
use std::path::Path;

use super::Findings;
use crate::workspace::SourceFile;

/// Lines within which the architecture is told.
const ARCHITECTURE_LINES: usize = 200;
const DECISIONS: &str = "docs/decisions/";

/// Checks one document.
pub(super) fn check(root: &Path, file: &SourceFile, findings: &mut Findings) {
    let path = &file.path;
    let folder = root.join(path);
    for (line, target) in links(&file.text) {
        let here = folder.parent().unwrap_or(root);
        if !here.join(&target).exists() {
            findings
                .errors
                .push(format!("{path}:{line}: the link to {target} leads nowhere"));
        }
    }
    if path == "ARCHITECTURE.md" && file.text.lines().count() >= ARCHITECTURE_LINES {
        findings.errors.push(format!(
            "{path}: is to have fewer than {ARCHITECTURE_LINES} lines"
        ));
    }
}

/// Checks the numbers of the decisions: 1, 2, 3 and so on, as the first line of each says too.
pub(super) fn check_decisions(files: &[SourceFile], findings: &mut Findings) {
    let mut numbers = BTreeSet::new();
    for file in files {
        let Some(name) = file.path.strip_prefix(DECISIONS) else {
            continue;
        };
        let number = name.get(..4).and_then(|digits| digits.parse::<usize>().ok());
        let heading = number.is_some_and(|number| file.text.starts_with(&format!("# {number}. ")));
        if !heading {
            let error = format!("{}: name it NNNN-title.md and head it `# N. Title`", file.path);
            findings.errors.push(error);
        }
        if number.is_some_and(|number| !numbers.insert(number)) {
            findings
                .errors
                .push(format!("{}: its number is taken", file.path));
        }
    }
    if let Some(gap) = (1..=numbers.len()).find(|number| !numbers.contains(number)) {
        findings
            .errors
            .push(format!("{DECISIONS}: there is no number {gap}"));
    }
}

/// The links to files of the repository, with the lines they stand on; code is left out.
fn links(text: &str) -> Vec<(usize, String)> {
    let mut in_code = false;
    let mut found = Vec::new();
    for (number, line) in text.lines().enumerate() {
        if line.trim_start().starts_with("```") {
            in_code = !in_code;
        }
        if in_code {
            continue;
        }
        let targets = line.split("](").skip(1).filter_map(|rest| rest.split(')').next());
        let ours = targets
            .map(|target| target.split('#').next().unwrap_or_default())
            .filter(|target| !target.is_empty() && !target.contains("://") && !target.starts_with("mailto:"));
        found.extend(ours.map(|target| (number + 1, target.to_owned())));
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    fn document(path: &str, text: &str) -> SourceFile {
        SourceFile {
            path: path.into(),
            text: text.into(),
        }
    }

    #[test]
    fn links_to_files_are_found_and_others_are_not() {
        let text = "see [a](b.md), [c](d/e.md#f) and [g](https://example.com)\n```\n[h](i)\n```\n[j](#k)\n";
        assert_eq!(links(text), [(1, "b.md".to_owned()), (1, "d/e.md".to_owned())]);
    }

    #[test]
    fn a_link_that_leads_nowhere_is_refused() {
        let root = tempfile::tempdir().unwrap();
        std::fs::create_dir(root.path().join("docs")).unwrap();
        std::fs::write(root.path().join("there.md"), "").unwrap();
        let mut findings = Findings::default();
        let file = document("docs/a.md", "[x](../there.md) [y](../gone.md)");
        check(root.path(), &file, &mut findings);
        assert_eq!(
            findings.errors,
            ["docs/a.md:1: the link to ../gone.md leads nowhere"]
        );
    }

    #[test]
    fn decisions_are_numbered_without_gaps() {
        let errors = |files: &[SourceFile]| {
            let mut findings = Findings::default();
            check_decisions(files, &mut findings);
            findings.errors.len()
        };
        let one = || document("docs/decisions/0001-a.md", "# 1. A\n");
        let two = || document("docs/decisions/0002-b.md", "# 2. B\n");
        let three = || document("docs/decisions/0003-c.md", "# 3. C\n");
        assert_eq!(errors(&[one(), two(), three()]), 0);
        assert_eq!(errors(&[one(), three()]), 1);
        assert_eq!(
            errors(&[one(), document("docs/decisions/0001-b.md", "# 1. B\n")]),
            1
        );
        assert_eq!(errors(&[one(), document("docs/decisions/0002-b.md", "# B\n")]), 1);
    }
}
