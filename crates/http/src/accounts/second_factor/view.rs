//! What the routes of a second factor answer.

use apistos::ApiComponent;
use parlance_domain::accounts::{Enrolment, RecoveryCode, SecondFactorState};
use schemars::JsonSchema;
use secrecy::ExposeSecret;
use serde::Serialize;

use crate::time::rfc3339_millis;

/// How it stands with the second factor of the caller.
#[derive(Serialize, JsonSchema, ApiComponent)]
#[serde(rename_all = "camelCase")]
#[schemars(rename = "SecondFactor")]
pub(super) struct StateView {
    /// Whether a code is asked for.
    active: bool,
    /// Since when.
    active_since: Option<String>,
    /// How many recovery codes are left.
    recovery_codes_left: u32,
    /// Whether a role of the account calls for a second factor.
    required: bool,
}

impl From<SecondFactorState> for StateView {
    fn from(state: SecondFactorState) -> Self {
        let SecondFactorState {
            active_since,
            codes_left,
            required,
        } = state;
        Self {
            active: active_since.is_some(),
            active_since: active_since.map(rfc3339_millis),
            recovery_codes_left: codes_left,
            required,
        }
    }
}

/// What an authenticator is told, once.
#[derive(Serialize, JsonSchema, ApiComponent)]
#[serde(rename_all = "camelCase")]
#[schemars(rename = "TotpEnrolment")]
pub(super) struct EnrolmentView {
    /// The secret in base32, for those who type it.
    secret: String,
    /// The same with the names, to be shown as a QR code: `otpauth://totp/…`.
    otpauth_uri: String,
}

impl From<&Enrolment> for EnrolmentView {
    fn from(enrolment: &Enrolment) -> Self {
        let Enrolment { secret, uri } = enrolment;
        Self {
            secret: secret.expose_secret().to_owned(),
            otpauth_uri: uri.expose_secret().to_owned(),
        }
    }
}

/// The recovery codes, which nobody will be told again.
#[derive(Serialize, JsonSchema, ApiComponent)]
#[serde(rename_all = "camelCase")]
#[schemars(rename = "RecoveryCodes")]
pub(super) struct CodesView {
    /// Ten codes, each good once in the place of one of the authenticator.
    recovery_codes: Vec<String>,
}

impl From<&[RecoveryCode]> for CodesView {
    fn from(codes: &[RecoveryCode]) -> Self {
        let codes = codes.iter().map(|code| code.text().expose_secret().to_owned());
        Self {
            recovery_codes: codes.collect(),
        }
    }
}
