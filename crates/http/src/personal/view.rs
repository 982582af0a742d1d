//! What an archive looks like to whom it is about.

use apistos::ApiComponent;
use parlance_domain::personal::{Export, ExportState, ReadyExport};
use schemars::JsonSchema;
use serde::Serialize;

use crate::time::rfc3339_millis;

/// An archive of everything that is held of the caller.
#[derive(Debug, Serialize, JsonSchema, ApiComponent)]
#[serde(rename_all = "camelCase")]
#[schemars(rename = "Export")]
pub(crate) struct ExportView {
    /// Its id, a UUIDv7.
    id: String,
    /// How far it has come: `pending`, `ready` or `failed`.
    state: &'static str,
    /// When it was asked for.
    requested_at: String,
    /// Until when it can be fetched, once it is ready.
    expires_at: Option<String>,
    /// How long it is, in bytes, once it is ready.
    bytes: Option<u64>,
}

impl From<Export> for ExportView {
    fn from(export: Export) -> Self {
        let Export {
            user_id: _,
            id,
            requested_at,
            state,
        } = export;
        let (state, ready) = match state {
            ExportState::Pending => ("pending", None),
            ExportState::Failed { at: _ } => ("failed", None),
            ExportState::Ready(ready) => ("ready", Some(ready)),
        };
        let ready = ready.map(|ready| {
            let ReadyExport {
                file: _,
                bytes,
                ready_at: _,
                expires_at,
            } = ready;
            (rfc3339_millis(expires_at), bytes)
        });
        let (expires_at, bytes) = ready.unzip();
        Self {
            id: id.to_string(),
            state,
            requested_at: rfc3339_millis(requested_at),
            expires_at,
            bytes,
        }
    }
}
