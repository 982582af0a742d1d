//! Identities at providers: the route table.

mod authorize;
mod callback;
mod confirm;
mod link;
mod list;
mod path;
mod providers;
mod return_to;
mod unlink;
mod view;

use actix_web::middleware::from_fn;
use apistos::web::{ServiceConfig, delete, get, post, resource};

use crate::middleware::limits::login_limit;

/// Adds the routes, relative to `/api/v1`. Where a stranger has something written, the limit of signing in counts.
pub(super) fn routes(config: &mut ServiceConfig<'_>) {
    config
        .service(resource("/auth/providers").route(get().to(providers::handler)))
        .service(
            resource("/auth/providers/{provider}/authorize")
                .route(get().to(authorize::handler).wrap(from_fn(login_limit))),
        )
        .service(resource("/auth/providers/{provider}/callback").route(get().to(callback::handler)))
        .service(resource("/auth/identity-link/confirm").route(post().to(confirm::handler)))
        .service(resource("/users/me/identities").route(get().to(list::handler)))
        .service(
            resource("/users/me/identities/{id}")
                .route(post().to(link::handler))
                .route(delete().to(unlink::handler)),
        );
}
