//! The whole app: every route with every layer around it.

use actix_web::body::MessageBody;
use actix_web::dev::{ServiceFactory, ServiceRequest, ServiceResponse};
use actix_web::middleware::{Compress, from_fn};
use actix_web::web::PayloadConfig;
use actix_web::{App, Error};
use apistos::web::{ServiceConfig, scope};

use crate::state::State;
use crate::{
    accounts, admin, audit, conversations, middleware, openapi, personal, progress, settings, speech, system,
    words,
};

/// The app over a state, for one worker.
pub fn app(
    state: State,
) -> App<
    impl ServiceFactory<
        ServiceRequest,
        Config = (),
        Response = ServiceResponse<impl MessageBody>,
        Error = Error,
        InitError = (),
    >,
> {
    let base = App::new()
        .app_data(PayloadConfig::new(state.config.body_limit))
        .app_data(state);
    openapi::routed(base)
        .wrap(from_fn(middleware::key))
        .wrap(from_fn(middleware::deadline))
        .wrap(from_fn(middleware::arrival))
        .wrap(from_fn(middleware::limits))
        .wrap(from_fn(middleware::preflight))
        .wrap(from_fn(middleware::shape))
        .wrap(Compress::default())
        .wrap(from_fn(middleware::edge))
}

/// Adds all routes, those that are asked for most first: a path is held against one after the other, and patterns with
/// parameters take longest. A scope is passed by at once.
pub(crate) fn routes(config: &mut ServiceConfig<'_>) {
    config.service(scope("/api/v1").configure(|config| {
        progress::routes(config);
        words::routes(config);
        speech::routes(config);
        conversations::routes(config);
        system::routes(config);
        accounts::routes(config);
        settings::routes(config);
        personal::routes(config);
        admin::routes(config);
        audit::routes(config);
    }));
    system::root_routes(config);
}
