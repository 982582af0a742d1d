//! `GET /audio/{id}`

use std::collections::BTreeMap;

use actix_web::body::BoxBody;
use actix_web::http::StatusCode;
use actix_web::http::header::{self, HeaderName, HeaderValue};
use actix_web::{HttpRequest, HttpResponse, HttpResponseBuilder, Responder};
use apistos::paths::{MediaType, Response, Responses};
use apistos::reference_or::ReferenceOr;
use apistos::{ApiComponent, api_operation};
use bytes::Bytes;
use parlance_domain::speech::{Audio, AudioFormat, AudioId};
use schemars::JsonSchema;
use schemars::schema::{InstanceType, Schema, SchemaObject};
use serde::Deserialize;
use validator::Validate;

use super::part::{Part, part_of};
use crate::error::{ApiError, ErrorCode};
use crate::etag::is_known;
use crate::extract::ApiPath;
use crate::middleware::content_security_policy;
use crate::state::State;
use crate::upstream::{FETCHING, refusal};

/// Kept for a year, for the id says what it is.
const FOR_EVER: &str = "public, max-age=31536000, immutable";
/// Made again, and not what the id says to the byte.
const ASK_AGAIN: &str = "public, no-cache";
/// Whatever a browser takes it for, it runs nothing.
const POLICY: &str = "default-src 'none'; sandbox; frame-ancestors 'none'";
/// Pages that are isolated from other origins may play it too.
const RESOURCE_POLICY: HeaderName = HeaderName::from_static("cross-origin-resource-policy");

/// Names audio.
#[derive(Debug, Deserialize, JsonSchema, ApiComponent, Validate)]
pub(super) struct AudioPath {
    /// As in an `audioUrl`.
    #[schemars(
        regex(pattern = "^[A-Za-z0-9_-]{43}[.](wav|mp3|ogg|webm|flac)$"),
        example = "example_id"
    )]
    id: String,
}

fn example_id() -> &'static str {
    "n4bQgYhMfWWaL-qgxVrQFaO_TxsrC4Is0V1sFbDwCgg.mp3"
}

/// The sound of what was spoken.
///
/// Needs no token, so that an `<audio>` element can play it. Audio never changes; a part of it comes with `Range`.
#[api_operation(tag = "speech", operation_id = "getAudio", no_security)]
pub(super) async fn handler(
    request: HttpRequest,
    ApiPath(path): ApiPath<AudioPath>,
    state: State,
) -> Result<AudioReply, ApiError> {
    let missing = || ApiError::new(ErrorCode::AudioNotFound);
    let id: AudioId = path.id.parse().map_err(|_| missing())?;
    let audio = state.services.speech.audio(&id).await;
    let audio = audio
        .map_err(|error| refusal(&state, &FETCHING, error))?
        .ok_or_else(missing)?;
    Ok(AudioReply(reply(&request, &id, audio)))
}

fn reply(request: &HttpRequest, wanted: &AudioId, (id, audio): (AudioId, Audio)) -> HttpResponse {
    let tag = format!("\"{}\"", id.digest());
    let caching = if id == *wanted { FOR_EVER } else { ASK_AGAIN };
    let Audio { format, content } = audio;
    let length = content.len();
    if is_known(request, &tag) {
        return described(StatusCode::NOT_MODIFIED, &tag, caching).finish();
    }
    match part_of(request, &tag, length) {
        Part::Whole => sent(described(StatusCode::OK, &tag, caching), format, content),
        Part::Between(first, last) => {
            let mut response = described(StatusCode::PARTIAL_CONTENT, &tag, caching);
            response.insert_header((header::CONTENT_RANGE, format!("bytes {first}-{last}/{length}")));
            sent(response, format, content.slice(first..=last))
        }
        Part::Nowhere => {
            let mut response = HttpResponse::from_error(ApiError::new(ErrorCode::RangeNotSatisfiable));
            if let Ok(value) = HeaderValue::try_from(format!("bytes */{length}")) {
                response.headers_mut().insert(header::CONTENT_RANGE, value);
            }
            response
        }
    }
}

fn described(status: StatusCode, tag: &str, caching: &'static str) -> HttpResponseBuilder {
    let mut response = HttpResponse::build(status);
    response
        .insert_header((header::ETAG, tag))
        .insert_header((header::CACHE_CONTROL, caching))
        .insert_header((header::ACCEPT_RANGES, "bytes"))
        .insert_header((RESOURCE_POLICY, "cross-origin"))
        .insert_header(content_security_policy(POLICY));
    response
}

fn sent(mut response: HttpResponseBuilder, format: AudioFormat, content: Bytes) -> HttpResponse {
    response
        .content_type(format.content_type())
        // Sound is compressed already, and parts are counted in bytes of what is kept.
        .insert_header((header::CONTENT_ENCODING, "identity"))
        .body(content)
}

/// Audio, or a part of it.
pub(super) struct AudioReply(HttpResponse);

impl Responder for AudioReply {
    type Body = BoxBody;

    fn respond_to(self, _: &HttpRequest) -> HttpResponse {
        self.0
    }
}

impl ApiComponent for AudioReply {
    fn child_schemas() -> Vec<(String, ReferenceOr<Schema>)> {
        Vec::new()
    }

    fn schema() -> Option<(String, ReferenceOr<Schema>)> {
        None
    }

    fn responses(_: Option<String>) -> Option<Responses> {
        let statuses = ["200", "206"].map(|status| (status.to_owned(), ReferenceOr::Object(sound())));
        Some(Responses {
            responses: BTreeMap::from(statuses),
            ..Responses::default()
        })
    }
}

/// The description of an answer that can be heard.
fn sound() -> Response {
    let bytes = SchemaObject {
        instance_type: Some(InstanceType::String.into()),
        format: Some("binary".to_owned()),
        ..SchemaObject::default()
    };
    let content = AudioFormat::ALL.map(|format| {
        let media = MediaType {
            schema: Some(ReferenceOr::Object(Schema::Object(bytes.clone()))),
            ..MediaType::default()
        };
        (format.content_type().to_owned(), media)
    });
    Response {
        content: BTreeMap::from(content),
        ..Response::default()
    }
}

#[cfg(test)]
mod tests {
    use actix_web::body::to_bytes;
    use actix_web::test::TestRequest;

    use super::*;

    fn audio() -> Audio {
        Audio {
            format: AudioFormat::Mp3,
            content: Bytes::from_static(b"ID3\x04 sound"),
        }
    }

    fn named() -> (AudioId, Audio) {
        (audio().id(), audio())
    }

    fn get(name: HeaderName, value: &str) -> HttpResponse {
        let request = TestRequest::default().insert_header((name, value));
        reply(&request.to_http_request(), &audio().id(), named())
    }

    fn text(response: &HttpResponse, name: HeaderName) -> &str {
        response
            .headers()
            .get(name)
            .map_or("", |value| value.to_str().unwrap())
    }

    #[actix_web::test]
    async fn all_of_it_is_kept_for_ever_and_runs_nothing() {
        let request = TestRequest::default().to_http_request();
        let response = reply(&request, &audio().id(), named());
        assert_eq!(response.status(), StatusCode::OK);
        assert_eq!(text(&response, header::CONTENT_TYPE), "audio/mpeg");
        assert_eq!(text(&response, header::CACHE_CONTROL), FOR_EVER);
        assert_eq!(text(&response, header::ACCEPT_RANGES), "bytes");
        assert_eq!(
            text(&response, header::ETAG),
            format!("\"{}\"", audio().id().digest())
        );
        assert!(text(&response, header::CONTENT_SECURITY_POLICY).contains("sandbox"));
        assert_eq!(to_bytes(response.into_body()).await.unwrap(), audio().content);
    }

    #[actix_web::test]
    async fn a_part_says_where_it_belongs() {
        let response = get(header::RANGE, "bytes=5-6");
        assert_eq!(response.status(), StatusCode::PARTIAL_CONTENT);
        assert_eq!(text(&response, header::CONTENT_RANGE), "bytes 5-6/10");
        assert_eq!(to_bytes(response.into_body()).await.unwrap(), "so");
        let response = get(header::RANGE, "bytes=10-");
        assert_eq!(response.status(), StatusCode::RANGE_NOT_SATISFIABLE);
        assert_eq!(text(&response, header::CONTENT_RANGE), "bytes */10");
    }

    #[test]
    fn what_a_client_has_is_not_sent_again() {
        let tag = format!("\"{}\"", audio().id().digest());
        let response = get(header::IF_NONE_MATCH, &tag);
        assert_eq!(response.status(), StatusCode::NOT_MODIFIED);
        assert_eq!(text(&response, header::ETAG), tag);
        assert_eq!(get(header::IF_NONE_MATCH, "\"other\"").status(), StatusCode::OK);
    }

    #[test]
    fn what_was_made_again_and_differs_is_asked_for_again() {
        let wanted = Audio {
            content: Bytes::from_static(b"ID3\x04 other"),
            ..audio()
        };
        let request = TestRequest::default().to_http_request();
        let response = reply(&request, &wanted.id(), named());
        assert_eq!(text(&response, header::CACHE_CONTROL), ASK_AGAIN);
        assert_eq!(
            text(&response, header::ETAG),
            format!("\"{}\"", audio().id().digest())
        );
    }
}
