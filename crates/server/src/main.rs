//! The binary `parlance`.

use std::io::Write;
use std::process::ExitCode;

use clap::Parser;
use parlance_server::commands::Cli;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    keep_pages_small();
    match Cli::parse().run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            // Standard error may be closed; the exit code says it too.
            let _ = writeln!(std::io::stderr(), "parlance: {error:#}");
            ExitCode::FAILURE
        }
    }
}

/// Declines huge pages, which the allocator asks for: with few allocations in each, a third of what is resident was never
/// written to, and nothing got faster.
fn keep_pages_small() {
    // Where it may not decide that, the process only holds more.
    #[cfg(target_os = "linux")]
    let _ = nix::sys::prctl::set_thp_disable(true);
}
