//! Completes what the routes say of themselves with what is the same for all of them.

use schemars::r#gen::SchemaSettings;
use serde_json::{Map, Value, json};

use super::operation::{Operation, wants_bearer};
use super::{codes, schemas, text};
use crate::error::{ErrorCode, PROBLEM_JSON, Problem};

/// The name of the security scheme of the refresh cookie.
const COOKIE: &str = "refreshCookie";

/// Completes a description.
pub(super) fn complete(document: &mut Value, version: &str) {
    document["info"] = json!({
        "title": "Parlance",
        "version": version,
        "description": text::DESCRIPTION,
        "license": { "name": "MIT OR Apache-2.0", "url": "https://spdx.org/licenses/" },
    });
    document["servers"] = json!([{ "url": "/", "description": "This server" }]);
    document["tags"] = text::TAGS
        .iter()
        .map(|(name, description)| json!({ "name": name, "description": description }))
        .collect();
    complete_components(&mut document["components"]);
    let Some(paths) = document["paths"].as_object_mut() else {
        return;
    };
    for (path, item) in paths {
        for (method, fields) in item.as_object_mut().into_iter().flatten() {
            if let Value::Object(fields) = fields {
                let id = fields
                    .get("operationId")
                    .and_then(Value::as_str)
                    .unwrap_or_default()
                    .to_owned();
                complete_operation(&Operation { path, method, id }, fields);
            }
        }
    }
    schemas::tidy(document);
}

fn complete_components(components: &mut Value) {
    let mut problem = SchemaSettings::openapi3()
        .into_generator()
        .into_root_schema_for::<Problem>();
    let definitions = std::mem::take(&mut problem.definitions);
    components["schemas"]["Problem"] = json!(problem.schema);
    for (name, schema) in definitions {
        components["schemas"][name] = json!(schema);
    }
    components["securitySchemes"][COOKIE] = json!({
        "type": "apiKey",
        "in": "cookie",
        "name": "refreshToken",
        "description": "Set by register, login and refresh; scripts cannot read it.",
    });
    components["headers"] = json!({
        "RequestId": header("The id of the request: the one that was sent, or a new one.", "string"),
        "RateLimitPolicy": header("The limits: `\"default\";q=100;w=60`.", "string"),
        "RateLimit": header("What is left of them: `\"default\";r=42;t=18`.", "string"),
        "ETag": header("Names this state, for `If-None-Match` and `If-Match`.", "string"),
        "Link": header("Where the next page is: `<…>; rel=\"next\"`; absent on the last one.", "string"),
        "Location": header("Where what was made can be read, or where the browser goes.", "string"),
        "RetryAfter": header("After how many seconds to try again.", "integer"),
        "WwwAuthenticate": header("`Bearer`, with `error=\"invalid_token\"` when a token was sent.", "string"),
        "AcceptRanges": header("`bytes`: parts can be asked for by `Range`.", "string"),
        "ContentRange": header("Which part of how many bytes it is: `bytes 0-99/1234`.", "string"),
        "IdempotentReplayed": header("`true` when the answer was given before.", "string"),
        "SetCookie": header("The refresh token, or what a browser is known by that went to a provider; for `/api/v1/auth` only.", "string"),
    });
}

fn header(description: &str, kind: &str) -> Value {
    json!({ "description": description, "schema": { "type": kind } })
}

fn header_ref(name: &str) -> Value {
    json!({ "$ref": format!("#/components/headers/{name}") })
}

fn complete_operation(operation: &Operation<'_>, fields: &mut Map<String, Value>) {
    join_lines(fields);
    if let Some(codes) = codes::of(operation, fields) {
        add_errors(fields, &codes);
    }
    complete_success(operation, fields);
    if operation.is_tagged(fields) {
        add_parameter(
            fields,
            "If-None-Match",
            "An `ETag`: if it still names the state, the answer is 304.",
        );
        let mut headers = common_headers(operation);
        headers.insert("ETag".to_owned(), header_ref("ETag"));
        fields["responses"]["304"] = json!({ "description": "Not modified", "headers": headers });
    }
    add_request_headers(operation, fields);
    if operation.reads_cookie() {
        let optional = if operation.id == "logout" {
            json!([{}, { COOKIE: [] }])
        } else {
            json!([{ COOKIE: [] }])
        };
        fields.insert("security".to_owned(), optional);
    }
    if operation.id.starts_with("health") {
        let mut down = fields["responses"]["200"].clone();
        down["description"] = "The database is down".into();
        fields["responses"]["503"] = down;
    }
    if operation.id == "updateProfile" {
        let content = &mut fields["requestBody"]["content"];
        content["application/merge-patch+json"] = content["application/json"].clone();
    }
}

/// The headers that some requests may have.
fn add_request_headers(operation: &Operation<'_>, fields: &mut Map<String, Value>) {
    if operation.takes_key() {
        add_parameter(
            fields,
            "Idempotency-Key",
            "1 to 255 visible ASCII characters of the client's choice: within 24 hours, the same request with the same \
             key is done once and answered alike.",
        );
    }
    if operation.has_parts() {
        add_parameter(
            fields,
            "Range",
            "Which bytes to send: `bytes=0-99`. Several parts at a time come as the whole.",
        );
        add_parameter(
            fields,
            "If-Range",
            "An `ETag`: only if it still names the state, `Range` counts.",
        );
        fields["responses"]["416"]["headers"]["Content-Range"] = header_ref("ContentRange");
    }
    if matches!(operation.id.as_str(), "setProgress" | "deleteProgress") {
        add_parameter(
            fields,
            "If-Match",
            "An `ETag`: only if it still names the state, the change is made.",
        );
    }
    if operation.id == "setProgress" {
        add_parameter(
            fields,
            "If-None-Match",
            "`*`: only if there is no state yet, the change is made.",
        );
    }
}

/// The lines of a comment come with the backslashes of Markdown between them.
fn join_lines(fields: &mut Map<String, Value>) {
    if let Some(Value::String(description)) = fields.get_mut("description") {
        let paragraphs: Vec<String> = description
            .split("\\\n\\\n")
            .map(|paragraph| paragraph.replace("\\\n", " ").trim().to_owned())
            .filter(|paragraph| !paragraph.is_empty())
            .collect();
        *description = paragraphs.join("\n\n");
    }
    fields.remove("deprecated");
}

fn complete_success(operation: &Operation<'_>, fields: &mut Map<String, Value>) {
    let tagged = operation.is_tagged(fields) || operation.id == "setProgress";
    let Some(responses) = fields.get_mut("responses").and_then(Value::as_object_mut) else {
        return;
    };
    for (status, response) in responses
        .iter_mut()
        .filter(|(status, _)| status.starts_with(['2', '3']))
    {
        let description = match status.as_str() {
            "201" => "Made",
            "204" => "Done",
            "206" => "The part that was asked for",
            "302" => "To another page",
            _ => "Success",
        };
        let mut headers = common_headers(operation);
        let more = [
            (tagged, "ETag", "ETag"),
            (operation.is_paged(), "Link", "Link"),
            (operation.sets_cookie(), "Set-Cookie", "SetCookie"),
            (matches!(status.as_str(), "201" | "302"), "Location", "Location"),
            (operation.has_parts(), "Accept-Ranges", "AcceptRanges"),
            (status == "206", "Content-Range", "ContentRange"),
            (operation.takes_key(), "Idempotent-Replayed", "IdempotentReplayed"),
        ];
        for (_, name, component) in more.into_iter().filter(|(there, ..)| *there) {
            headers.insert(name.to_owned(), header_ref(component));
        }
        response["description"] = description.into();
        response["headers"] = headers.into();
    }
}

fn common_headers(operation: &Operation<'_>) -> Map<String, Value> {
    let mut headers = Map::new();
    headers.insert("X-Request-Id".to_owned(), header_ref("RequestId"));
    if operation.is_limited() {
        headers.insert("RateLimit-Policy".to_owned(), header_ref("RateLimitPolicy"));
        headers.insert("RateLimit".to_owned(), header_ref("RateLimit"));
    }
    headers
}

fn add_parameter(fields: &mut Map<String, Value>, name: &str, description: &str) {
    let parameter = json!({
        "name": name,
        "in": "header",
        "required": false,
        "description": description,
        "schema": { "type": "string" },
    });
    match fields.get_mut("parameters").and_then(Value::as_array_mut) {
        Some(parameters) => parameters.push(parameter),
        None => {
            fields.insert("parameters".to_owned(), json!([parameter]));
        }
    }
}

/// One response per status, with an example per code.
fn add_errors(fields: &mut Map<String, Value>, codes: &[ErrorCode]) {
    let bearer = wants_bearer(fields);
    for code in codes {
        let status = code.status().as_u16();
        let response = &mut fields["responses"][status.to_string()];
        let line = format!("- `{}`: {} {}", code.as_str(), code.message(), code.action());
        match response["description"].as_str() {
            Some(earlier) => response["description"] = format!("{earlier}\n{line}").into(),
            None => response["description"] = line.into(),
        }
        response["headers"]["X-Request-Id"] = header_ref("RequestId");
        if code.tells_when() {
            response["headers"]["Retry-After"] = header_ref("RetryAfter");
        }
        if status == 401 && bearer {
            response["headers"]["WWW-Authenticate"] = header_ref("WwwAuthenticate");
        }
        let content = &mut response["content"][PROBLEM_JSON];
        content["schema"] = json!({ "$ref": "#/components/schemas/Problem" });
        content["examples"][code.as_str()] = json!({ "value": example(*code) });
    }
}

fn example(code: ErrorCode) -> Value {
    let details = (code == ErrorCode::ValidationFailed).then(
        || json!({ "fields": [{ "field": "email", "message": "must be an email address", "code": "format" }] }),
    );
    json!({
        "type": format!("https://parlance-app.github.io/parlance/errors/{}", code.as_str()),
        "title": code.title(),
        "status": code.status().as_u16(),
        "error": code.message(),
        "message": code.message(),
        "code": code.as_str(),
        "details": details,
        "requestId": "01936f2a-6c1e-7d3a-9b5e-0c8f5a3e7b42",
    })
}
