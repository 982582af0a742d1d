//! Makes the schemas of a description say the same with less, and all that validators ask for.

use serde_json::{Map, Value, json};

/// Tidies every schema of a document.
pub(super) fn tidy(document: &mut Value) {
    let schemas = document["components"]["schemas"]
        .as_object()
        .cloned()
        .unwrap_or_default();
    visit(document, &mut |value| {
        refer(value, &schemas);
        inline_nullable(value, &schemas);
        drop_title(value);
    });
}

fn visit(value: &mut Value, change: &mut impl FnMut(&mut Map<String, Value>)) {
    match value {
        Value::Object(members) => {
            change(members);
            for (name, member) in members {
                // What is shown as an example is not a schema.
                if name != "example" && name != "examples" {
                    visit(member, change);
                }
            }
        }
        Value::Array(items) => items.iter_mut().for_each(|item| visit(item, change)),
        _ => {}
    }
}

/// A schema written out where it is used, though it has a name, becomes a reference to it.
fn refer(members: &mut Map<String, Value>, schemas: &Map<String, Value>) {
    let Some(Value::Object(schema)) = members.get("schema") else {
        return;
    };
    let Some(title) = schema.get("title").and_then(Value::as_str) else {
        return;
    };
    if schemas.contains_key(title) {
        let reference = json!({ "$ref": format!("#/components/schemas/{title}") });
        members.insert("schema".to_owned(), reference);
    }
}

/// `nullable` beside a reference changes nothing, since what is referred to still is not null (OpenAPI 3.0.3,
/// schema object): what is referred to is written out and made nullable.
fn inline_nullable(members: &mut Map<String, Value>, schemas: &Map<String, Value>) {
    if members.get("nullable") != Some(&Value::Bool(true)) || members.contains_key("type") {
        return;
    }
    let target = members
        .get("allOf")
        .and_then(|all| all[0]["$ref"].as_str())
        .and_then(|reference| reference.rsplit('/').next())
        .and_then(|name| schemas.get(name))
        .and_then(Value::as_object);
    let Some(target) = target else { return };
    members.remove("allOf");
    for (name, value) in target {
        members.entry(name.clone()).or_insert_with(|| value.clone());
    }
    if let Some(choices) = members.get_mut("enum").and_then(Value::as_array_mut) {
        choices.push(Value::Null);
    }
}

/// The name of a component is title enough.
fn drop_title(members: &mut Map<String, Value>) {
    if members.contains_key("properties") && members.get("title").is_some_and(Value::is_string) {
        members.remove("title");
    }
}
