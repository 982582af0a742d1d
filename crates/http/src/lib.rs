//! The HTTP face of Parlance: routes, views and their description.
//!
//! Whoever serves it makes one [`state::AppState`] out of services and settings, gives each worker an [`app`]
//! over it, and a second listener a [`metrics_app`]. [`openapi::openapi_document`] describes the routes without
//! serving them.

pub mod cors;
pub mod error;
pub mod extract;
pub mod metrics;
pub mod openapi;
pub mod state;
pub mod time;

mod accounts;
mod admin;
mod app;
mod audit;
mod conversations;
mod etag;
mod fields;
mod idempotency;
mod middleware;
mod paging;
mod personal;
mod precondition;
mod progress;
mod reply;
mod settings;
mod speech;
mod system;
#[cfg(test)]
mod testing;
mod upstream;
mod words;

pub use app::app;
pub use system::metrics_app;
