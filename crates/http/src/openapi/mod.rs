//! The description of the routes in OpenAPI 3.0.3: the one module that puts apistos together.

mod complete;

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
