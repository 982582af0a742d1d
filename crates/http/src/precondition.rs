//! The revision of a row as an entity tag, and the preconditions on it.

use actix_web::http::header::{self, HeaderMap, HeaderName};
use parlance_domain::progress::{Precondition, Revisions};

use crate::error::ApiError;
use crate::etag::{Tag, Tags};
use crate::fields::{Fault, Faults};

/// The strong entity tag of a revision.
pub(crate) fn etag(revision: u64) -> String {
    format!("\"{revision}\"")
}

/// What `If-Match` and `If-None-Match` insist on before a change.
///
/// Tags that no row ever has name nothing, so they are left out; for `If-Match`, weak ones too.
pub(crate) fn precondition(headers: &HeaderMap) -> Result<Precondition, ApiError> {
    let mut faults = Faults::default();
    let if_match = revisions(headers, &header::IF_MATCH, |tag| !tag.weak);
    let if_match = faults.take("If-Match", if_match);
    let if_none_match = revisions(headers, &header::IF_NONE_MATCH, |_| true);
    let if_none_match = faults.take("If-None-Match", if_none_match);
    let read = if_match.zip(if_none_match);
    faults.finish(read.map(|(if_match, if_none_match)| Precondition {
        if_match,
        if_none_match,
    }))
}

/// The revisions that the fields of this name list, if there are any such fields.
fn revisions(
    headers: &HeaderMap,
    name: &HeaderName,
    counts: fn(&Tag) -> bool,
) -> Result<Option<Revisions>, Fault> {
    const FAULT: Fault = Fault::new("format", "must be * or a list of entity tags");
    if !headers.contains_key(name) {
        return Ok(None);
    }
    Ok(Some(match Tags::read(headers, name).ok_or(FAULT)? {
        Tags::Any => Revisions::Any,
        Tags::List(tags) => {
            let tags = tags.iter().filter(|tag| counts(tag));
            Revisions::OneOf(tags.filter_map(revision).collect())
        }
    }))
}

/// The revision that a tag names, if it is written the way [`etag`] writes it.
fn revision(tag: &Tag) -> Option<u64> {
    let text = std::str::from_utf8(&tag.opaque).ok()?;
    let revision: u64 = text.parse().ok()?;
    (revision.to_string() == text).then_some(revision)
}

#[cfg(test)]
mod tests {
    use actix_web::http::header::HeaderValue;

    use super::*;

    fn read(name: &HeaderName, values: &[&'static str]) -> Result<Precondition, ApiError> {
        let mut headers = HeaderMap::new();
        for value in values {
            headers.append(name.clone(), HeaderValue::from_static(value));
        }
        precondition(&headers)
    }

    fn if_match(values: &[&'static str]) -> Option<Revisions> {
        let read = read(&header::IF_MATCH, values).unwrap();
        assert_eq!(read.if_none_match, None);
        read.if_match
    }

    fn if_none_match(values: &[&'static str]) -> Option<Revisions> {
        let read = read(&header::IF_NONE_MATCH, values).unwrap();
        assert_eq!(read.if_match, None);
        read.if_none_match
    }

    fn one_of<const N: usize>(revisions: [u64; N]) -> Revisions {
        Revisions::OneOf(revisions.to_vec())
    }

    #[test]
    fn no_header_is_no_precondition_and_a_star_is_any_row() {
        for read in [if_match, if_none_match] {
            assert_eq!(read(&[]), None);
            assert_eq!(read(&["*"]), Some(Revisions::Any));
            assert_eq!(read(&[" * "]), Some(Revisions::Any));
        }
    }

    #[test]
    fn lists_in_one_field_or_several_are_read() {
        for read in [if_match, if_none_match] {
            assert_eq!(read(&["\"7\""]), Some(one_of([7])));
            assert_eq!(read(&["\"7\",\"8\" , , \"9\""]), Some(one_of([7, 8, 9])));
            assert_eq!(read(&["\"7\"", "\"8\""]), Some(one_of([7, 8])));
        }
    }

    #[test]
    fn foreign_tags_name_nothing_and_weak_ones_are_no_match() {
        for read in [if_match, if_none_match] {
            let foreign = read(&["\"abc\", \"07\", \"+7\", \"\", \"a,b\", \"8\""]);
            assert_eq!(foreign, Some(one_of([8])));
        }
        assert_eq!(if_match(&["W/\"7\""]), Some(one_of([])));
        assert_eq!(if_none_match(&["W/\"7\""]), Some(one_of([7])));
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
            for (name, field) in [
                (header::IF_MATCH, "If-Match"),
                (header::IF_NONE_MATCH, "If-None-Match"),
            ] {
                let error = read(&name, &[value]).unwrap_err();
                assert_eq!(error.fields()[0].field, field, "{value}");
            }
        }
    }
}
