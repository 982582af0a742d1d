//! What an account looks like to those who look after it.

use apistos::ApiComponent;
use parlance_domain::accounts::Standing;
use parlance_domain::admin::{AccountStatus, Overseen};
use parlance_domain::time::Timestamp;
use schemars::JsonSchema;
use serde::Serialize;

use crate::accounts::UserView;
use crate::time::rfc3339_millis;

/// An account, as administrators see it.
#[derive(Debug, Serialize, JsonSchema, ApiComponent)]
#[serde(rename_all = "camelCase")]
#[schemars(rename = "AdminUser")]
pub(crate) struct AdminUserView {
    #[serde(flatten)]
    user: UserView,
    /// Whether it may be used: `active`, `deactivated` or `deleted`.
    status: &'static str,
    /// When it was put out of use.
    deactivated_at: Option<String>,
    /// When it was deleted.
    deleted_at: Option<String>,
    /// When it will be gone for good.
    purge_at: Option<String>,
    /// Why it was deleted, in the words of the administrator; null where its owner did.
    deletion_reason: Option<String>,
    /// Until when nobody can sign in but on a known device, after too many failed.
    locked_until: Option<String>,
}

impl From<Overseen> for AdminUserView {
    fn from(overseen: Overseen) -> Self {
        let Overseen {
            account,
            locked_until,
        } = overseen;
        let status = AccountStatus::from(&account.standing).as_str();
        let (mut deactivated_at, mut deletion) = (None, None);
        match account.standing.clone() {
            Standing::Active => {}
            Standing::Deactivated { since } => deactivated_at = Some(since),
            Standing::Deleted(its) => deletion = Some(its),
        }
        let written = |at: Option<Timestamp>| at.map(rfc3339_millis);
        Self {
            user: account.into(),
            status,
            deactivated_at: written(deactivated_at),
            deleted_at: written(deletion.as_ref().map(|deletion| deletion.since)),
            purge_at: written(deletion.as_ref().map(|deletion| deletion.purge_at)),
            deletion_reason: deletion.and_then(|deletion| deletion.reason),
            locked_until: written(locked_until),
        }
    }
}
