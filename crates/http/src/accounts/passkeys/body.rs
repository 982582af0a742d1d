//! What the bodies with answers of devices have in common.

use apistos::ApiComponent;
use parlance_domain::accounts::{PasskeyAnswer, PasskeyName, PasskeysOff};
use parlance_domain::ids::{PasskeyChallengeId, PasskeyId};
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Map, Value};
use validator::{Validate, ValidationError};

use crate::error::{ApiError, ErrorCode};
use crate::extract::{check_form, complaint, parsed};

/// What a device answered to options.
#[derive(Deserialize, Validate, JsonSchema, ApiComponent)]
#[serde(rename_all = "camelCase")]
#[schemars(rename = "PasskeyAnswer", example = "example")]
pub(crate) struct AnswerBody {
    /// `challengeId` of the options.
    #[validate(required, custom(function = "check_id"))]
    #[schemars(required, with = "Option<uuid::Uuid>")]
    challenge_id: Option<String>,
    /// What `toJSON()` of the `PublicKeyCredential` yields.
    #[validate(required, custom(function = "check_credential"))]
    #[schemars(required)]
    credential: Option<Map<String, Value>>,
}

impl AnswerBody {
    /// The answer, read.
    pub(crate) fn answer(&self) -> Result<PasskeyAnswer, ApiError> {
        answer(self.challenge_id.as_deref(), self.credential.as_ref())
    }
}

fn example() -> Value {
    serde_json::json!({
        "challengeId": "019318ba-7c2c-7d7a-9c1e-3a5b6c7d8e9f",
        "credential": {
            "id": "Zm9vYmFyYmF6",
            "rawId": "Zm9vYmFyYmF6",
            "type": "public-key",
            "clientExtensionResults": {},
            "response": {
                "clientDataJSON": "eyJ0eXBlIjoid2ViYXV0aG4uZ2V0In0",
                "authenticatorData": "SZYN5YgOjGh0NBcPZHZgW4_krrmihjLHmVzzuoMdl2MFAAAAAQ",
                "signature": "MEUCIQDx",
                "userHandle": "AZMYunwsfXqcHjpbbH2Onw"
            }
        }
    })
}

/// The answer of a device to a challenge.
pub(super) fn answer(
    challenge: Option<&str>,
    credential: Option<&Map<String, Value>>,
) -> Result<PasskeyAnswer, ApiError> {
    let challenge: PasskeyChallengeId = challenge
        .unwrap_or_default()
        .parse()
        .map_err(|_| ApiError::invalid("challengeId", "format", "must be a UUID"))?;
    Ok(PasskeyAnswer {
        challenge,
        credential: Value::Object(credential.cloned().unwrap_or_default()),
    })
}

/// Checks the form of the id of a challenge.
pub(super) fn check_id(text: &str) -> Result<(), ValidationError> {
    check_form::<PasskeyChallengeId>(text).map_err(|_| complaint("format", "must be a UUID"))
}

/// Checks that there is something in a credential; what, is the concern of those who read it.
pub(super) fn check_credential(credential: &Map<String, Value>) -> Result<(), ValidationError> {
    if credential.is_empty() {
        Err(complaint("required", "is required"))
    } else {
        Ok(())
    }
}

/// The id of a passkey, out of a path.
pub(super) fn read_id(text: &str) -> Result<PasskeyId, ApiError> {
    text.parse()
        .map_err(|_| ApiError::invalid("id", "format", "must be a UUID"))
}

/// The name of a passkey.
pub(super) fn read_name(text: Option<&str>) -> Result<PasskeyName, ApiError> {
    parsed("name", text.unwrap_or_default())
}

/// The refusal where nobody said for which site passkeys are.
pub(crate) fn off(_: PasskeysOff) -> ApiError {
    ApiError::new(ErrorCode::PasskeysDisabled)
}
