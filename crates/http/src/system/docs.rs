//! `GET /api-docs` and what it consists of: the interactive documentation, from this binary alone.

use actix_web::http::header;
use actix_web::web::Path;
use actix_web::{HttpRequest, HttpResponse};
use apistos::api_operation;

use crate::error::{ApiError, ErrorCode};
use crate::middleware::content_security_policy;
use crate::reply::Reply;
use crate::state::State;

const PAGE: &str = include_str!("../../assets/docs/index.html");
const INITIALISE: &str = include_str!("../../assets/docs/initialise.js");
/// The version of Swagger UI, part of the paths of its files.
const VERSION: &str = include_str!("../../assets/swagger-ui/VERSION");
/// The files of Swagger UI.
const ASSETS: [(&str, &str, &[u8]); 3] = [
    (
        "swagger-ui-bundle.js",
        "text/javascript; charset=utf-8",
        include_bytes!("../../assets/swagger-ui/swagger-ui-bundle.js"),
    ),
    (
        "swagger-ui.css",
        "text/css; charset=utf-8",
        include_bytes!("../../assets/swagger-ui/swagger-ui.css"),
    ),
    (
        "favicon-32x32.png",
        "image/png",
        include_bytes!("../../assets/swagger-ui/favicon-32x32.png"),
    ),
];
/// Scripts, styles and calls are the server's own; images may also be written into the styles.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; \
                      connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";
const FOR_EVER: &str = "public, max-age=31536000, immutable";
const ASK_AGAIN: &str = "no-cache";

/// The page.
#[api_operation(skip)]
pub(crate) async fn page() -> HttpResponse {
    let html = PAGE.replace("{version}", VERSION.trim());
    let mut response = file("text/html; charset=utf-8", ASK_AGAIN, html);
    let (name, value) = content_security_policy(POLICY);
    response.headers_mut().insert(name, value);
    response
}

/// What starts the page.
#[api_operation(skip)]
pub(crate) async fn initialise() -> HttpResponse {
    file("text/javascript; charset=utf-8", ASK_AGAIN, INITIALISE.to_owned())
}

/// A file of Swagger UI.
#[api_operation(skip)]
pub(crate) async fn asset(path: Path<(String, String)>) -> Result<HttpResponse, ApiError> {
    let (version, name) = path.into_inner();
    ASSETS
        .iter()
        .find(|asset| asset.0 == name && version == VERSION.trim())
        .map(|(_, media_type, bytes)| file(media_type, FOR_EVER, *bytes))
        .ok_or_else(|| ApiError::new(ErrorCode::NotFound))
}

/// The description of the routes.
#[api_operation(skip)]
pub(crate) async fn document(req: HttpRequest, state: State) -> Result<Reply<()>, ApiError> {
    Reply::revalidated(&req, &state.document)
}

fn file(media_type: &str, caching: &str, body: impl actix_web::body::MessageBody + 'static) -> HttpResponse {
    HttpResponse::Ok()
        .content_type(media_type)
        .insert_header((header::CACHE_CONTROL, caching))
        .body(body)
}
