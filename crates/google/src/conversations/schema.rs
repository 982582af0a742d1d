//! JSON Schema in the words of Gemini, which knows a part of it.

use serde_json::{Map, Value, json};

/// The schema in Gemini's words; what it has no word for is left out, since answers are checked anyway.
pub(super) fn convert(schema: &Value) -> Value {
    let mut converted = Map::new();
    for (name, value) in schema.as_object().into_iter().flatten() {
        let value = match (name.as_str(), value) {
            ("type", Value::String(name)) => json!(name.to_ascii_uppercase()),
            // 64 bits are text in its JSON.
            ("minItems" | "maxItems" | "minLength" | "maxLength", Value::Number(number)) => {
                json!(number.to_string())
            }
            ("items", schema) => convert(schema),
            ("properties", Value::Object(members)) => members
                .iter()
                .map(|(name, schema)| (name.clone(), convert(schema)))
                .collect(),
            // Members are written in the order in which they are required.
            ("required", names) => {
                converted.insert("propertyOrdering".to_owned(), names.clone());
                names.clone()
            }
            ("enum" | "description" | "title" | "format" | "pattern" | "minimum" | "maximum", value) => {
                value.clone()
            }
            _ => continue,
        };
        converted.insert(name.clone(), value);
    }
    Value::Object(converted)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_schema_is_said_in_the_words_of_gemini() {
        let schema = json!({
            "$schema": "https://json-schema.org/draft/2020-12/schema",
            "type": "object",
            "additionalProperties": false,
            "properties": {
                "type": { "type": "array", "minItems": 3, "items": { "type": "string", "enum": ["A", "B"] } },
            },
            "required": ["type"],
        });
        let expected = json!({
            "type": "OBJECT",
            "properties": {
                "type": { "type": "ARRAY", "minItems": "3", "items": { "type": "STRING", "enum": ["A", "B"] } },
            },
            "required": ["type"],
            "propertyOrdering": ["type"],
        });
        assert_eq!(convert(&schema), expected);
    }
}
