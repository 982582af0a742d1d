//! The binary `parlance`.

use std::io::Write;
use std::process::ExitCode;

use clap::Parser;
use parlance_server::commands::Cli;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    match Cli::parse().run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            // Standard error may be closed; the exit code says it too.
            let _ = writeln!(std::io::stderr(), "parlance: {error:#}");
            ExitCode::FAILURE
        }
    }
}
