//! Conversations: the route table.

mod audio;
mod body;
mod either;
mod forget;
mod text;
mod view;

#[cfg(test)]
mod tests;

use apistos::web::{ServiceConfig, delete, post, resource};

/// Adds the routes, relative to `/api/v1`.
pub(crate) fn routes(config: &mut ServiceConfig<'_>) {
    config
        .service(resource("/conversations").route(post().to(either::handler)))
        .service(resource("/conversations/text/generate").route(post().to(text::handler)))
        .service(resource("/conversations/audio/generate").route(post().to(audio::handler)))
        .service(resource("/conversations/{wordId}").route(delete().to(forget::handler)));
}
