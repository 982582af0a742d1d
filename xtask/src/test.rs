//! The whole test suite.

use anyhow::Result;

use crate::process::{cargo, run as run_command};

/// What to hand on to `cargo test`.
#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// Handed on to `cargo test`, such as `-p parlance-domain` or the name of a test
    #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
    rest: Vec<String>,
}

/// Runs the tests of every crate, and the examples in their documentation when nothing narrows the choice.
pub(crate) fn run(arguments: &Arguments) -> Result<()> {
    let mut tests = vec!["test"];
    let narrowed = arguments
        .rest
        .iter()
        .any(|argument| matches!(argument.as_str(), "-p" | "--package"));
    if !narrowed {
        tests.push("--workspace");
    }
    tests.push("--all-targets");
    tests.extend(arguments.rest.iter().map(String::as_str));
    run_command(&mut cargo(tests))?;
    if arguments.rest.is_empty() {
        run_command(&mut cargo(["test", "--workspace", "--doc"]))?;
    }
    Ok(())
}
