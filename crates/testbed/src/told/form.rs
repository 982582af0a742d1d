//! Multipart forms, as far as the protocols need them.

use bytes::Bytes;
use serde_json::{Map, Value};

/// The texts of a form by their names, and its file; `None` if it is no form.
pub(super) fn read(content_type: &str, content: &Bytes) -> Option<(Map<String, Value>, Option<Bytes>)> {
    let boundary = content_type.strip_prefix("multipart/form-data; boundary=")?;
    let boundary = format!("--{}", boundary.trim_matches('"'));
    let (mut fields, mut file) = (Map::new(), None);
    for part in parts(content, boundary.as_bytes()) {
        let Some(end) = find(&part, b"\r\n\r\n") else {
            continue;
        };
        let head = String::from_utf8_lossy(&part[..end]).into_owned();
        let body = part.slice(end + 4..part.len().saturating_sub(2).max(end + 4));
        let Some(name) = quoted(&head, " name=\"") else {
            continue;
        };
        if quoted(&head, "filename=\"").is_some() {
            file = Some(body);
        } else {
            fields.insert(name, Value::from(String::from_utf8_lossy(&body).into_owned()));
        }
    }
    Some((fields, file))
}

/// What is between the boundaries.
fn parts(content: &Bytes, boundary: &[u8]) -> Vec<Bytes> {
    let mut parts = Vec::new();
    let mut rest = content.clone();
    while let Some(place) = find(&rest, boundary) {
        parts.push(rest.slice(..place));
        rest = rest.slice(place + boundary.len()..);
    }
    parts
}

fn find(within: &[u8], what: &[u8]) -> Option<usize> {
    within.windows(what.len()).position(|window| window == what)
}

fn quoted(head: &str, before: &str) -> Option<String> {
    let (_, rest) = head.split_once(before)?;
    rest.split_once('"').map(|(text, _)| text.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_and_file_are_told_apart() {
        let content = Bytes::from_static(
            b"--b\r\nContent-Disposition: form-data; name=\"model\"\r\n\r\nx\r\n--b\r\nContent-Disposition: form-data; \
              name=\"file\"; filename=\"a.wav\"\r\nContent-Type: audio/wav\r\n\r\n\r\n\0\r\n\r\n--b--\r\n",
        );
        let (fields, file) = read("multipart/form-data; boundary=b", &content).unwrap();
        assert_eq!(Value::Object(fields), serde_json::json!({ "model": "x" }));
        assert_eq!(file.unwrap(), Bytes::from_static(b"\r\n\0\r\n"));
        assert!(read("application/json", &content).is_none());
    }
}
