//! A server of its own for each test: real router, real port, a real database of its own, SQLite or PostgreSQL.
//!
//! ```ignore
//! #[tokio::test]
//! async fn a_new_learner_has_no_progress() {
//!     let app = TestApp::start().await;
//!     let user = app.register().await;
//!     assert_eq!(user.get("/api/v1/progress").await.json(), json!([]));
//!     assert_problem(&app.get("/api/v1/progress").await, 401, "UNAUTHORIZED");
//! }
//! ```
//!
//! By default passwords are hashed at the lowest cost, limits and metrics are off, and no vocabulary is loaded:
//! `TestApp::builder()` changes each of these. The time is the machine's unless the builder is given another clock.

mod answer;
mod app;
mod authenticator;
mod browser;
mod google;
mod mail;
mod own_keys;
mod passkey;
mod place;
mod raw;
mod user;

pub(crate) use answer::{Answer, assert_problem};
pub(crate) use app::{Builder, TestApp};
pub(crate) use authenticator::{Authenticator, codes};
pub(crate) use browser::{Browser, FRONT_END, assert_refused, parameter, sent_to};
pub(crate) use google::{Voiced, eventually};
pub(crate) use own_keys::Keyed;
pub(crate) use passkey::{PasskeyDevice, honest, sign_in_options};
pub(crate) use place::Place;
pub(crate) use raw::RawConnection;
pub(crate) use user::{PASSWORD, TestUser};
