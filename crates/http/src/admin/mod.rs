//! Administration: the route table, and what its routes have in common.

mod params;
mod sessions_revoke;
mod user_change;
mod user_delete;
mod user_get;
mod user_restore;
mod users_list;
mod view;

use apistos::web::{ServiceConfig, delete, get, patch, post, resource};
use parlance_domain::accounts::Principal;
use parlance_domain::admin::{AdministrationError, Authority};
use parlance_domain::audit::Actor;

use crate::error::{ApiError, ErrorCode};
use crate::extract::Arrival;

/// Adds the routes, relative to `/api/v1`; behind those of accounts, whose `/users/me` is no id.
pub(crate) fn routes(config: &mut ServiceConfig<'_>) {
    config
        .service(resource("/users/{id}").route(get().to(user_get::handler)))
        .service(resource("/admin/users").route(get().to(users_list::handler)))
        .service(
            resource("/admin/users/{id}")
                .route(patch().to(user_change::handler))
                .route(delete().to(user_delete::handler)),
        )
        .service(resource("/admin/users/{id}/restore").route(post().to(user_restore::handler)))
        .service(resource("/admin/users/{id}/sessions/revoke").route(post().to(sessions_revoke::handler)));
}

/// Who looks after accounts, and from where.
pub(crate) fn authority(principal: &Principal, arrival: Arrival) -> Authority {
    Authority {
        actor: Actor::Account(principal.user_id),
        circumstances: arrival.0,
    }
}

fn refuse(error: AdministrationError) -> ApiError {
    match error {
        AdministrationError::NotFound => ApiError::new(ErrorCode::UserNotFound),
        AdministrationError::Deleted => ApiError::new(ErrorCode::AccountDeleted),
        AdministrationError::DeletedByOwner => ApiError::new(ErrorCode::DeletedByOwner),
        AdministrationError::LastAdministrator => ApiError::new(ErrorCode::LastAdministrator),
        AdministrationError::Conflict => ApiError::new(ErrorCode::Unavailable),
        AdministrationError::Port(error) => ApiError::port(error),
    }
}
