//! What shows who somebody is: the route table.

mod step_up;

use actix_web::middleware::from_fn;
use apistos::web::{ServiceConfig, post, resource};

use crate::middleware::limits::login_limit;

/// Adds the routes, relative to `/api/v1`.
pub(super) fn routes(config: &mut ServiceConfig<'_>) {
    config.service(resource("/auth/step-up").route(post().to(step_up::handler).wrap(from_fn(login_limit))));
}
