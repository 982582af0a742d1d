//! The variable parts of a path.

use std::future::{Ready, ready};

use actix_web::dev::Payload;
use actix_web::{FromRequest, HttpRequest};
use apistos::ApiComponent;
use apistos::paths::{Parameter, RequestBody};
use apistos::reference_or::ReferenceOr;
use schemars::schema::Schema;
use serde::de::DeserializeOwned;

use super::text;
use crate::error::ApiError;

/// The parts of a path, as a struct with their names in `camelCase`; what does not fit is a validation error.
#[derive(Debug)]
pub struct ApiPath<T>(pub T);

impl<T> std::ops::Deref for ApiPath<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.0
    }
}

impl<T: DeserializeOwned> FromRequest for ApiPath<T> {
    type Error = ApiError;
    type Future = Ready<Result<Self, ApiError>>;

    fn from_request(req: &HttpRequest, _: &mut Payload) -> Self::Future {
        let parts = req
            .match_info()
            .iter()
            .map(|(name, text)| (name.to_owned(), text::percent_decode(text)))
            .collect();
        let mut bad = Vec::new();
        let read: Option<T> = text::read_leniently(parts, &mut |field| bad.push(field));
        ready(match read {
            Some(read) if bad.is_empty() => Ok(Self(read)),
            _ => Err(ApiError::validation(bad)),
        })
    }
}

impl<T: ApiComponent> ApiComponent for ApiPath<T> {
    fn child_schemas() -> Vec<(String, ReferenceOr<Schema>)> {
        Vec::new()
    }

    fn schema() -> Option<(String, ReferenceOr<Schema>)> {
        None
    }

    fn request_body() -> Option<RequestBody> {
        None
    }

    fn parameters() -> Vec<Parameter> {
        <actix_web::web::Path<T> as ApiComponent>::parameters()
    }
}
