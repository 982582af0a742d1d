//! What every module keeps to: a sentence at its head, no `allow`, no excess of length.

use syn::spanned::Spanned;
use syn::visit::{self, Visit};

use super::Findings;
use crate::workspace::SourceFile;

/// Lines from which on a file is worth a look.
const LONG_FILE: usize = 400;
/// Lines from which on a function is.
const LONG_FUNCTION: usize = 50;

/// Checks one file.
pub(super) fn check(file: &SourceFile, findings: &mut Findings) {
    let path = &file.path;
    if !file.text.starts_with("//! ") {
        findings
            .errors
            .push(format!("{path}: does not open with a `//!` sentence"));
    }
    let lines = file.text.lines().count();
    if lines > LONG_FILE {
        findings.warnings.push(format!("{path}: {lines} lines"));
    }
    match syn::parse_file(&file.text) {
        Ok(parsed) => Look { path, findings }.visit_file(&parsed),
        Err(error) => findings.errors.push(format!("{path}: cannot be read: {error}")),
    }
}

struct Look<'a> {
    path: &'a str,
    findings: &'a mut Findings,
}

impl Look<'_> {
    fn measure(&mut self, name: &syn::Ident, whole: proc_macro2::Span) {
        let lines = whole.end().line - whole.start().line + 1;
        if lines > LONG_FUNCTION {
            let (path, line) = (self.path, name.span().start().line);
            let warning = format!("{path}:{line}: `{name}` has {lines} lines");
            self.findings.warnings.push(warning);
        }
    }
}

impl<'ast> Visit<'ast> for Look<'_> {
    fn visit_attribute(&mut self, attribute: &'ast syn::Attribute) {
        if attribute.path().is_ident("allow") {
            let (path, line) = (self.path, attribute.span().start().line);
            let error = format!("{path}:{line}: expect it, with a reason, instead of allowing it");
            self.findings.errors.push(error);
        }
    }

    fn visit_item_fn(&mut self, function: &'ast syn::ItemFn) {
        self.measure(&function.sig.ident, function.block.span());
        visit::visit_item_fn(self, function);
    }

    fn visit_impl_item_fn(&mut self, function: &'ast syn::ImplItemFn) {
        self.measure(&function.sig.ident, function.block.span());
        visit::visit_impl_item_fn(self, function);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn look(text: &str) -> Findings {
        let file = SourceFile {
            path: "a.rs".into(),
            text: text.into(),
        };
        let mut findings = Findings::default();
        check(&file, &mut findings);
        findings
    }

    #[test]
    fn a_module_with_a_sentence_at_its_head_is_fine() {
        assert_eq!(look("//! Counts.\n\nfn one() {}\n"), Findings::default());
    }

    #[test]
    fn a_module_without_one_is_refused() {
        assert_eq!(look("fn one() {}\n").errors.len(), 1);
        assert_eq!(look("// not this\nfn one() {}\n").errors.len(), 1);
    }

    #[test]
    fn allow_is_refused_wherever_it_stands_and_expect_is_not() {
        let findings = look(
            "//! X.\n#![allow(dead_code)]\n#[allow(unused)]\nfn one() { #[allow(unused)] let a = 1; }\n",
        );
        assert_eq!(findings.errors.len(), 3);
        assert!(findings.errors[0].starts_with("a.rs:2:"));
        assert_eq!(
            look("//! X.\n#[expect(unused, reason = \"so\")]\nfn one() {}\n"),
            Findings::default()
        );
    }

    #[test]
    fn long_files_and_functions_are_told() {
        let body = "    work();\n".repeat(LONG_FUNCTION);
        let long = look(&format!(
            "//! X.\nfn long() {{\n{body}}}\nstruct S;\nimpl S {{ fn m(&self) {{\n{body}}} }}\n"
        ));
        assert_eq!(long.errors, [""; 0]);
        assert_eq!(long.warnings.len(), 2);
        assert_eq!(
            look(&format!("//! X.\n{}", "\n".repeat(LONG_FILE)))
                .warnings
                .len(),
            1
        );
    }
}
