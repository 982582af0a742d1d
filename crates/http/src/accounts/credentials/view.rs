//! What the routes of credentials answer.

use actix_web::body::BoxBody;
use actix_web::http::StatusCode;
use actix_web::{HttpRequest, HttpResponse, Responder};
use apistos::ApiComponent;
use apistos::paths::Responses;
use apistos::reference_or::ReferenceOr;
use schemars::JsonSchema;
use schemars::schema::Schema;
use serde::Serialize;

use crate::error::ApiError;
use crate::reply::Reply;

/// That it is done, or on its way.
#[derive(Serialize, JsonSchema, ApiComponent)]
pub(crate) struct Done {
    /// Always true.
    success: bool,
    /// A sentence that a person can read.
    message: &'static str,
}

/// That it is done.
pub(in crate::accounts) fn done(message: &'static str) -> Result<Reply<Done>, ApiError> {
    let success = true;
    Reply::private(&Done { success, message })
}

/// A 202: a mail is on its way, if there is one to send.
pub(crate) struct Accepted(Reply<Done>);

/// That a mail is on its way, if there is one to send.
pub(super) fn accepted(message: &'static str) -> Result<Accepted, ApiError> {
    done(message).map(Accepted)
}

impl Responder for Accepted {
    type Body = BoxBody;

    fn respond_to(self, request: &HttpRequest) -> HttpResponse {
        self.0.with_status(StatusCode::ACCEPTED).respond_to(request)
    }
}

impl ApiComponent for Accepted {
    fn child_schemas() -> Vec<(String, ReferenceOr<Schema>)> {
        Done::child_schemas()
    }

    fn schema() -> Option<(String, ReferenceOr<Schema>)> {
        Done::schema()
    }

    fn responses(content_type: Option<String>) -> Option<Responses> {
        <apistos::actix::AcceptedJson<Done> as ApiComponent>::responses(content_type)
    }
}
