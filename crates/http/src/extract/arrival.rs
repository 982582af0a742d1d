//! Where a request came from.

use std::convert::Infallible;
use std::future::{Ready, ready};

use actix_web::dev::Payload;
use actix_web::http::header;
use actix_web::{FromRequest, HttpRequest};
use apistos::ApiComponent;
use apistos::reference_or::ReferenceOr;
use parlance_domain::audit::{Circumstances, UserAgent};
use schemars::schema::Schema;

use super::state;
use crate::accounts::cookie;
use crate::middleware::RequestContext;

/// Where a request came from, for the audit log and the list of sessions.
#[derive(Debug, Clone)]
pub(crate) struct Arrival(pub(crate) Circumstances);

impl FromRequest for Arrival {
    type Error = Infallible;
    type Future = Ready<Result<Self, Infallible>>;

    fn from_request(req: &HttpRequest, _: &mut Payload) -> Self::Future {
        let user_agent = req.headers().get(header::USER_AGENT);
        let user_agent = user_agent.map(|value| String::from_utf8_lossy(value.as_bytes()));
        let context = RequestContext::from(req);
        let token = cookie::device_of(req);
        let device = token
            .zip(state(req).ok())
            .and_then(|(token, state)| state.services.sessions.read_device(&token));
        ready(Ok(Self(Circumstances {
            address: context.as_ref().map(|context| context.client),
            user_agent: user_agent.and_then(|text| UserAgent::of(&text)),
            request_id: context.map(|context| context.id),
            device,
        })))
    }
}

impl ApiComponent for Arrival {
    fn child_schemas() -> Vec<(String, ReferenceOr<Schema>)> {
        Vec::new()
    }

    fn schema() -> Option<(String, ReferenceOr<Schema>)> {
        None
    }
}
