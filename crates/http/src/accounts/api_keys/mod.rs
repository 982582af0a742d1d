//! The caller's keys for programs: the route table.

mod list;
mod make;
mod revoke;
mod view;

use apistos::web::{ServiceConfig, delete, get, post, resource};

/// Adds the routes, relative to `/api/v1`.
pub(super) fn routes(config: &mut ServiceConfig<'_>) {
    config
        .service(
            resource("/users/me/api-keys")
                .route(get().to(list::handler))
                .route(post().to(make::handler)),
        )
        .service(resource("/users/me/api-keys/{id}").route(delete().to(revoke::handler)));
}
