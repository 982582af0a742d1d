//! Learners' own keys of providers: the route table.

mod list;
mod path;
mod put;
mod remove;
mod view;

use apistos::web::{ServiceConfig, delete, get, put, resource};

/// Adds the routes, relative to `/api/v1`.
pub(super) fn routes(config: &mut ServiceConfig<'_>) {
    config
        .service(resource("/users/me/keys").route(get().to(list::handler)))
        .service(
            resource("/users/me/keys/{provider}")
                .route(put().to(put::handler))
                .route(delete().to(remove::handler)),
        );
}
