//! Words and the lists that teach them: the route table.

mod cache;
mod list;
mod list_progress;
mod list_words;
mod lists;
mod params;
mod search_lists;
mod search_words;
mod view;
mod word;

use apistos::web::{ServiceConfig, get, resource, scope};

pub(crate) use view::WordView;

/// The routes under `/vocabulary`.
pub(crate) fn routes(config: &mut ServiceConfig<'_>) {
    let routes = scope("/vocabulary")
        .app_data(actix_web::web::Data::new(cache::ListCache::default()))
        .service(resource("/lists").route(get().to(lists::handler)))
        .service(resource("/lists/{listId}").route(get().to(list::handler)))
        .service(resource("/lists/{listId}/words").route(get().to(list_words::handler)))
        .service(resource("/lists/{listId}/progress").route(get().to(list_progress::handler)))
        .service(resource("/search").route(get().to(search_lists::handler)))
        .service(resource("/words").route(get().to(search_words::handler)))
        .service(resource("/words/{wordId}").route(get().to(word::handler)));
    config.service(routes);
}
