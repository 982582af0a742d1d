//! Progress: what a learner did, and what that adds up to: the route table.

mod activity;
mod batch;
mod body;
mod changes;
mod delete;
mod due;
mod get;
mod import;
mod instant;
mod list;
mod loose;
mod params;
mod record_reviews;
mod reviews;
mod set;
mod stats;
mod study;
mod undo;
mod view;

use apistos::web::{ServiceConfig, delete, get, post, put, resource, scope};

/// The routes under `/progress`, `/reviews` and `/study`.
///
/// The names beside `/progress/{wordId}` come first; none of them is a word id.
pub(crate) fn routes(config: &mut ServiceConfig<'_>) {
    let progress = scope("/progress")
        .service(resource("").route(get().to(list::handler)))
        .service(resource("/stats").route(get().to(stats::handler)))
        .service(resource("/due").route(get().to(due::handler)))
        .service(resource("/activity").route(get().to(activity::handler)))
        .service(resource("/changes").route(get().to(changes::handler)))
        .service(resource("/batch").route(post().to(batch::handler)))
        .service(resource("/import").route(post().to(import::handler)))
        .service(
            resource("/{wordId}")
                .route(get().to(get::handler))
                .route(put().to(set::handler))
                .route(delete().to(delete::handler)),
        );
    let reviews = scope("/reviews")
        .service(
            resource("")
                .route(post().to(record_reviews::handler))
                .route(get().to(reviews::handler)),
        )
        .service(resource("/{id}/undo").route(post().to(undo::handler)));
    config
        .service(progress)
        .service(reviews)
        .service(resource("/study").route(get().to(study::handler)));
}
