//! Turns what `validator` and serde complain of into the fields of a validation error.

use std::borrow::Cow;
use std::collections::HashMap;
use std::fmt::Write as _;

use serde::de::DeserializeOwned;
use serde_json::{Map, Value};
use serde_path_to_error::{Path, Segment};
use validator::{Validate, ValidationError, ValidationErrors, ValidationErrorsKind};

use crate::error::FieldError;

/// How many bad fields of a wrong type are looked for in one body.
const MAX_FIELDS: usize = 100;
/// How much text is parsed again at most to find them.
const MAX_REREAD_BYTES: usize = 16 * 1024 * 1024;

/// The bad fields of a request, one complaint each.
#[derive(Debug, Default)]
pub(super) struct BadFields(Vec<FieldError>);

impl BadFields {
    pub(super) fn into_vec(self) -> Vec<FieldError> {
        self.0
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(super) fn add(&mut self, field: FieldError) {
        self.0.push(field);
    }

    /// Whether this field, what holds it or what it holds was complained of already.
    fn covers(&self, path: &str) -> bool {
        self.0
            .iter()
            .any(|bad| is_within(path, &bad.field) || is_within(&bad.field, path))
    }

    /// Adds what a value's own rules say, of fields not complained of yet.
    pub(super) fn add_invalid(&mut self, value: &impl Validate) {
        if let Err(errors) = value.validate() {
            let mut found = Vec::new();
            collect(&errors, "", &mut found);
            found.retain(|field| !self.covers(&field.field));
            found.sort_by(|a, b| a.field.cmp(&b.field));
            self.0.extend(found);
        }
    }
}

fn is_within(path: &str, outer: &str) -> bool {
    path.strip_prefix(outer)
        .is_some_and(|rest| rest.is_empty() || rest.starts_with(['.', '[']))
}

fn collect(errors: &ValidationErrors, prefix: &str, found: &mut Vec<FieldError>) {
    for (name, kind) in &errors.0 {
        let path = if name == "__all__" {
            prefix.to_owned()
        } else {
            join(prefix, &camel_case(name))
        };
        match kind {
            ValidationErrorsKind::Struct(inner) => collect(inner, &path, found),
            ValidationErrorsKind::List(items) => {
                for (index, inner) in items {
                    collect(inner, &format!("{path}[{index}]"), found);
                }
            }
            ValidationErrorsKind::Field(complaints) => {
                if let Some(first) = complaints.first() {
                    found.push(FieldError::new(path, first.code.clone(), message(first)));
                }
            }
        }
    }
}

fn join(prefix: &str, name: &str) -> String {
    if prefix.is_empty() {
        name.to_owned()
    } else {
        format!("{prefix}.{name}")
    }
}

/// `display_name` as clients write it: `displayName`.
pub(super) fn camel_case(name: &str) -> String {
    let mut camel = String::with_capacity(name.len());
    let mut upper = false;
    for c in name.trim_start_matches("r#").chars() {
        if c == '_' {
            upper = true;
        } else if std::mem::take(&mut upper) {
            camel.push(c.to_ascii_uppercase());
        } else {
            camel.push(c);
        }
    }
    camel
}

/// A sentence for a complaint. Of its parameters only the bounds are told, never the value.
fn message(complaint: &ValidationError) -> Cow<'static, str> {
    if let Some(message) = &complaint.message {
        return message.clone();
    }
    let params = &complaint.params;
    match complaint.code.as_ref() {
        "required" => "is required".into(),
        "email" => "must be an email address".into(),
        "length" => bounds(params, "items or characters").into(),
        "range" => bounds(params, "").into(),
        _ => "is not valid".into(),
    }
}

fn bounds(params: &HashMap<Cow<'static, str>, Value>, unit: &str) -> String {
    let bound = |name: &str| params.get(name).map(Value::to_string);
    let text = match (bound("min"), bound("max"), bound("equal")) {
        (_, _, Some(equal)) => format!("must be exactly {equal} {unit}"),
        (Some(min), Some(max), _) => format!("must be {min} to {max} {unit}"),
        (Some(min), None, _) => format!("must be at least {min} {unit}"),
        (None, Some(max), _) => format!("must be at most {max} {unit}"),
        (None, None, None) => "is out of range".to_owned(),
    };
    text.trim_end().to_owned()
}

/// What serde says of a value of the wrong type, without the value.
pub(super) fn type_error(path: &str, error: &impl std::fmt::Display) -> FieldError {
    let text = error.to_string();
    let expected = text
        .rsplit_once("expected ")
        .map(|(_, expected)| expected.split(" at line ").next().unwrap_or(expected));
    if text.starts_with("missing field") {
        return FieldError::new(path, "required", "is required");
    }
    let message = match expected {
        Some(expected) => format!("must be {}", plain(expected)),
        None => "is not valid".to_owned(),
    };
    FieldError::new(path, "type", message)
}

/// Rust's names of types as clients know them.
fn plain(expected: &str) -> Cow<'_, str> {
    match expected {
        "u8" | "u16" | "u32" | "u64" | "usize" => "a whole number that is not negative".into(),
        "i8" | "i16" | "i32" | "i64" | "isize" => "a whole number".into(),
        "f32" | "f64" => "a number".into(),
        _ if expected.starts_with("struct ") => "an object".into(),
        "a sequence" => "an array".into(),
        "a map" => "an object".into(),
        _ => expected.replace('`', "\"").into(),
    }
}

/// The outermost thing a path leads to, as it is named when the whole is wrong.
const WHOLE: &str = "body";

fn path_text(path: &[Segment]) -> String {
    let mut text = String::new();
    for segment in path {
        match segment {
            Segment::Seq { index } => drop(write!(text, "[{index}]")),
            Segment::Map { key } => text = join(&text, key),
            Segment::Enum { .. } | Segment::Unknown => {}
        }
    }
    if text.is_empty() { WHOLE.to_owned() } else { text }
}

/// Reads `T` out of a JSON value, setting aside each member of a wrong type and complaining of it.
///
/// `None` when what is left still is no `T`.
pub(super) fn read_leniently<T: DeserializeOwned>(
    mut value: Value,
    text_len: usize,
    bad: &mut BadFields,
) -> Option<T> {
    let attempts = (MAX_REREAD_BYTES / text_len.max(1)).clamp(4, MAX_FIELDS);
    for _ in 0..attempts {
        let error = match serde_path_to_error::deserialize::<_, T>(&value) {
            Ok(read) => return Some(read),
            Err(error) => error,
        };
        let path = segments(error.path());
        let text = path_text(&path);
        let again = bad.covers(&text);
        if !again {
            bad.add(type_error(&text, error.inner()));
        }
        if !set_aside(&mut value, &path, again) {
            return None;
        }
    }
    None
}

fn segments(path: &Path) -> Vec<Segment> {
    path.iter()
        .filter(|segment| matches!(segment, Segment::Seq { .. } | Segment::Map { .. }))
        .cloned()
        .collect()
}

/// Takes what a path leads to out of a value. The second time, what holds it.
fn set_aside(value: &mut Value, path: &[Segment], again: bool) -> bool {
    let path = if again {
        path.split_last().map_or(path, |(_, rest)| rest)
    } else {
        path
    };
    let Some((last, parents)) = path.split_last() else {
        return false;
    };
    let mut holder = value;
    for segment in parents {
        let next = match segment {
            Segment::Seq { index } => holder.get_mut(*index),
            Segment::Map { key } => holder.get_mut(key.as_str()),
            Segment::Enum { .. } | Segment::Unknown => None,
        };
        match next {
            Some(next) => holder = next,
            None => return false,
        }
    }
    match (last, holder) {
        (Segment::Map { key }, Value::Object(members)) => members.remove(key).is_some(),
        (Segment::Seq { index }, Value::Array(items)) => items
            .get_mut(*index)
            .map(|item| *item = Value::Object(Map::new()))
            .is_some(),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use serde::{Deserialize, Serialize};
    use serde_json::json;

    use super::*;

    #[derive(Debug, Deserialize, Validate)]
    #[serde(rename_all = "camelCase")]
    struct Batch {
        #[validate(required, length(min = 1, max = 3), nested)]
        updates: Option<Vec<Update>>,
        #[validate(length(max = 3))]
        device_name: Option<String>,
    }

    #[derive(Debug, Deserialize, Serialize, Validate)]
    #[serde(rename_all = "camelCase")]
    struct Update {
        #[validate(required)]
        word_id: Option<String>,
        study_count: Option<u32>,
        #[validate(range(min = 0.0, max = 1.0))]
        confidence: Option<f64>,
    }

    fn complaints(value: Value) -> Vec<(String, String)> {
        let mut bad = BadFields::default();
        if let Some(read) = read_leniently::<Batch>(value, 100, &mut bad) {
            bad.add_invalid(&read);
        }
        bad.into_vec()
            .into_iter()
            .map(|field| (field.field, field.code))
            .collect()
    }

    fn pair(field: &str, code: &str) -> (String, String) {
        (field.to_owned(), code.to_owned())
    }

    #[test]
    fn wrong_types_and_broken_rules_are_reported_together_with_their_paths() {
        let found = complaints(json!({
            "deviceName": "long",
            "updates": [
                {"wordId": 7, "confidence": 0.5},
                {"studyCount": -1},
                {"wordId": "a", "studyCount": "x", "confidence": 2},
            ],
        }));
        assert_eq!(
            found,
            [
                pair("updates[0].wordId", "type"),
                pair("updates[1].studyCount", "type"),
                pair("updates[2].studyCount", "type"),
                pair("deviceName", "length"),
                pair("updates[1].wordId", "required"),
                pair("updates[2].confidence", "range"),
            ]
        );
    }

    #[test]
    fn an_item_of_the_wrong_type_is_reported_once() {
        assert_eq!(
            complaints(json!({"updates": [1, {"wordId": "a"}]})),
            [pair("updates[0]", "type")]
        );
    }

    #[test]
    fn a_missing_list_and_a_wrong_whole_are_reported() {
        assert_eq!(complaints(json!({})), [pair("updates", "required")]);
        assert_eq!(complaints(json!({"updates": "x"})), [pair("updates", "type")]);
        assert_eq!(complaints(json!("x")), [pair("body", "type")]);
    }

    #[test]
    fn threat_73_a_complaint_never_repeats_the_value() {
        let mut bad = BadFields::default();
        let value =
            json!({"deviceName": "canary-secret", "updates": [{"wordId": "w", "studyCount": "canary-2"}]});
        let read: Batch = read_leniently(value, 100, &mut bad).unwrap();
        bad.add_invalid(&read);
        assert!(!format!("{bad:?}").contains("canary"), "{bad:?}");
    }

    #[test]
    fn many_bad_fields_are_bounded() {
        let items: Vec<Value> = (0..1000).map(|_| json!({"wordId": 1})).collect();
        assert!(complaints(json!({"updates": items})).len() <= MAX_FIELDS + 1);
    }
}
