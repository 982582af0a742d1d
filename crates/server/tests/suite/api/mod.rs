//! The API through the real router, one module per resource.
//!
//! To add a module: write `tests/suite/api/<resource>.rs` with `use crate::harness::{TestApp, assert_problem};`
//! and name it here, in alphabetical order. Each test starts its own server by `TestApp::start().await` or
//! `TestApp::builder()`; tests run in parallel and share nothing.

mod accounts;
mod admin;
mod allowance;
mod api_keys;
mod audit;
mod circuits;
mod conversations;
mod copies;
mod cors;
mod credentials;
mod days;
mod devices;
mod errors;
mod federation;
mod feed;
mod flags;
mod gone;
mod idempotency;
mod import;
mod isolation;
mod learner;
mod limits;
mod lockout;
mod mail;
mod openapi;
mod overtaken;
mod own_keys;
mod passkeys;
mod personal;
mod progress;
mod provider_keys;
mod recordings;
mod reviews;
mod second_factor;
mod sessions;
mod settings;
mod speech;
mod study;
mod system;
mod tokens;
mod upstream;
mod words;
