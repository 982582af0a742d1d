//! The checker: every invariant on histories made by hand, then against the real program, with and without bugs.

#![expect(
    clippy::expect_used,
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "a test that cannot go on fails; helpers of tests are not test functions to clippy"
)]

mod end_to_end;
mod server;
mod synthetic;
