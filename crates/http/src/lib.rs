//! The HTTP face of Parlance: routes, views and their description.

pub mod cors;
pub mod error;
pub mod extract;
pub mod metrics;
pub mod openapi;
pub mod respond;
pub mod state;
pub mod time;

mod accounts;
mod fields;
mod middleware;
mod progress;
mod reply;
mod words;

use apistos::web::{ServiceConfig, scope};

/// Adds all routes.
pub(crate) fn routes(config: &mut ServiceConfig<'_>) {
    config.service(scope("/api/v1").configure(|config| {
        accounts::routes(config);
        words::routes(config);
        progress::routes(config);
    }));
}
