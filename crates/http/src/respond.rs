//! Answers: typed ones with their headers, entity tags, links to the next page, cursors.

use actix_web::http::StatusCode;
use actix_web::http::header::{self, HeaderName, HeaderValue};
use actix_web::{HttpRequest, HttpResponse, Responder};
use apistos::ApiComponent;
use apistos::paths::Responses;
use apistos::reference_or::ReferenceOr;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use schemars::schema::Schema;
use serde::Serialize;
use sha2::{Digest, Sha256};

use crate::error::{ApiError, ErrorCode};

/// The longest cursor worth decoding.
const MAX_CURSOR_CHARACTERS: usize = 512;

/// A 200 with a JSON body and the headers that go with it.
///
/// Private unless said otherwise: `Cache-Control: no-store`.
#[derive(Debug)]
pub struct Answer<T> {
    status: StatusCode,
    body: T,
    public: bool,
    headers: Vec<(HeaderName, HeaderValue)>,
}

impl<T> Answer<T> {
    /// An answer for the caller's eyes only.
    pub fn private(body: T) -> Self {
        Self {
            status: StatusCode::OK,
            body,
            public: false,
            headers: Vec::new(),
        }
    }

    /// An answer that is the same for everybody, with an `ETag` to ask again by.
    pub fn public(body: T) -> Self {
        Self {
            public: true,
            ..Self::private(body)
        }
    }

    /// The same answer with another status.
    #[must_use]
    pub fn with_status(mut self, status: StatusCode) -> Self {
        self.status = status;
        self
    }

    /// The same answer with one more header.
    #[must_use]
    pub fn with_header(mut self, name: HeaderName, value: HeaderValue) -> Self {
        self.headers.push((name, value));
        self
    }
}

impl<T: Serialize> Responder for Answer<T> {
    type Body = actix_web::body::BoxBody;

    fn respond_to(self, req: &HttpRequest) -> HttpResponse {
        let mut response = if self.public {
            json_with_etag(req, &self.body)
        } else {
            HttpResponse::build(self.status).json(self.body)
        };
        let caching = if self.public {
            "public, no-cache"
        } else {
            "no-store"
        };
        let headers = response.headers_mut();
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static(caching));
        for (name, value) in self.headers {
            headers.append(name, value);
        }
        response
    }
}

impl<T: ApiComponent> ApiComponent for Answer<T> {
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
#[derive(Debug)]
pub struct Created<T>(pub Answer<T>);

impl<T: Serialize> Responder for Created<T> {
    type Body = actix_web::body::BoxBody;

    fn respond_to(self, req: &HttpRequest) -> HttpResponse {
        self.0.with_status(StatusCode::CREATED).respond_to(req)
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

/// The strong entity tag of a body: a hash of its bytes.
pub fn etag_of(body: &[u8]) -> String {
    let digest = Sha256::digest(body);
    format!("\"{}\"", URL_SAFE_NO_PAD.encode(&digest[..18]))
}

/// A 200 with a JSON body and its `ETag`, or a 304 when the client has it already.
pub fn json_with_etag(req: &HttpRequest, body: &impl Serialize) -> HttpResponse {
    let bytes = match serde_json::to_vec(body) {
        Ok(bytes) => bytes,
        Err(error) => {
            return HttpResponse::from_error(ApiError::new(ErrorCode::InternalError).caused_by(error));
        }
    };
    let tag = etag_of(&bytes);
    let known = req
        .headers()
        .get_all(header::IF_NONE_MATCH)
        .filter_map(|value| value.to_str().ok())
        .any(|value| names_tag(value, &tag));
    let mut response = if known {
        HttpResponse::NotModified()
    } else {
        HttpResponse::Ok()
    };
    response.insert_header((header::ETAG, tag));
    if known {
        response.finish()
    } else {
        response.content_type("application/json").body(bytes)
    }
}

/// Whether a list of entity tags names this one, or any (`*`), compared weakly (RFC 9110, 13.1.2).
pub fn names_tag(list: &str, tag: &str) -> bool {
    list.split(',')
        .map(str::trim)
        .any(|one| one == "*" || one.strip_prefix("W/").unwrap_or(one) == tag)
}

/// The value of a `Link` header to the page behind a cursor, with the other parameters of this request.
pub fn link_next(req: &HttpRequest, cursor: &str) -> HeaderValue {
    let others =
        url::form_urlencoded::parse(req.query_string().as_bytes()).filter(|(name, _)| name != "cursor");
    let query = url::form_urlencoded::Serializer::new(String::new())
        .extend_pairs(others)
        .append_pair("cursor", cursor)
        .finish();
    let target = format!("<{}?{query}>; rel=\"next\"", req.uri().path());
    HeaderValue::try_from(target).unwrap_or_else(|_| HeaderValue::from_static(""))
}

/// A place in a list as clients see it: opaque.
pub fn encode_cursor(place: &str) -> String {
    URL_SAFE_NO_PAD.encode(place)
}

/// The place in a list that a cursor names; a validation error when nobody here wrote it.
pub fn decode_cursor(cursor: &str) -> Result<String, ApiError> {
    Some(cursor)
        .filter(|cursor| cursor.len() <= MAX_CURSOR_CHARACTERS)
        .and_then(|cursor| URL_SAFE_NO_PAD.decode(cursor).ok())
        .and_then(|bytes| String::from_utf8(bytes).ok())
        .ok_or_else(invalid_cursor)
}

/// The error for a cursor that nobody here wrote.
pub fn invalid_cursor() -> ApiError {
    ApiError::invalid("cursor", "cursor", "must be a cursor from an earlier page")
}

/// A 204 without a body.
#[derive(Debug)]
pub struct NoContent;

impl Responder for NoContent {
    type Body = actix_web::body::BoxBody;

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

    #[test]
    fn a_client_that_has_it_gets_a_304() {
        let tag = etag_of(b"[1,2]");
        for (value, status) in [
            (tag.clone(), 304),
            (format!("\"x\", W/{tag}"), 304),
            ("*".to_owned(), 304),
            ("\"x\"".to_owned(), 200),
        ] {
            let req = TestRequest::default()
                .insert_header((header::IF_NONE_MATCH, value))
                .to_http_request();
            assert_eq!(json_with_etag(&req, &[1, 2]).status().as_u16(), status);
        }
    }

    #[test]
    fn the_next_link_keeps_the_other_parameters() {
        let req = TestRequest::with_uri("/api/v1/x?limit=2&cursor=old&q=a%20b").to_http_request();
        assert_eq!(
            link_next(&req, "n-w"),
            "</api/v1/x?limit=2&q=a+b&cursor=n-w>; rel=\"next\""
        );
    }

    #[test]
    fn a_cursor_reads_back_and_an_edited_one_is_refused() {
        assert_eq!(decode_cursor(&encode_cursor("12:好")).unwrap(), "12:好");
        for bad in ["!", "a=", &encode_cursor("x").replace('e', "%")] {
            assert_eq!(
                decode_cursor(bad).unwrap_err().fields()[0].field,
                "cursor",
                "{bad}"
            );
        }
        assert!(decode_cursor(&"A".repeat(10_000)).is_err());
    }
}
