//! The path parameters of administration.

use apistos::ApiComponent;
use parlance_domain::ids::UserId;
use schemars::JsonSchema;
use serde::Deserialize;
use validator::Validate;

use crate::error::ApiError;
use crate::fields::{Fault, Faults, user_id};

/// Names an account.
#[derive(Debug, Deserialize, JsonSchema, ApiComponent, Validate)]
pub(super) struct UserPath {
    /// The account's id, a UUID.
    #[schemars(example = "example_id")]
    id: String,
}

impl UserPath {
    /// The account's id.
    pub(super) fn read(&self) -> Result<UserId, ApiError> {
        const FAULT: Fault = Fault::new("format", "must be a UUID");
        user_id(&self.id, FAULT).map_err(|fault| Faults::single("id", fault))
    }
}

fn example_id() -> &'static str {
    "0197d1f0-3c5a-7b21-9f4e-2a6d8c1b5e70"
}
