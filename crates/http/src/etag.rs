//! Entity tags: what a body is named by, and whether a client has it already.

use actix_web::HttpRequest;
use actix_web::http::header;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use sha2::{Digest, Sha256};

/// The strong entity tag of a body: a hash of its bytes.
pub(crate) fn etag_of(body: &[u8]) -> String {
    let digest = Sha256::digest(body);
    format!("\"{}\"", URL_SAFE_NO_PAD.encode(&digest[..18]))
}

/// Whether the client says that it has what this tag names (`If-None-Match`).
pub(crate) fn is_known(request: &HttpRequest, tag: &str) -> bool {
    request
        .headers()
        .get_all(header::IF_NONE_MATCH)
        .filter_map(|value| value.to_str().ok())
        .any(|list| names_tag(list, tag))
}

/// Whether a list of entity tags names this one, or any (`*`), compared weakly (RFC 9110, 13.1.2).
fn names_tag(list: &str, tag: &str) -> bool {
    list.split(',')
        .map(str::trim)
        .any(|one| one == "*" || one.strip_prefix("W/").unwrap_or(one) == tag)
}

#[cfg(test)]
mod tests {
    use actix_web::test::TestRequest;

    use super::*;

    #[test]
    fn a_client_has_what_any_of_its_tags_names() {
        let tag = etag_of(b"[1,2]");
        for (value, known) in [
            (tag.clone(), true),
            (format!("\"x\", W/{tag}"), true),
            ("*".to_owned(), true),
            ("\"x\"".to_owned(), false),
        ] {
            let request = TestRequest::default().insert_header((header::IF_NONE_MATCH, value));
            assert_eq!(is_known(&request.to_http_request(), &tag), known);
        }
        assert!(!is_known(&TestRequest::default().to_http_request(), &tag));
    }
}
