//! Answers that are written at once from borrowed views, so that nothing is copied on the way.

use std::marker::PhantomData;

use actix_web::body::BoxBody;
use actix_web::http::header::{self, HeaderName, HeaderValue};
use actix_web::{HttpRequest, HttpResponse, Responder};
use apistos::ApiComponent;
use apistos::paths::Responses;
use apistos::reference_or::ReferenceOr;
use bytes::Bytes;
use schemars::schema::Schema;
use serde::Serialize;

use crate::error::{ApiError, ErrorCode};
use crate::respond::{etag_of, link_next, names_tag};

/// How long a browser or a proxy may keep a public answer.
const PUBLIC: HeaderValue = HeaderValue::from_static("public, max-age=300");
const PRIVATE: HeaderValue = HeaderValue::from_static("no-store");

/// A JSON text ready to send, with its entity tag.
#[derive(Debug, Clone)]
pub(crate) struct Body {
    bytes: Bytes,
    tag: String,
}

impl Body {
    /// The text of a view.
    pub(crate) fn of(view: &impl Serialize) -> Result<Self, ApiError> {
        let bytes = write(view)?;
        let tag = etag_of(&bytes);
        Ok(Self {
            bytes: bytes.into(),
            tag,
        })
    }
}

/// A 200 whose body is a `T` (or a 304, when the client has it), written already.
pub(crate) struct Reply<T> {
    response: HttpResponse,
    view: PhantomData<fn() -> T>,
}

impl<T> Reply<T> {
    /// An answer for the caller's eyes only.
    pub(crate) fn private(view: &impl Serialize) -> Result<Self, ApiError> {
        let bytes = write(view)?;
        let mut response = HttpResponse::Ok();
        response
            .content_type("application/json")
            .insert_header((header::CACHE_CONTROL, PRIVATE));
        Ok(Self::from(response.body(bytes)))
    }

    /// The answer to a caller who has the present state already.
    pub(crate) fn not_modified() -> Self {
        let mut response = HttpResponse::NotModified();
        Self::from(response.insert_header((header::CACHE_CONTROL, PRIVATE)).finish())
    }

    /// An answer that is the same for everybody, or a 304 when the client has it already.
    pub(crate) fn public(request: &HttpRequest, view: &impl Serialize) -> Result<Self, ApiError> {
        Body::of(view).map(|body| Self::public_body(request, body))
    }

    /// The same for a text that is ready.
    pub(crate) fn public_body(request: &HttpRequest, body: Body) -> Self {
        let Body { bytes, tag } = body;
        let known = request
            .headers()
            .get_all(header::IF_NONE_MATCH)
            .filter_map(|value| value.to_str().ok())
            .any(|list| names_tag(list, &tag));
        let mut response = if known {
            HttpResponse::NotModified()
        } else {
            HttpResponse::Ok()
        };
        response
            .insert_header((header::CACHE_CONTROL, PUBLIC))
            .insert_header((header::ETAG, tag));
        Self::from(if known {
            response.finish()
        } else {
            response.content_type("application/json").body(bytes)
        })
    }

    /// The same answer with one more header.
    #[must_use]
    pub(crate) fn with_header(mut self, name: HeaderName, value: &str) -> Self {
        if let Ok(value) = HeaderValue::try_from(value) {
            self.response.headers_mut().insert(name, value);
        }
        self
    }

    /// The same answer with a link to the page behind a cursor, if there is one.
    #[must_use]
    pub(crate) fn with_next(mut self, request: &HttpRequest, cursor: Option<String>) -> Self {
        if let Some(cursor) = cursor {
            let link = link_next(request, &cursor);
            self.response.headers_mut().insert(header::LINK, link);
        }
        self
    }
}

fn write(view: &impl Serialize) -> Result<Vec<u8>, ApiError> {
    serde_json::to_vec(view).map_err(|error| ApiError::new(ErrorCode::InternalError).caused_by(error))
}

impl<T> From<HttpResponse> for Reply<T> {
    fn from(response: HttpResponse) -> Self {
        Self {
            response,
            view: PhantomData,
        }
    }
}

impl<T> Responder for Reply<T> {
    type Body = BoxBody;

    fn respond_to(self, _: &HttpRequest) -> HttpResponse {
        self.response
    }
}

impl<T: ApiComponent> ApiComponent for Reply<T> {
    fn child_schemas() -> Vec<(String, ReferenceOr<Schema>)> {
        T::child_schemas()
    }

    fn raw_schema() -> Option<ReferenceOr<Schema>> {
        T::raw_schema()
    }

    fn schema() -> Option<(String, ReferenceOr<Schema>)> {
        T::schema()
    }

    fn responses(content_type: Option<String>) -> Option<Responses> {
        T::responses(content_type)
    }
}

#[cfg(test)]
mod tests {
    use actix_web::test::TestRequest;

    use super::*;

    fn caching<T>(reply: &Reply<T>) -> &HeaderValue {
        reply.response.headers().get(header::CACHE_CONTROL).unwrap()
    }

    #[test]
    fn a_public_answer_is_sent_again_only_when_it_has_changed() {
        let first = Reply::<Vec<u32>>::public(&TestRequest::default().to_http_request(), &[1, 2]).unwrap();
        let tag = first.response.headers().get(header::ETAG).unwrap().clone();
        assert_eq!(caching(&first), "public, max-age=300");
        let again = TestRequest::default()
            .insert_header((header::IF_NONE_MATCH, tag))
            .to_http_request();
        for (view, status) in [([1, 2], 304), ([1, 3], 200)] {
            let reply = Reply::<Vec<u32>>::public(&again, &view).unwrap();
            assert_eq!(reply.response.status().as_u16(), status);
        }
    }

    #[test]
    fn a_private_answer_is_kept_by_nobody() {
        let reply = Reply::<u32>::private(&1).unwrap();
        assert_eq!(caching(&reply), "no-store");
        assert!(!reply.response.headers().contains_key(header::ETAG));
    }
}
