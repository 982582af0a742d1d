//! The description of the routes in OpenAPI 3.0.3: the one module that puts apistos together.

use std::collections::BTreeMap;

use actix_web::test;
use apistos::app::OpenApiWrapper;
use apistos::info::Info;
use apistos::security::SecurityScheme;
use apistos::spec::Spec;
use apistos::web::ServiceConfig;
use serde_json::{Value, json};

/// The name of the security scheme of access tokens.
pub(crate) const BEARER: &str = "bearer";

/// The security scheme of access tokens.
pub(crate) fn bearer_security() -> BTreeMap<String, SecurityScheme> {
    let scheme = json!({ BEARER: { "type": "http", "scheme": "bearer", "bearerFormat": "JWT" } });
    serde_json::from_value(scheme).unwrap_or_default()
}

/// The description of all routes.
pub async fn openapi_document(version: &str) -> Value {
    let spec = Spec {
        info: Info {
            title: "Parlance".to_owned(),
            version: version.to_owned(),
            ..Info::default()
        },
        ..Spec::default()
    };
    let app = actix_web::App::new()
        .document(spec)
        .configure(crate::routes)
        .build("/openapi.json");
    // The description is handed out by a route only; calling it opens no socket.
    let app = test::init_service(app).await;
    let request = test::TestRequest::get().uri("/openapi.json").to_request();
    let body = test::call_and_read_body(&app, request).await;
    serde_json::from_slice(&body).unwrap_or(Value::Null)
}

/// What adds routes to the app and to the description at once.
pub(crate) type Routes<'a> = ServiceConfig<'a>;
