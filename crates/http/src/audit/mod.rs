//! The audit log: the route table.

mod list;
mod params;
mod view;

use apistos::web::{ServiceConfig, get, resource};

/// Adds the routes, relative to `/api/v1`.
pub(crate) fn routes(config: &mut ServiceConfig<'_>) {
    config.service(resource("/admin/audit").route(get().to(list::handler)));
}
