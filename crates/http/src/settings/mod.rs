//! Settings and keys of providers: the route table.

mod body;
mod get;
mod keys;
mod patch;
mod put;
mod view;

use apistos::web::{self, ServiceConfig, resource};

/// Adds the routes, relative to `/api/v1`.
pub(crate) fn routes(config: &mut ServiceConfig<'_>) {
    config
        .service(
            resource("/users/me/settings")
                .route(web::get().to(get::handler))
                .route(web::put().to(put::handler))
                .route(web::patch().to(patch::handler)),
        )
        .configure(keys::routes);
}
