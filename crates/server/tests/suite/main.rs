//! Everything that is tested through the running program, in one binary: linking is what takes the time.
//!
//! `api` runs the real router on a real port within the test; `process` starts the real binary.

mod api;
mod harness;
mod process;
