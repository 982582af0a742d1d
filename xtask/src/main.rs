//! The tasks of the repository: `cargo xtask <task>`.
#![expect(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a task talks to whoever runs it"
)]

mod bench;
mod check;
mod deployment;
mod generate;
mod licences;
mod process;
mod soak;
mod supply;
mod test;
mod tidy;
mod workspace;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

/// The tasks of the repository.
#[derive(Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask")]
struct Arguments {
    #[command(subcommand)]
    task: Task,
}

#[derive(Subcommand)]
enum Task {
    /// Runs the whole test suite
    Test(test::Arguments),
    /// Runs what CI demands besides the tests
    Check(check::Arguments),
    /// Checks the rules of the house that the compiler does not know
    Tidy,
    /// Writes openapi.json
    Openapi,
    /// Writes every generated file: openapi.json, .env.example and the references
    Generate,
    /// Measures the release build
    Bench(bench::Arguments),
    /// Drives the release build with load and faults at full length, and checks what it kept
    Soak(soak::Arguments),
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    match run(&arguments.task) {
        Ok(()) => ExitCode::SUCCESS,
        Err(_) if process::interrupted() => ExitCode::from(130),
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(task: &Task) -> anyhow::Result<()> {
    process::stop_children_when_interrupted()?;
    match task {
        Task::Test(arguments) => test::run(arguments),
        Task::Check(arguments) => check::run(arguments),
        Task::Tidy => tidy::run(),
        Task::Openapi => generate::openapi(),
        Task::Generate => generate::run(),
        Task::Bench(arguments) => bench::run(arguments),
        Task::Soak(arguments) => soak::run(arguments),
    }
}
