//! The description of the routes in OpenAPI 3.0.3: the one module that puts apistos together.

mod codes;
mod complete;
mod operation;
mod schemas;
mod text;

use std::collections::BTreeMap;

use actix_web::dev::{ServiceFactory, ServiceRequest};
use actix_web::{App, Error, test};
use apistos::app::{BuildConfig, OpenApiWrapper};
use apistos::security::SecurityScheme;
use apistos::spec::Spec;
use serde_json::{Value, json};

/// The name of the security scheme of access tokens.
pub(crate) const BEARER: &str = "bearer";

/// The security scheme of access tokens.
pub(crate) fn bearer_security() -> BTreeMap<String, SecurityScheme> {
    let scheme = json!({ BEARER: { "type": "http", "scheme": "bearer", "bearerFormat": "JWT" } });
    serde_json::from_value(scheme).unwrap_or_default()
}

/// The app with all routes, none of them describing themselves.
pub(crate) fn routed<T>(app: App<T>) -> App<T>
where
    T: ServiceFactory<ServiceRequest, Config = (), Error = Error, InitError = ()>,
{
    app.document(Spec::default())
        .configure(crate::app::routes)
        .build_with("", BuildConfig::default().disable_openapi_route())
}

/// The description of all routes, in OpenAPI 3.0.3.
pub async fn openapi_document(version: &str) -> Value {
    let app = App::new()
        .document(Spec::default())
        .configure(crate::app::routes)
        .build("/openapi.json");
    // The description is handed out by a route only; calling it opens no socket.
    let app = test::init_service(app).await;
    let request = test::TestRequest::get().uri("/openapi.json").to_request();
    let body = test::call_and_read_body(&app, request).await;
    let mut document = serde_json::from_slice(&body).unwrap_or(Value::Null);
    complete::complete(&mut document, version);
    document
}

#[cfg(test)]
mod tests {
    use super::*;

    fn operations(document: &Value) -> impl Iterator<Item = (&str, &str, &Value)> {
        document["paths"]
            .as_object()
            .into_iter()
            .flatten()
            .flat_map(|(path, item)| {
                let methods = item.as_object().into_iter().flatten();
                methods.map(move |(method, operation)| (path.as_str(), method.as_str(), operation))
            })
    }

    #[actix_web::test]
    async fn every_operation_says_what_it_is_and_what_can_go_wrong() {
        let document = openapi_document("1.2.3").await;
        assert_eq!(
            (&document["openapi"], &document["info"]["version"]),
            (&json!("3.0.3"), &json!("1.2.3"))
        );
        let mut count = 0;
        for (path, method, operation) in operations(&document) {
            count += 1;
            let name = format!("{method} {path}");
            assert!(operation["summary"].is_string(), "{name} has no summary");
            assert!(operation["tags"][0].is_string(), "{name} has no tag");
            assert!(
                operation["security"].is_array(),
                "{name} does not say whether it is public"
            );
            let responses = operation["responses"].as_object().unwrap();
            let failures = responses
                .keys()
                .filter(|status| status.starts_with(['4', '5']))
                .count();
            assert!(
                failures > 0 || path == "/livez",
                "{name} does not say what can go wrong"
            );
            for (status, response) in responses {
                assert!(
                    !response["description"].as_str().unwrap().is_empty(),
                    "{name} {status}"
                );
            }
        }
        assert!(count >= 41, "{count}");
    }

    #[actix_web::test]
    async fn every_reference_leads_somewhere() {
        let document = openapi_document("1.2.3").await;
        let text = document.to_string();
        for reference in text.split("\"$ref\":\"#").skip(1) {
            let pointer = reference.split('"').next().unwrap();
            assert!(document.pointer(pointer).is_some(), "{pointer}");
        }
    }

    #[actix_web::test]
    async fn every_code_of_the_catalogue_that_a_route_answers_with_is_described() {
        use crate::error::{CATALOGUE, ErrorCode};
        // Of these, every route or none can answer.
        let general = [
            ErrorCode::BadRequest,
            ErrorCode::MethodNotAllowed,
            ErrorCode::NotAcceptable,
        ];
        let text = openapi_document("1.2.3").await["paths"].to_string();
        for entry in CATALOGUE {
            let described = text.contains(&format!("`{}`", entry.name));
            assert_ne!(described, general.contains(&entry.code), "{}", entry.name);
        }
    }
}
