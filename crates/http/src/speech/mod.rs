//! Speech: the route table.

mod audio;
mod part;
mod recording;
mod speak;
mod transcribe;
mod view;
mod voices;

#[cfg(test)]
mod tests;

use apistos::web::{ServiceConfig, get, post, resource, scope};

pub(crate) use recording::Room;
pub(crate) use speak::refuse;
pub(crate) use view::audio_url;

/// Adds the routes, relative to `/api/v1`.
pub(crate) fn routes(config: &mut ServiceConfig<'_>) {
    config
        .service(resource("/tts").route(post().to(speak::handler)))
        .service(resource("/tts/voices").route(get().to(voices::handler)))
        .service(scope("/audio").service(resource("/{id}").route(get().to(audio::handler))))
        .service(resource("/stt").route(post().to(transcribe::handler)));
}
