//! Answers, written at once from borrowed views, so that nothing is copied on the way.

use std::collections::BTreeMap;
use std::marker::PhantomData;

use actix_web::body::BoxBody;
use actix_web::http::StatusCode;
use actix_web::http::header::{self, HeaderName, HeaderValue};
use actix_web::{HttpRequest, HttpResponse, Responder};
use apistos::ApiComponent;
use apistos::paths::{Response, Responses};
use apistos::reference_or::ReferenceOr;
use bytes::Bytes;
use schemars::schema::Schema;
use serde::Serialize;

use crate::error::{ApiError, ErrorCode};
use crate::etag::{etag_of, is_known};
use crate::paging::link_next;

/// How long a browser or a proxy may keep a public answer.
const PUBLIC: HeaderValue = HeaderValue::from_static("public, max-age=300");
const PRIVATE: HeaderValue = HeaderValue::from_static("no-store");
/// To be asked for again each time, which costs little while nothing has changed.
const REVALIDATED: HeaderValue = HeaderValue::from_static("public, no-cache");

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
        Ok(Self { bytes, tag })
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
        write(view).map(Self::private_text)
    }

    /// The same for a text that is ready.
    pub(crate) fn private_text(text: Bytes) -> Self {
        let mut response = HttpResponse::Ok();
        response
            .content_type("application/json")
            .insert_header((header::CACHE_CONTROL, PRIVATE));
        Self::from(response.body(text))
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
        Self::conditional(request, body, PUBLIC)
    }

    /// An answer that is the same for everybody, but may change at any time.
    pub(crate) fn revalidated(request: &HttpRequest, view: &impl Serialize) -> Result<Self, ApiError> {
        Body::of(view).map(|body| Self::conditional(request, body, REVALIDATED))
    }

    fn conditional(request: &HttpRequest, Body { bytes, tag }: Body, caching: HeaderValue) -> Self {
        let known = is_known(request, &tag);
        let status = if known {
            StatusCode::NOT_MODIFIED
        } else {
            StatusCode::OK
        };
        let mut response = HttpResponse::build(status);
        response
            .insert_header((header::CACHE_CONTROL, caching))
            .insert_header((header::ETAG, tag));
        Self::from(if known {
            response.finish()
        } else {
            response.content_type("application/json").body(bytes)
        })
    }

    /// The same answer with another status.
    #[must_use]
    pub(crate) fn with_status(mut self, status: StatusCode) -> Self {
        *self.response.status_mut() = status;
        self
    }

    /// The same answer with one more header.
    #[must_use]
    pub(crate) fn with_header(mut self, name: HeaderName, value: &str) -> Self {
        if let Ok(value) = HeaderValue::try_from(value) {
            self.response.headers_mut().insert(name, value);
        }
        self
    }

    /// The same answer with one more cookie.
    #[must_use]
    pub(crate) fn with_cookie(mut self, cookie: &str) -> Self {
        if let Ok(value) = HeaderValue::try_from(cookie) {
            self.response.headers_mut().append(header::SET_COOKIE, value);
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

/// The text of a view.
pub(crate) fn write(view: &impl Serialize) -> Result<Bytes, ApiError> {
    written(serde_json::to_vec(view))
}

/// A text as it came of writing it.
pub(crate) fn written(text: serde_json::Result<Vec<u8>>) -> Result<Bytes, ApiError> {
    text.map(Bytes::from)
        .map_err(|error| ApiError::new(ErrorCode::InternalError).caused_by(error))
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

/// A 201 with what was made.
pub(crate) struct Created<T>(pub(crate) Reply<T>);

impl<T> Responder for Created<T> {
    type Body = BoxBody;

    fn respond_to(self, request: &HttpRequest) -> HttpResponse {
        self.0.with_status(StatusCode::CREATED).respond_to(request)
    }
}

impl<T: Serialize + ApiComponent> ApiComponent for Created<T> {
    fn child_schemas() -> Vec<(String, ReferenceOr<Schema>)> {
        T::child_schemas()
    }

    fn schema() -> Option<(String, ReferenceOr<Schema>)> {
        T::schema()
    }

    fn responses(content_type: Option<String>) -> Option<Responses> {
        <apistos::actix::CreatedJson<T> as ApiComponent>::responses(content_type)
    }
}

/// A 202 with what was begun.
pub(crate) struct Accepted<T>(pub(crate) Reply<T>);

impl<T> Responder for Accepted<T> {
    type Body = BoxBody;

    fn respond_to(self, request: &HttpRequest) -> HttpResponse {
        self.0.with_status(StatusCode::ACCEPTED).respond_to(request)
    }
}

impl<T: Serialize + ApiComponent> ApiComponent for Accepted<T> {
    fn child_schemas() -> Vec<(String, ReferenceOr<Schema>)> {
        T::child_schemas()
    }

    fn schema() -> Option<(String, ReferenceOr<Schema>)> {
        T::schema()
    }

    fn responses(content_type: Option<String>) -> Option<Responses> {
        <apistos::actix::AcceptedJson<T> as ApiComponent>::responses(content_type)
    }
}

/// A 302 that sends a browser to a page.
pub(crate) struct Found(HttpResponse);

impl Found {
    /// To this page, which no cache is to remember.
    pub(crate) fn to(page: &str) -> Self {
        let mut response = HttpResponse::Found();
        response
            .insert_header((header::CACHE_CONTROL, PRIVATE))
            .insert_header((header::LOCATION, page));
        Self(response.finish())
    }

    /// The same answer with one more cookie.
    #[must_use]
    pub(crate) fn with_cookie(mut self, cookie: &str) -> Self {
        if let Ok(value) = HeaderValue::try_from(cookie) {
            self.0.headers_mut().append(header::SET_COOKIE, value);
        }
        self
    }
}

impl Responder for Found {
    type Body = BoxBody;

    fn respond_to(self, _: &HttpRequest) -> HttpResponse {
        self.0
    }
}

impl ApiComponent for Found {
    fn child_schemas() -> Vec<(String, ReferenceOr<Schema>)> {
        Vec::new()
    }

    fn schema() -> Option<(String, ReferenceOr<Schema>)> {
        None
    }

    fn responses(_: Option<String>) -> Option<Responses> {
        let found = ReferenceOr::Object(Response::default());
        Some(Responses {
            responses: BTreeMap::from([(StatusCode::FOUND.as_str().to_owned(), found)]),
            ..Responses::default()
        })
    }
}

/// A 204 without a body.
#[derive(Debug)]
pub(crate) struct NoContent;

impl Responder for NoContent {
    type Body = BoxBody;

    fn respond_to(self, _: &HttpRequest) -> HttpResponse {
        HttpResponse::new(StatusCode::NO_CONTENT)
    }
}

impl ApiComponent for NoContent {
    fn child_schemas() -> Vec<(String, ReferenceOr<Schema>)> {
        Vec::new()
    }

    fn schema() -> Option<(String, ReferenceOr<Schema>)> {
        None
    }

    fn responses(content_type: Option<String>) -> Option<Responses> {
        <apistos::actix::NoContent as ApiComponent>::responses(content_type)
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
