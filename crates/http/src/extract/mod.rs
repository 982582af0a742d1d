//! Extractors: what a handler needs of a request, checked, or the documented error.

mod admin;
mod arrival;
mod caller;
mod form;
mod json;
mod merge;
mod path;
mod query;
pub(crate) mod recent;
mod scoped;
pub mod scopes;
mod strict;
mod text;
mod validation;

use actix_web::HttpRequest;
use actix_web::web::Data;

use crate::error::{ApiError, ErrorCode};
use crate::state::AppState;

pub use admin::Admin;
pub(crate) use arrival::Arrival;
pub use caller::{Caller, Writer};
pub(crate) use caller::{FoundKey, api_key_of, check_writable};
pub(crate) use form::{check_form, complaint, parsed};
pub use json::ApiJson;
pub use merge::Merge;
pub use path::ApiPath;
pub use query::ApiQuery;
pub use recent::Recent;
pub(crate) use recent::require_recent;
pub use scoped::{ProgressWriter, Scoped};

/// The state; absent only in an app that was put together wrongly.
pub(crate) fn state(req: &HttpRequest) -> Result<&AppState, ApiError> {
    req.app_data::<Data<AppState>>()
        .map(Data::get_ref)
        .ok_or_else(|| ApiError::new(ErrorCode::InternalError))
}
