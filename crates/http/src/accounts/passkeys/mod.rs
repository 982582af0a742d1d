//! Passkeys: the route table.

mod add;
mod body;
mod list;
mod options;
mod remove;
mod rename;
mod sign_in;
mod sign_in_options;
mod view;

use actix_web::middleware::from_fn;
use apistos::web::{ServiceConfig, delete, get, patch, post, resource};

use crate::middleware::limits::login_limit;

pub(super) use body::{AnswerBody, off};

/// Adds the routes, relative to `/api/v1`. Where somebody may be let in, the limit of signing in counts.
pub(super) fn routes(config: &mut ServiceConfig<'_>) {
    config
        .service(resource("/auth/passkeys/options").route(post().to(sign_in_options::handler)))
        .service(resource("/auth/passkeys").route(post().to(sign_in::handler).wrap(from_fn(login_limit))))
        .service(resource("/users/me/passkeys/options").route(post().to(options::handler)))
        .service(
            resource("/users/me/passkeys")
                .route(get().to(list::handler))
                .route(post().to(add::handler)),
        )
        .service(
            resource("/users/me/passkeys/{id}")
                .route(patch().to(rename::handler))
                .route(delete().to(remove::handler)),
        );
}
