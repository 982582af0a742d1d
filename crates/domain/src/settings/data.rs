//! What apps keep for a learner: any JSON object that is small and shallow.

use serde_json::{Map, Value};

/// An object of JSON that apps keep for a learner, at most 16 KiB long as text and nested at most 16 deep.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct FreeData(Map<String, Value>);

/// Why an object is not kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum DataError {
    /// Its text is too long.
    #[error("must be at most 16 KiB of JSON")]
    TooLarge,
    /// Objects in objects in objects.
    #[error("must be nested at most 16 deep")]
    TooDeep,
}

impl FreeData {
    /// The most bytes that its text may have.
    pub const MAX_BYTES: usize = 16 * 1024;
    /// How deep arrays and objects may be nested, the outermost counted.
    pub const MAX_DEPTH: usize = 16;

    /// Keeps an object, unless it is too much.
    pub fn new(members: Map<String, Value>) -> Result<Self, DataError> {
        if members
            .values()
            .any(|value| is_deeper(value, Self::MAX_DEPTH - 1))
        {
            return Err(DataError::TooDeep);
        }
        let data = Self(members);
        if data.to_json().len() > Self::MAX_BYTES {
            return Err(DataError::TooLarge);
        }
        Ok(data)
    }

    /// Its members.
    pub const fn members(&self) -> &Map<String, Value> {
        &self.0
    }

    /// Its members, to be had.
    pub fn into_members(self) -> Map<String, Value> {
        self.0
    }

    /// Its text.
    pub fn to_json(&self) -> String {
        // Written as a value: an object of texts cannot fail.
        Value::Object(self.0.clone()).to_string()
    }

    /// What such a text holds, if it is one.
    pub fn of_json(text: &str) -> Option<Self> {
        serde_json::from_str(text)
            .ok()
            .and_then(|members| Self::new(members).ok())
    }

    /// The same after a JSON merge patch.
    pub fn merged(&self, patch: &Map<String, Value>) -> Result<Self, DataError> {
        let mut members = self.0.clone();
        merge(&mut members, patch);
        Self::new(members)
    }
}

/// Applies a JSON merge patch (RFC 7396) to an object.
pub fn merge(target: &mut Map<String, Value>, patch: &Map<String, Value>) {
    for (name, value) in patch {
        match value {
            Value::Null => {
                target.remove(name);
            }
            Value::Object(inner) => {
                let member = target.entry(name.as_str()).or_insert(Value::Null);
                if !member.is_object() {
                    *member = Value::Object(Map::new());
                }
                if let Value::Object(member) = member {
                    merge(member, inner);
                }
            }
            other => {
                target.insert(name.clone(), other.clone());
            }
        }
    }
}

fn is_deeper(value: &Value, than: usize) -> bool {
    match value {
        Value::Array(items) => than == 0 || items.iter().any(|item| is_deeper(item, than - 1)),
        Value::Object(members) => than == 0 || members.values().any(|member| is_deeper(member, than - 1)),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn object(value: Value) -> Map<String, Value> {
        match value {
            Value::Object(members) => members,
            other => panic!("{other} is no object"),
        }
    }

    /// The test cases of RFC 7396, appendix A, whose target and patch are objects.
    #[test]
    fn patches_do_what_the_standard_says() {
        for (target, patch, result) in [
            (json!({"a": "b"}), json!({"a": "c"}), json!({"a": "c"})),
            (json!({"a": "b"}), json!({"b": "c"}), json!({"a": "b", "b": "c"})),
            (json!({"a": "b"}), json!({"a": null}), json!({})),
            (json!({"a": "b", "b": "c"}), json!({"a": null}), json!({"b": "c"})),
            (json!({"a": ["b"]}), json!({"a": "c"}), json!({"a": "c"})),
            (json!({"a": "c"}), json!({"a": ["b"]}), json!({"a": ["b"]})),
            (
                json!({"a": {"b": "c"}}),
                json!({"a": {"b": "d", "c": null}}),
                json!({"a": {"b": "d"}}),
            ),
            (json!({"a": [{"b": "c"}]}), json!({"a": [1]}), json!({"a": [1]})),
            (json!({"e": null}), json!({"a": 1}), json!({"e": null, "a": 1})),
            (
                json!({}),
                json!({"a": {"bb": {"ccc": null}}}),
                json!({"a": {"bb": {}}}),
            ),
        ] {
            let mut patched = object(target.clone());
            merge(&mut patched, &object(patch.clone()));
            assert_eq!(Value::Object(patched), result, "{target} with {patch}");
        }
    }

    fn nested(depth: usize) -> Map<String, Value> {
        let inner = (1..depth).fold(json!(1), |inner, _| json!([inner]));
        object(json!({ "a": inner }))
    }

    #[test]
    fn threat_34_what_is_too_deep_or_too_long_is_not_kept() {
        assert!(FreeData::new(nested(16)).is_ok());
        assert_eq!(FreeData::new(nested(17)), Err(DataError::TooDeep));
        let filled = |bytes: usize| object(json!({ "a": "x".repeat(bytes - 8) }));
        assert_eq!(
            FreeData::new(filled(16 * 1024)).unwrap().to_json().len(),
            16 * 1024
        );
        assert_eq!(FreeData::new(filled(16 * 1024 + 1)), Err(DataError::TooLarge));
    }

    #[test]
    fn a_patch_that_makes_it_too_much_is_refused() {
        let data = FreeData::new(object(json!({ "a": "x".repeat(10_000) }))).unwrap();
        let patch = object(json!({ "b": "x".repeat(10_000) }));
        assert_eq!(data.merged(&patch), Err(DataError::TooLarge));
        let instead = object(json!({ "a": null, "b": "x".repeat(10_000) }));
        assert!(data.merged(&instead).is_ok());
    }
}
