//! How the system is: health, flags, metrics, documentation. The route table.

mod config;
mod docs;
mod health;
mod jwks;
mod livez;
mod metrics;
mod readyz;
mod recent;

use apistos::web::{ServiceConfig, get, resource};

pub use metrics::metrics_app;
pub(crate) use recent::Recent;

/// Adds the routes at the root.
pub(crate) fn root_routes(routes: &mut ServiceConfig<'_>) {
    routes
        .service(resource("/health").route(get().to(health::handler)))
        .service(resource("/livez").route(get().to(livez::handler)))
        .service(resource("/readyz").route(get().to(readyz::handler)))
        .service(resource("/.well-known/jwks.json").route(get().to(jwks::handler)))
        .service(resource("/api-docs").route(get().to(docs::page)))
        .service(resource("/api-docs/").route(get().to(docs::page)))
        .service(resource("/api-docs/openapi.json").route(get().to(docs::document)))
        .service(resource("/api-docs/initialise.js").route(get().to(docs::initialise)))
        .service(resource("/api-docs/assets/{version}/{name}").route(get().to(docs::asset)));
}

/// Adds the routes relative to `/api/v1`.
pub(crate) fn routes(routes: &mut ServiceConfig<'_>) {
    routes
        .service(resource("/health").route(get().to(health::handler_v1)))
        .service(resource("/config").route(get().to(config::handler)));
}
