//! The revision of a row as an entity tag, and the preconditions on it (RFC 9110, 8.8.3 and 13.1).

use actix_web::http::header::{self, HeaderMap};
use parlance_domain::progress::{IfMatch, ProgressRow};

use crate::error::ApiError;
use crate::fields::{Fault, Faults};

/// The strong entity tag of a row.
pub(super) fn etag(row: &ProgressRow) -> String {
    format!("\"{}\"", row.revision)
}

/// The precondition that `If-Match` states, if there is one.
///
/// Weak tags and tags that no row ever has match nothing, so they are left out.
pub(super) fn if_match(headers: &HeaderMap) -> Result<Option<IfMatch>, ApiError> {
    const FAULT: Fault = Fault::new("format", "must be * or a list of entity tags");
    if !headers.contains_key(header::IF_MATCH) {
        return Ok(None);
    }
    match Tags::read(headers, &header::IF_MATCH) {
        Some(Tags::Any) => Ok(Some(IfMatch::Any)),
        Some(Tags::List(tags)) => {
            let strong = tags.iter().filter(|tag| !tag.weak);
            Ok(Some(IfMatch::Revisions(
                strong.filter_map(Tag::revision).collect(),
            )))
        }
        None => Err(Faults::single("If-Match", FAULT)),
    }
}

/// Whether the client has this revision already, by `If-None-Match`; one that cannot be read says nothing.
pub(super) fn none_match_holds(headers: &HeaderMap, row: &ProgressRow) -> bool {
    match Tags::read(headers, &header::IF_NONE_MATCH) {
        Some(Tags::Any) => true,
        Some(Tags::List(tags)) => tags.iter().any(|tag| tag.revision() == Some(row.revision)),
        None => false,
    }
}

enum Tags {
    Any,
    List(Vec<Tag>),
}

struct Tag {
    weak: bool,
    opaque: Vec<u8>,
}

impl Tag {
    /// The revision, if it is written the way [`etag`] writes it.
    fn revision(&self) -> Option<u64> {
        let text = std::str::from_utf8(&self.opaque).ok()?;
        let revision: u64 = text.parse().ok()?;
        (revision.to_string() == text).then_some(revision)
    }
}

impl Tags {
    /// The tags of all fields of this name; `None` when there are none or one cannot be read.
    fn read(headers: &HeaderMap, name: &header::HeaderName) -> Option<Self> {
        let fields: Vec<&[u8]> = headers.get_all(name).map(header::HeaderValue::as_bytes).collect();
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
    use actix_web::http::header::HeaderValue;

    use super::*;

    fn read(values: &[&'static str]) -> Result<Option<IfMatch>, ApiError> {
        let mut headers = HeaderMap::new();
        for value in values {
            headers.append(header::IF_MATCH, HeaderValue::from_static(value));
        }
        if_match(&headers)
    }

    fn revisions(values: &[&'static str]) -> Vec<u64> {
        match read(values).unwrap() {
            Some(IfMatch::Revisions(revisions)) => revisions,
            other => panic!("{values:?} is {other:?}"),
        }
    }

    #[test]
    fn no_header_is_no_precondition_and_a_star_is_any_row() {
        assert_eq!(read(&[]).unwrap(), None);
        assert_eq!(read(&["*"]).unwrap(), Some(IfMatch::Any));
        assert_eq!(read(&[" * "]).unwrap(), Some(IfMatch::Any));
    }

    #[test]
    fn lists_in_one_field_or_several_are_read() {
        assert_eq!(revisions(&["\"7\""]), [7]);
        assert_eq!(revisions(&["\"7\",\"8\" , , \"9\""]), [7, 8, 9]);
        assert_eq!(revisions(&["\"7\"", "\"8\""]), [7, 8]);
    }

    #[test]
    fn weak_and_foreign_tags_match_nothing() {
        assert_eq!(revisions(&["W/\"7\""]), [0_u64; 0]);
        assert_eq!(revisions(&["\"abc\", \"07\", \"+7\", \"\", \"a,b\", \"8\""]), [8]);
    }

    #[test]
    fn what_is_no_list_of_tags_is_refused() {
        for value in [
            "",
            ",",
            "7",
            "\"7",
            "7\"",
            "\"7\" \"8\"",
            "*, \"7\"",
            "w/\"7\"",
            "\"a b\"",
        ] {
            assert!(read(&[value]).is_err(), "{value}");
        }
    }
}
