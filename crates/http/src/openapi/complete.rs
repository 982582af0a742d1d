//! Completes what the routes say of themselves with what is the same for all of them.

use serde_json::Value;

/// Completes a description.
pub(super) fn complete(document: &mut Value, version: &str) {
    document["info"]["version"] = version.into();
}
