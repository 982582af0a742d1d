//! Which licences the dependencies may have.

use anyhow::{Result, bail};
use cargo_metadata::Package;

use crate::workspace;

/// Licences that ask for no more than a notice, or, as MPL-2.0 does, for changes to their own files.
const ALLOWED: [&str; 15] = [
    "0BSD",
    "Apache-2.0",
    "Apache-2.0 WITH LLVM-exception",
    "BSD-2-Clause",
    "BSD-3-Clause",
    "BSL-1.0",
    "CC0-1.0",
    "CDLA-Permissive-2.0",
    "ISC",
    "MIT",
    "MIT-0",
    "MPL-2.0",
    "Unicode-3.0",
    "Unlicense",
    "Zlib",
];

/// Refuses a dependency that cannot be had under an allowed licence.
pub(crate) fn run() -> Result<()> {
    let metadata = workspace::metadata()?;
    let bad: Vec<String> = metadata.packages.iter().filter_map(objection).collect();
    if bad.is_empty() {
        println!(
            "{} packages, all with an allowed licence",
            metadata.packages.len()
        );
        Ok(())
    } else {
        bail!("licences that are not allowed:\n  {}", bad.join("\n  "))
    }
}

fn objection(package: &Package) -> Option<String> {
    let name = format!("{} {}", package.name, package.version);
    match package.license.as_deref() {
        None => Some(format!("{name}: names no licence")),
        Some(expression) => match is_allowed(expression) {
            Some(true) => None,
            Some(false) => Some(format!("{name}: {expression}")),
            None => Some(format!("{name}: cannot read the licence {expression:?}")),
        },
    }
}

/// Whether an SPDX expression can be met with allowed licences alone; `None` when it is none.
///
/// The `/` of older manifests means `OR`.
fn is_allowed(expression: &str) -> Option<bool> {
    let spaced = expression
        .replace('/', " OR ")
        .replace('(', " ( ")
        .replace(')', " ) ");
    let mut parser = Parser {
        tokens: spaced.split_whitespace().collect(),
        at: 0,
    };
    let allowed = parser.any()?;
    (parser.at == parser.tokens.len()).then_some(allowed)
}

struct Parser<'a> {
    tokens: Vec<&'a str>,
    at: usize,
}

impl<'a> Parser<'a> {
    /// `all (OR all)*`
    fn any(&mut self) -> Option<bool> {
        let mut allowed = self.all()?;
        while self.take("OR") {
            allowed |= self.all()?;
        }
        Some(allowed)
    }

    /// `one (AND one)*`
    fn all(&mut self) -> Option<bool> {
        let mut allowed = self.one()?;
        while self.take("AND") {
            allowed &= self.one()?;
        }
        Some(allowed)
    }

    /// `( any )`, `licence` or `licence WITH exception`
    fn one(&mut self) -> Option<bool> {
        if self.take("(") {
            let allowed = self.any()?;
            return self.take(")").then_some(allowed);
        }
        let licence = self.word()?;
        if self.take("WITH") {
            let exception = self.word()?;
            return Some(ALLOWED.contains(&format!("{licence} WITH {exception}").as_str()));
        }
        Some(ALLOWED.contains(&licence))
    }

    fn word(&mut self) -> Option<&'a str> {
        let word = *self.tokens.get(self.at)?;
        let is_operator = matches!(word, "OR" | "AND" | "WITH" | "(" | ")");
        self.at += 1;
        (!is_operator).then_some(word)
    }

    fn take(&mut self, token: &str) -> bool {
        let found = self.tokens.get(self.at) == Some(&token);
        self.at += usize::from(found);
        found
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn permissive_licences_are_allowed() {
        for expression in [
            "MIT",
            "MIT OR Apache-2.0",
            "MIT/Apache-2.0",
            "(MIT OR Apache-2.0) AND Unicode-3.0",
            "Apache-2.0 WITH LLVM-exception OR Apache-2.0 OR MIT",
            "ISC AND (Apache-2.0 OR ISC)",
        ] {
            assert_eq!(is_allowed(expression), Some(true), "{expression}");
        }
    }

    #[test]
    fn copyleft_is_refused_unless_there_is_a_choice() {
        for expression in [
            "GPL-3.0-or-later",
            "AGPL-3.0",
            "LGPL-2.1",
            "MIT AND GPL-3.0",
            "(MIT OR GPL-2.0) AND LGPL-3.0",
        ] {
            assert_eq!(is_allowed(expression), Some(false), "{expression}");
        }
        assert_eq!(is_allowed("MIT OR LGPL-2.1-or-later"), Some(true));
    }

    #[test]
    fn what_is_no_expression_is_not_read() {
        for expression in ["", "MIT OR", "(MIT", "MIT)", "MIT Apache-2.0", "OR MIT"] {
            assert_eq!(is_allowed(expression), None, "{expression:?}");
        }
    }

    #[test]
    fn an_exception_is_judged_with_its_licence() {
        assert_eq!(is_allowed("GPL-2.0 WITH Classpath-exception-2.0"), Some(false));
    }
}
