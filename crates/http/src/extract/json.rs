//! The JSON body of a request.

use std::future::{Ready, ready};
use std::pin::Pin;

use actix_web::dev::Payload;
use actix_web::http::header;
use actix_web::web::Bytes;
use actix_web::{FromRequest, HttpRequest};
use apistos::ApiComponent;
use apistos::paths::RequestBody;
use apistos::reference_or::ReferenceOr;
use futures_util::future::{Either, FutureExt};
use schemars::schema::Schema;
use serde::de::DeserializeOwned;
use validator::Validate;

use super::strict::{self, Shape};
use super::validation::{BadFields, read_leniently};
use crate::error::{ApiError, ErrorCode, FieldError};

/// A JSON body, well-formed, of the right types and valid; else every bad field is reported.
///
/// Members that must be there are `Option` with `#[validate(required)]`, so that a missing one is
/// reported together with all others.
#[derive(Debug)]
pub struct ApiJson<T>(pub T);

impl<T> std::ops::Deref for ApiJson<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.0
    }
}

type Extraction<T> = Either<Ready<Result<T, ApiError>>, Pin<Box<dyn Future<Output = Result<T, ApiError>>>>>;

impl<T: DeserializeOwned + Validate + 'static> FromRequest for ApiJson<T> {
    type Error = ApiError;
    type Future = Extraction<Self>;

    fn from_request(req: &HttpRequest, payload: &mut Payload) -> Self::Future {
        if !is_json(req) {
            return Either::Left(ready(Err(ApiError::new(ErrorCode::UnsupportedMediaType))));
        }
        // The middleware has received the body; this hands it over.
        let body = Bytes::from_request(req, payload);
        Either::Right(
            async move {
                let body = body
                    .await
                    .map_err(|_| ApiError::new(ErrorCode::PayloadTooLarge))?;
                read(&body).map(Self)
            }
            .boxed_local(),
        )
    }
}

fn is_json(req: &HttpRequest) -> bool {
    let Some(Ok(value)) = req
        .headers()
        .get(header::CONTENT_TYPE)
        .map(|value| value.to_str())
    else {
        return false;
    };
    let Ok(mime) = value.parse::<mime::Mime>() else {
        return false;
    };
    let utf8 = mime
        .get_param(mime::CHARSET)
        .is_none_or(|charset| charset == mime::UTF_8);
    let json = mime.subtype() == mime::JSON || mime.essence_str() == "application/merge-patch+json";
    mime.type_() == mime::APPLICATION && json && utf8
}

/// Reads a body, or says what is wrong with it.
fn read<T: DeserializeOwned + Validate>(body: &[u8]) -> Result<T, ApiError> {
    let malformed = || ApiError::new(ErrorCode::MalformedJson);
    let shape = strict::check(body).map_err(|_| malformed())?;
    if shape != Shape::Object {
        let whole = FieldError::new("body", "type", "must be an object");
        return Err(ApiError::validation(vec![whole]));
    }
    let mut bad = BadFields::default();
    let read = match serde_json::from_slice::<T>(body) {
        Ok(read) => Some(read),
        Err(error) if error.is_data() => {
            let value = serde_json::from_slice(body).map_err(|_| malformed())?;
            read_leniently(value, body.len(), &mut bad)
        }
        Err(_) => return Err(malformed()),
    };
    if let Some(read) = &read {
        bad.add_invalid(read);
    }
    match read {
        Some(read) if bad.is_empty() => Ok(read),
        _ => Err(ApiError::validation(bad.into_vec())),
    }
}

impl<T: ApiComponent> ApiComponent for ApiJson<T> {
    fn required() -> bool {
        T::required()
    }

    fn child_schemas() -> Vec<(String, ReferenceOr<Schema>)> {
        T::child_schemas()
    }

    fn raw_schema() -> Option<ReferenceOr<Schema>> {
        T::raw_schema()
    }

    fn schema() -> Option<(String, ReferenceOr<Schema>)> {
        T::schema()
    }

    fn request_body() -> Option<RequestBody> {
        <actix_web::web::Json<T> as ApiComponent>::request_body()
    }
}

#[cfg(test)]
mod tests {
    use actix_web::test::TestRequest;
    use serde::Deserialize;

    use super::*;

    #[derive(Debug, Deserialize, Validate)]
    struct Body {
        #[validate(required)]
        word: Option<String>,
    }

    fn code(text: &[u8]) -> Option<ErrorCode> {
        read::<Body>(text).err().map(|error| error.code())
    }

    #[test]
    fn what_is_not_json_and_what_is_not_the_body_are_told_apart() {
        assert_eq!(code(br#"{"word":"a","more":[1]}"#), None);
        assert_eq!(code(b"{"), Some(ErrorCode::MalformedJson));
        assert_eq!(code(br#"{"word":1}"#), Some(ErrorCode::ValidationFailed));
        assert_eq!(code(b"[\"a\"]"), Some(ErrorCode::ValidationFailed));
        assert_eq!(code(b"null"), Some(ErrorCode::ValidationFailed));
    }

    #[test]
    fn json_and_merge_patch_are_taken_and_nothing_else() {
        let taken = |value: &str| {
            is_json(
                &TestRequest::default()
                    .insert_header((header::CONTENT_TYPE, value))
                    .to_http_request(),
            )
        };
        for good in [
            "application/json",
            "application/merge-patch+json",
            "application/json; charset=UTF-8",
        ] {
            assert!(taken(good), "{good}");
        }
        for bad in [
            "text/plain",
            "text/json",
            "application/json-patch+json",
            "application/x-www-form-urlencoded",
            "",
            "application/json; charset=utf-16",
        ] {
            assert!(!taken(bad), "{bad}");
        }
    }
}
