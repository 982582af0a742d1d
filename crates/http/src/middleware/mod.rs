//! What happens to every request on its way in and out, from the outside to the inside:
//! [`edge`], compression, [`shape`], [`preflight`], [`limits`], [`arrival`], [`deadline`], [`key`].

mod arrival;
mod client;
mod context;
mod deadline;
mod edge;
mod headers;
mod key;
pub(crate) mod limits;
mod preflight;
mod shape;

use actix_web::HttpMessage;
use actix_web::dev::ServiceRequest;
pub(crate) use context::RequestContext;

pub(crate) use arrival::arrival;
pub(crate) use deadline::deadline;
pub(crate) use edge::edge;
pub(crate) use headers::content_security_policy;
pub(crate) use key::key;
pub(crate) use limits::limits;
pub(crate) use preflight::preflight;
pub(crate) use shape::shape;

use crate::error::{ApiError, ErrorCode};
use crate::state::State;

/// The id of a request that has passed the edge.
pub(crate) fn request_id(req: &impl HttpMessage) -> String {
    RequestContext::from(req).map_or(String::new(), |context| context.id)
}

/// The state; absent only in an app that was put together wrongly.
fn state_of(req: &ServiceRequest) -> Result<State, ApiError> {
    req.app_data::<State>()
        .cloned()
        .ok_or_else(|| ApiError::new(ErrorCode::InternalError))
}
