//! The second factor: the route table.

mod begin;
mod body;
mod codes_renew;
mod confirm;
mod remove;
mod sign_in;
mod state;
mod view;

use actix_web::middleware::from_fn;
use apistos::web::{ServiceConfig, delete, get, post, resource};

use crate::middleware::limits::login_limit;

pub(super) use body::{check_code, read_code};

/// Adds the routes, relative to `/api/v1`. Where a code can be guessed, the limit of signing in counts.
pub(super) fn routes(config: &mut ServiceConfig<'_>) {
    let limited = || from_fn(login_limit);
    config
        .service(resource("/auth/second-factor").route(post().to(sign_in::handler).wrap(limited())))
        .service(resource("/users/me/second-factor").route(get().to(state::handler)))
        .service(
            resource("/users/me/second-factor/totp")
                .route(post().to(begin::handler))
                .route(delete().to(remove::handler)),
        )
        .service(
            resource("/users/me/second-factor/totp/confirm")
                .route(post().to(confirm::handler).wrap(limited())),
        )
        .service(resource("/users/me/second-factor/recovery-codes").route(post().to(codes_renew::handler)));
}
