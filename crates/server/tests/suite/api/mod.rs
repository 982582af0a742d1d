//! The API through the real router, one module per resource.
//!
//! To add a module: write `tests/suite/api/<resource>.rs` with `use crate::harness::{TestApp, assert_problem};`
//! and name it here, in alphabetical order. Each test starts its own server by `TestApp::start().await` or
//! `TestApp::builder()`; tests run in parallel and share nothing.

mod accounts;
mod cors;
mod days;
mod errors;
mod feed;
mod flags;
mod gone;
mod import;
mod isolation;
mod learner;
mod limits;
mod openapi;
mod progress;
mod reviews;
mod sessions;
mod study;
mod system;
mod tokens;
mod words;
