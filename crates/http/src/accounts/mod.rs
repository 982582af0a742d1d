//! Accounts and sessions: the route table.

mod answer;
mod api_keys;
pub(crate) mod cookie;
mod credentials;
mod federation;
mod login;
mod logout;
mod me;
mod origin;
mod passkeys;
mod profile_delete;
mod profile_get;
mod profile_patch;
mod refresh;
mod register;
mod second_factor;
mod sessions;
mod view;

use actix_web::middleware::from_fn;
use apistos::web::{ServiceConfig, delete, get, patch, post, resource};

use crate::middleware::limits::login_limit;
pub(crate) use view::UserView;

/// Adds the routes, relative to `/api/v1`.
pub(crate) fn routes(config: &mut ServiceConfig<'_>) {
    config
        .service(resource("/auth/register").route(post().to(register::handler)))
        .service(resource("/auth/login").route(post().to(login::handler).wrap(from_fn(login_limit))))
        .service(resource("/auth/refresh").route(post().to(refresh::handler)))
        .service(resource("/auth/logout").route(post().to(logout::handler)))
        .service(resource("/auth/me").route(get().to(me::handler)))
        .service(
            resource("/users/me")
                .route(get().to(profile_get::handler))
                .route(patch().to(profile_patch::handler))
                .route(delete().to(profile_delete::handler)),
        )
        .configure(credentials::routes)
        .configure(second_factor::routes)
        .configure(passkeys::routes)
        .configure(federation::routes)
        .configure(sessions::routes)
        .configure(api_keys::routes);
}
