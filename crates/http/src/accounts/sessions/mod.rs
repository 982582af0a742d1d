//! The caller's sessions: the route table.

mod end;
mod end_others;
mod list;
mod view;

use apistos::web::{ServiceConfig, delete, get, resource};

/// Adds the routes, relative to `/api/v1`.
pub(super) fn routes(config: &mut ServiceConfig<'_>) {
    config
        .service(
            resource("/users/me/sessions")
                .route(get().to(list::handler))
                .route(delete().to(end_others::handler)),
        )
        .service(resource("/users/me/sessions/{id}").route(delete().to(end::handler)));
}
