//! Which part of some bytes is asked for (RFC 9110, 14.2).

use actix_web::HttpRequest;
use actix_web::http::header::{self, HeaderMap, Range};

/// What is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Part {
    /// All of it.
    Whole,
    /// From this byte to that one, both included.
    Between(usize, usize),
    /// What there is not.
    Nowhere,
}

/// What a request asks for of that many bytes, which an entity tag names.
pub(super) fn part_of(request: &HttpRequest, tag: &str, length: usize) -> Part {
    let headers = request.headers();
    match only(headers, header::RANGE) {
        Some(range) if is_still(headers, tag) => read(range, length),
        _ => Part::Whole,
    }
}

/// Whether the parts that a client has already are of this state (`If-Range`). Only a strong tag says so; dates are
/// given out by nobody.
fn is_still(headers: &HeaderMap, tag: &str) -> bool {
    !headers.contains_key(header::IF_RANGE) || only(headers, header::IF_RANGE) == Some(tag)
}

/// The value of a header that is there once.
fn only(headers: &HeaderMap, name: header::HeaderName) -> Option<&str> {
    let mut values = headers.get_all(name);
    let first = values.next()?;
    values.next().is_none().then(|| first.to_str().ok()).flatten()
}

/// Several parts at a time are as good as all of it, as long as any of them is there; other units than bytes are not
/// known, and what is not well-formed leads nowhere.
fn read(range: &str, length: usize) -> Part {
    if !range.starts_with("bytes=") {
        return Part::Whole;
    }
    let Ok(Range::Bytes(parts)) = range.parse::<Range>() else {
        return Part::Nowhere;
    };
    let mut there = parts.iter().filter_map(|part| {
        let (first, last) = part.to_satisfiable_range(length as u64)?;
        Some((usize::try_from(first).ok()?, usize::try_from(last).ok()?))
    });
    match there.next() {
        Some(_) if range.contains(',') => Part::Whole,
        Some((first, last)) => Part::Between(first, last),
        None => Part::Nowhere,
    }
}

#[cfg(test)]
mod tests {
    use actix_web::test::TestRequest;

    use super::*;

    const TAG: &str = "\"abc\"";

    fn part(headers: &[(header::HeaderName, &str)]) -> Part {
        let request = headers.iter().fold(TestRequest::default(), |request, header| {
            request.append_header(header.clone())
        });
        part_of(&request.to_http_request(), TAG, 100)
    }

    #[test]
    fn one_part_is_found() {
        for (range, found) in [
            ("bytes=0-0", (0, 0)),
            ("bytes=10-19", (10, 19)),
            ("bytes=90-", (90, 99)),
            ("bytes=90-1000", (90, 99)),
            ("bytes=0-18446744073709551615", (0, 99)),
            ("bytes=-10", (90, 99)),
            ("bytes=-1000", (0, 99)),
        ] {
            assert_eq!(
                part(&[(header::RANGE, range)]),
                Part::Between(found.0, found.1),
                "{range}"
            );
        }
    }

    #[test]
    fn threat_39_odd_ranges_lead_nowhere_or_to_the_whole() {
        for nowhere in [
            "bytes=100-",
            "bytes=100-200",
            "bytes=-0",
            "bytes=5-2",
            "bytes=",
            "bytes=-",
            "bytes=a-b",
            "bytes=1",
            "bytes=--1",
            "bytes=0x1-2",
            "bytes=99999999999999999999-",
            "bytes=200-,300-",
        ] {
            assert_eq!(part(&[(header::RANGE, nowhere)]), Part::Nowhere, "{nowhere}");
        }
        for whole in ["bytes=0-1,5-6", "bytes=0-1, x", "items=0-1", "bytes", "", "0-1"] {
            assert_eq!(part(&[(header::RANGE, whole)]), Part::Whole, "{whole}");
        }
        let twice = [(header::RANGE, "bytes=0-1"), (header::RANGE, "bytes=2-3")];
        assert_eq!(part(&twice), Part::Whole);
        assert_eq!(part(&[]), Part::Whole);
    }

    #[test]
    fn parts_of_another_state_are_replaced_by_the_whole() {
        let range = (header::RANGE, "bytes=0-1");
        let with = |value: &'static str| part(&[range.clone(), (header::IF_RANGE, value)]);
        assert_eq!(with(TAG), Part::Between(0, 1));
        for other in ["\"other\"", "W/\"abc\"", "Sat, 21 Nov 2026 16:00:00 GMT", "*", ""] {
            assert_eq!(with(other), Part::Whole, "{other}");
        }
    }
}
