//! `parlance openapi`: prints the description of the API. Opens no socket and no database.

use parlance_http::openapi::openapi_document;

use crate::logs::say;

/// Prints the document as it is committed.
pub(super) async fn run() -> anyhow::Result<()> {
    let document = openapi_document(env!("CARGO_PKG_VERSION")).await;
    say(&serde_json::to_string_pretty(&document)?);
    Ok(())
}
