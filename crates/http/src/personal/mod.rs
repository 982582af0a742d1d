//! Everything that is held of the caller, as an archive: the route table.

mod archive;
mod export_download;
mod export_get;
mod export_request;
mod view;

use apistos::web::{ServiceConfig, get, post, resource};

/// Adds the routes, relative to `/api/v1`.
pub(crate) fn routes(config: &mut ServiceConfig<'_>) {
    config
        .service(
            resource("/users/me/export")
                .route(get().to(export_get::handler))
                .route(post().to(export_request::handler)),
        )
        .service(resource("/users/me/export/download").route(post().to(export_download::handler)));
}
