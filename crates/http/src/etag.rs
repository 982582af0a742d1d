//! Entity tags: what a body is named by, and the preconditions that name some (RFC 9110, 8.8.3 and 13.1).

use actix_web::HttpRequest;
use actix_web::http::header::{self, HeaderMap, HeaderName, HeaderValue};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use sha2::{Digest, Sha256};

/// The strong entity tag of a body: a hash of its bytes.
pub(crate) fn etag_of(body: &[u8]) -> String {
    let digest = Sha256::digest(body);
    format!("\"{}\"", URL_SAFE_NO_PAD.encode(&digest[..18]))
}

/// Whether the client says that it has what this tag names (`If-None-Match`); what cannot be read says nothing.
pub(crate) fn is_known(request: &HttpRequest, tag: &str) -> bool {
    let opaque = tag.trim_matches('"').as_bytes();
    match Tags::read(request.headers(), &header::IF_NONE_MATCH) {
        Some(Tags::Any) => true,
        Some(Tags::List(tags)) => tags.iter().any(|one| one.opaque == opaque),
        None => false,
    }
}

/// What `If-Match` or `If-None-Match` names.
pub(crate) enum Tags {
    /// `*`
    Any,
    /// At least one.
    List(Vec<Tag>),
}

/// An entity tag.
pub(crate) struct Tag {
    /// Whether it only says that two states are equivalent.
    pub(crate) weak: bool,
    /// What is between the quotation marks.
    pub(crate) opaque: Vec<u8>,
}

impl Tags {
    /// The tags of all fields of this name; `None` when there are none or one cannot be read.
    pub(crate) fn read(headers: &HeaderMap, name: &HeaderName) -> Option<Self> {
        let fields: Vec<&[u8]> = headers.get_all(name).map(HeaderValue::as_bytes).collect();
        let joined = fields.join(&b", "[..]);
        if joined.trim_ascii() == b"*" {
            return Some(Self::Any);
        }
        let mut tags = Vec::new();
        let mut rest = skip(&joined, true);
        while !rest.is_empty() {
            let (tag, after) = read_tag(rest)?;
            tags.push(tag);
            rest = skip(after, false);
            if !rest.is_empty() {
                rest = skip(rest.strip_prefix(b",")?, true);
            }
        }
        (!tags.is_empty()).then_some(Self::List(tags))
    }
}

fn read_tag(text: &[u8]) -> Option<(Tag, &[u8])> {
    let (weak, text) = match text.strip_prefix(b"W/") {
        Some(rest) => (true, rest),
        None => (false, text),
    };
    let text = text.strip_prefix(b"\"")?;
    let end = text.iter().position(|byte| *byte == b'"')?;
    let (opaque, rest) = text.split_at(end);
    let allowed = opaque.iter().all(|byte| *byte > b' ' && *byte != 0x7f);
    let tag = Tag {
        weak,
        opaque: opaque.to_vec(),
    };
    allowed.then_some((tag, rest.get(1..)?))
}

/// Skips blanks, and the commas of empty elements (RFC 9110, 5.6.1.2).
fn skip(text: &[u8], commas: bool) -> &[u8] {
    let skipped = |byte: &u8| matches!(byte, b' ' | b'\t') || commas && *byte == b',';
    let start = text.iter().position(|byte| !skipped(byte)).unwrap_or(text.len());
    text.get(start..).unwrap_or_default()
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
            (format!("\"a,b\",,{tag}"), true),
            ("*".to_owned(), true),
            ("\"x\"".to_owned(), false),
            (tag.trim_matches('"').to_owned(), false),
            (format!("x, {tag}"), false),
            (format!("*, {tag}"), false),
        ] {
            let request = TestRequest::default().insert_header((header::IF_NONE_MATCH, value.as_str()));
            assert_eq!(is_known(&request.to_http_request(), &tag), known, "{value}");
        }
        assert!(!is_known(&TestRequest::default().to_http_request(), &tag));
    }
}
