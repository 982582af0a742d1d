//! Conversations: the route table.

mod audio;
mod body;
mod either;
mod forget;
mod replies;
mod text;
mod view;

#[cfg(test)]
mod tests;

pub(crate) use replies::Replies;

use apistos::web::{ServiceConfig, delete, post, resource, scope};

/// Adds the routes, relative to `/api/v1`.
pub(crate) fn routes(config: &mut ServiceConfig<'_>) {
    let routes = scope("/conversations")
        .service(resource("").route(post().to(either::handler)))
        .service(resource("/text/generate").route(post().to(text::handler)))
        .service(resource("/audio/generate").route(post().to(audio::handler)))
        .service(resource("/{wordId}").route(delete().to(forget::handler)));
    config.service(routes);
}
