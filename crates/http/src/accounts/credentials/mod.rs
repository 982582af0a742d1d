//! What shows who somebody is: the route table.

mod body;
mod email_change_confirm;
mod email_change_request;
mod password_change;
mod reset_confirm;
mod reset_request;
mod step_up;
mod unlock;
mod verification_confirm;
mod verification_request;
mod view;

use actix_web::middleware::from_fn;
use apistos::web::{ServiceConfig, post, resource};

use crate::middleware::limits::login_limit;

pub(super) use body::TokenBody;
pub(super) use view::{Done, done};

/// Adds the routes, relative to `/api/v1`. Where a password can be guessed or a mail had sent, the limit of signing in
/// counts.
pub(super) fn routes(config: &mut ServiceConfig<'_>) {
    let limited = || from_fn(login_limit);
    config
        .service(resource("/auth/step-up").route(post().to(step_up::handler).wrap(limited())))
        .service(resource("/auth/email-verification").route(post().to(verification_request::handler)))
        .service(resource("/auth/email-verification/confirm").route(post().to(verification_confirm::handler)))
        .service(resource("/auth/password-reset").route(post().to(reset_request::handler).wrap(limited())))
        .service(
            resource("/auth/password-reset/confirm").route(post().to(reset_confirm::handler).wrap(limited())),
        )
        .service(resource("/auth/unlock").route(post().to(unlock::handler)))
        .service(resource("/users/me/password").route(post().to(password_change::handler).wrap(limited())))
        .service(resource("/users/me/email").route(post().to(email_change_request::handler)))
        .service(resource("/auth/email-change/confirm").route(post().to(email_change_confirm::handler)));
}
