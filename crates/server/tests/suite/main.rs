//! Everything that is tested through the running program, in one binary: linking is what takes the time.
//!
//! `api` runs the real router on a real port within the test; `process` starts the real binary.
//!
//! The modules are marked as tests, which they are anyway, so that the lints for tests hold for their helpers too.

#[cfg(test)]
mod api;
#[cfg(test)]
mod cancellation;
#[cfg(test)]
mod harness;
#[cfg(test)]
mod process;
#[cfg(test)]
mod workers;
