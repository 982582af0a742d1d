//! Pages: links to the next one, and cursors.

use actix_web::HttpRequest;
use actix_web::http::header::HeaderValue;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

/// The longest cursor worth decoding.
const MAX_CURSOR_CHARACTERS: usize = 512;

/// The value of a `Link` header to the page behind a cursor, with the other parameters of this request.
pub(crate) fn link_next(req: &HttpRequest, cursor: &str) -> HeaderValue {
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
pub(crate) fn encode_cursor(place: &str) -> String {
    URL_SAFE_NO_PAD.encode(place)
}

/// The place in a list that a cursor names; `None` when nobody here wrote it.
pub(crate) fn decode_cursor(cursor: &str) -> Option<String> {
    Some(cursor)
        .filter(|cursor| cursor.len() <= MAX_CURSOR_CHARACTERS)
        .and_then(|cursor| URL_SAFE_NO_PAD.decode(cursor).ok())
        .and_then(|bytes| String::from_utf8(bytes).ok())
}

#[cfg(test)]
mod tests {
    use actix_web::test::TestRequest;

    use super::*;

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
            assert_eq!(decode_cursor(bad), None, "{bad}");
        }
        assert!(decode_cursor(&"A".repeat(10_000)).is_none());
    }
}
