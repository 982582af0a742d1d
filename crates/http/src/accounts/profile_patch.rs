//! `PATCH /users/me`

use std::fmt::Display;
use std::str::FromStr;

use apistos::{ApiComponent, api_operation};
use parlance_domain::accounts::{CefrLevel, DisplayName, LanguageTag, Patch, ProfileError, ProfilePatch};
use parlance_domain::time::TimeZone;
use schemars::JsonSchema;
use serde::Deserialize;
use validator::{Validate, ValidationErrors};

use super::view::UserView;
use crate::error::{ApiError, ErrorCode};
use crate::extract::{ApiJson, Arrival, Merge, Writer, check_form, parsed};
use crate::reply::Reply;
use crate::state::State;

/// The change of a profile, as a JSON Merge Patch: what is absent stays, what is null is taken away.
#[derive(Deserialize, JsonSchema, ApiComponent)]
#[serde(rename_all = "camelCase", default)]
#[schemars(rename = "ProfilePatch", example = "example")]
#[derive(Default)]
pub(crate) struct Body {
    /// What others see.
    #[schemars(length(min = 1, max = 100))]
    display_name: Merge<String>,
    /// The language the caller speaks, a BCP 47 tag.
    #[schemars(length(max = 35))]
    native_language: Merge<String>,
    /// The language the caller learns, a BCP 47 tag.
    #[schemars(length(max = 35))]
    target_language: Merge<String>,
    /// How well the caller knows it: A1 to C2.
    #[schemars(regex(pattern = "^(A1|A2|B1|B2|C1|C2)$"))]
    proficiency_level: Merge<String>,
    /// Where the caller's days begin and end, an IANA name; null is UTC.
    time_zone: Merge<String>,
}

fn example() -> serde_json::Value {
    serde_json::json!({ "targetLanguage": "zh-CN", "proficiencyLevel": "A2", "timeZone": "Europe/Vienna" })
}

/// By hand, because a member may also be null.
impl Validate for Body {
    fn validate(&self) -> Result<(), ValidationErrors> {
        let mut errors = ValidationErrors::new();
        check::<DisplayName>(&mut errors, "displayName", &self.display_name);
        check::<LanguageTag>(&mut errors, "nativeLanguage", &self.native_language);
        check::<LanguageTag>(&mut errors, "targetLanguage", &self.target_language);
        check::<CefrLevel>(&mut errors, "proficiencyLevel", &self.proficiency_level);
        check::<TimeZone>(&mut errors, "timeZone", &self.time_zone);
        if errors.is_empty() { Ok(()) } else { Err(errors) }
    }
}

fn check<T: FromStr<Err: Display>>(
    errors: &mut ValidationErrors,
    field: &'static str,
    value: &Merge<String>,
) {
    if let Merge::Value(text) = value
        && let Err(error) = check_form::<T>(text)
    {
        errors.add(field, error);
    }
}

/// Changes the profile of the caller.
///
/// Takes `application/json` and `application/merge-patch+json`. What the server owns (`id`, `roles`,
/// `isPremium`, …) is ignored.
#[api_operation(tag = "accounts", operation_id = "updateProfile")]
pub(crate) async fn handler(
    state: State,
    caller: Writer,
    arrival: Arrival,
    body: ApiJson<Body>,
) -> Result<Reply<UserView>, ApiError> {
    let patch = patch(&body.0)?;
    let account = state
        .services
        .accounts
        .update_profile(caller.user_id(), patch, &arrival.0)
        .await
        .map_err(refuse)?;
    Reply::private(&UserView::from(account))
}

fn patch(body: &Body) -> Result<ProfilePatch, ApiError> {
    Ok(ProfilePatch {
        display_name: member("displayName", &body.display_name)?,
        native_language: member("nativeLanguage", &body.native_language)?,
        target_language: member("targetLanguage", &body.target_language)?,
        proficiency_level: member("proficiencyLevel", &body.proficiency_level)?,
        time_zone: member("timeZone", &body.time_zone)?,
    })
}

fn member<T: FromStr<Err: Display>>(field: &str, value: &Merge<String>) -> Result<Patch<T>, ApiError> {
    Ok(match value {
        Merge::Absent => Patch::Keep,
        Merge::Null => Patch::Clear,
        Merge::Value(text) => Patch::Set(parsed(field, text)?),
    })
}

fn refuse(error: ProfileError) -> ApiError {
    match error {
        ProfileError::NotFound => ApiError::token(ErrorCode::Unauthorized),
        ProfileError::Conflict => ApiError::new(ErrorCode::Unavailable),
        ProfileError::Port(error) => ApiError::port(error),
    }
}
