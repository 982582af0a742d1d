//! `DELETE /admin/users/{id}`

use apistos::{ApiComponent, api_operation};
use parlance_domain::admin::Reason;
use schemars::JsonSchema;
use serde::Deserialize;
use validator::{Validate, ValidationError};

use super::params::UserPath;
use super::view::AdminUserView;
use super::{authority, refuse};
use crate::error::ApiError;
use crate::extract::{Admin, ApiJson, ApiPath, Arrival, check_form, parsed};
use crate::reply::Reply;
use crate::state::State;

/// Why an account is deleted.
#[derive(Deserialize, JsonSchema, ApiComponent, Validate)]
#[schemars(rename = "UserDeletion", example = "example")]
pub(super) struct Body {
    /// For the audit log, and for whoever may restore it.
    #[validate(required, custom(function = "check_reason"))]
    #[schemars(required, length(min = 1, max = 500))]
    reason: Option<String>,
}

fn example() -> serde_json::Value {
    serde_json::json!({ "reason": "Sends spam" })
}

fn check_reason(reason: &str) -> Result<(), ValidationError> {
    check_form::<Reason>(reason)
}

/// Deletes an account, which can be restored for 30 days and is then gone for good.
///
/// For administrators. Its sessions end at once. Repeated, it changes nothing. The last administrator cannot be deleted.
#[api_operation(tag = "administration", operation_id = "deleteUser")]
pub(super) async fn handler(
    admin: Admin,
    ApiPath(path): ApiPath<UserPath>,
    arrival: Arrival,
    state: State,
    ApiJson(body): ApiJson<Body>,
) -> Result<Reply<AdminUserView>, ApiError> {
    let id = path.read()?;
    let reason: Reason = parsed("reason", body.reason.as_deref().unwrap_or_default())?;
    let by = authority(&admin.0, arrival);
    let deleted = state.services.administration.delete(id, &reason, &by).await;
    Reply::private(&AdminUserView::from(deleted.map_err(refuse)?))
}
