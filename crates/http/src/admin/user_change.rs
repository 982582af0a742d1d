//! `PATCH /admin/users/{id}`

use apistos::{ApiComponent, api_operation};
use parlance_domain::accounts::{Role, Roles};
use parlance_domain::admin::{AccountOrder, Reason};
use schemars::JsonSchema;
use serde::Deserialize;
use validator::{Validate, ValidationErrors};

use super::params::UserPath;
use super::view::AdminUserView;
use super::{authority, refuse};
use crate::error::ApiError;
use crate::extract::{
    Admin, ApiJson, ApiPath, Arrival, Merge, check_form, complaint, parsed, require_recent,
};
use crate::reply::Reply;
use crate::state::State;

/// The change of an account, as a JSON Merge Patch: what is absent stays; nothing can be null.
#[derive(Deserialize, JsonSchema, ApiComponent, Default)]
#[serde(rename_all = "camelCase", default)]
#[schemars(rename = "AdminUserPatch", example = "example")]
pub(super) struct Body {
    /// All its roles: `user`, which it keeps in any case, and `admin`.
    roles: Merge<Vec<String>>,
    /// Whether it may be used.
    active: Merge<bool>,
    /// Whether its owner pays.
    is_premium: Merge<bool>,
    /// True ends a lock after too many failed sign-ins.
    unlock: Merge<bool>,
    /// True takes its second factor away and ends all its sessions; wants a reason, and that the caller showed lately who
    /// they are.
    reset_second_factor: Merge<bool>,
    /// Why, for the audit log.
    #[schemars(length(min = 1, max = 500))]
    reason: Merge<String>,
}

fn example() -> serde_json::Value {
    serde_json::json!({ "roles": ["user", "admin"], "reason": "Looks after the school in Graz" })
}

/// By hand, because a member may be null, which is another mistake than a wrong type.
impl Validate for Body {
    fn validate(&self) -> Result<(), ValidationErrors> {
        let mut errors = ValidationErrors::new();
        check(&mut errors, "roles", &self.roles, |roles| {
            let bad = roles.iter().find_map(|role| role.parse::<Role>().err());
            bad.map(|error| complaint("format", format_args!("{error}: must be among user and admin")))
        });
        check(&mut errors, "active", &self.active, |_| None);
        check(&mut errors, "isPremium", &self.is_premium, |_| None);
        check(&mut errors, "unlock", &self.unlock, |unlock| {
            (!unlock).then(|| complaint("range", "must be true: nobody is locked by hand"))
        });
        check(
            &mut errors,
            "resetSecondFactor",
            &self.reset_second_factor,
            |reset| (!reset).then(|| complaint("range", "must be true: its owner alone sets one up")),
        );
        if matches!(
            (&self.reset_second_factor, &self.reason),
            (Merge::Value(true), Merge::Absent)
        ) {
            errors.add("reason", complaint("required", "is required"));
        }
        check(&mut errors, "reason", &self.reason, |reason| {
            check_form::<Reason>(reason).err()
        });
        if errors.is_empty() { Ok(()) } else { Err(errors) }
    }
}

fn check<T>(
    errors: &mut ValidationErrors,
    field: &'static str,
    value: &Merge<T>,
    complain: impl Fn(&T) -> Option<validator::ValidationError>,
) {
    let error = match value {
        Merge::Absent => None,
        Merge::Null => Some(complaint("type", "must not be null")),
        Merge::Value(value) => complain(value),
    };
    if let Some(error) = error {
        errors.add(field, error);
    }
}

/// Changes the roles of an account, whether it may be used, and whether its owner pays; ends a lock, and takes a second
/// factor away.
///
/// For administrators. Takes `application/json` and `application/merge-patch+json`. When its roles change or it goes out
/// of use, all its sessions end, on every copy of the server within a second. The last administrator stays one.
#[api_operation(tag = "administration", operation_id = "updateUser")]
pub(super) async fn handler(
    admin: Admin,
    ApiPath(path): ApiPath<UserPath>,
    arrival: Arrival,
    state: State,
    ApiJson(body): ApiJson<Body>,
) -> Result<Reply<AdminUserView>, ApiError> {
    let id = path.read()?;
    let order = order(body)?;
    if order.reset_second_factor {
        require_recent(&state, &admin.0).await?;
    }
    let by = authority(&admin.0, arrival);
    let changed = state.services.administration.change(id, &order, &by).await;
    Reply::private(&AdminUserView::from(changed.map_err(refuse)?))
}

fn order(body: Body) -> Result<AccountOrder, ApiError> {
    let Body {
        roles,
        active,
        is_premium,
        unlock,
        reset_second_factor,
        reason,
    } = body;
    let roles = value(roles).map(|roles| {
        let roles = roles.iter().map(|role| parsed::<Role>("roles", role));
        roles.collect::<Result<Roles, _>>()
    });
    let reason = value(reason).map(|reason| parsed("reason", &reason));
    Ok(AccountOrder {
        roles: roles.transpose()?,
        active: value(active),
        is_premium: value(is_premium),
        unlock: value(unlock).unwrap_or_default(),
        reset_second_factor: value(reset_second_factor).unwrap_or_default(),
        reason: reason.transpose()?,
    })
}

fn value<T>(member: Merge<T>) -> Option<T> {
    match member {
        Merge::Absent | Merge::Null => None,
        Merge::Value(value) => Some(value),
    }
}
