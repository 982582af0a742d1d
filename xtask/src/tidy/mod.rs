//! The rules of the house that the compiler does not know.

mod arrows;
mod contexts;
mod documents;
mod modules;
mod words;

use anyhow::{Result, bail};

use crate::workspace;

/// What the rules found.
#[derive(Debug, Default, PartialEq, Eq)]
struct Findings {
    /// What must not be.
    errors: Vec<String>,
    /// What somebody should look at.
    warnings: Vec<String>,
}

/// Checks every rule and tells everything that breaks one.
pub(crate) fn run() -> Result<()> {
    let mut findings = Findings::default();
    arrows::check(&workspace::metadata()?, &mut findings);
    contexts::check(workspace::root(), &mut findings);
    for file in workspace::files(&[".rs"])? {
        modules::check(&file, &mut findings);
    }
    let documents = workspace::files(&[".md"])?;
    for file in &documents {
        documents::check(workspace::root(), file, &mut findings);
    }
    documents::check_decisions(&documents, &mut findings);
    for file in workspace::files(words::ENDINGS)? {
        words::check(&file, &mut findings);
    }
    for warning in &findings.warnings {
        println!("warning: {warning}");
    }
    for error in &findings.errors {
        eprintln!("error: {error}");
    }
    match findings.errors.len() {
        0 => {
            println!("tidy, with {} warnings", findings.warnings.len());
            Ok(())
        }
        count => bail!("{count} rules broken"),
    }
}
