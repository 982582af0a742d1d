//! An authenticator, as a learner has it on a phone.

use std::sync::Arc;

use parlance_domain::time::Clock;
use serde_json::{Value, json};
use totp_rs::{Builder, Secret, Totp};

use super::TestUser;

const TOTP: &str = "/api/v1/users/me/second-factor/totp";
const CONFIRM: &str = "/api/v1/users/me/second-factor/totp/confirm";
const STEP_SECONDS: i64 = 30;

/// An authenticator that shares a secret with the server, and the recovery codes that went with it.
pub(crate) struct Authenticator {
    totp: Totp,
    clock: Arc<dyn Clock>,
    /// The recovery codes.
    pub(crate) recovery_codes: Vec<String>,
}

impl Authenticator {
    /// Scans a secret, of which nothing is confirmed yet.
    pub(crate) async fn begin(user: &TestUser, clock: Arc<dyn Clock>) -> Self {
        let begun = user.post_empty(TOTP).await.expect(200).json();
        let secret = Secret::try_from_base32(begun["secret"].as_str().unwrap()).unwrap();
        Self {
            totp: Builder::new().with_secret(secret).build_noncompliant(),
            clock,
            recovery_codes: Vec::new(),
        }
    }

    /// Becomes the second factor of somebody who signed in lately; uses up the present code.
    pub(crate) async fn set_up(user: &TestUser, clock: Arc<dyn Clock>) -> Self {
        let mut authenticator = Self::begin(user, clock).await;
        let body = json!({ "code": authenticator.code() });
        let confirmed = user.post(CONFIRM, &body).await.expect(200).json();
        authenticator.recovery_codes = codes(&confirmed);
        authenticator
    }

    /// The code that it shows.
    pub(crate) fn code(&self) -> String {
        self.code_in(0)
    }

    /// The code that it will show so many steps later, or showed before.
    pub(crate) fn code_in(&self, steps: i64) -> String {
        let seconds = self.clock.now().timestamp() + steps * STEP_SECONDS;
        self.totp.generate(u64::try_from(seconds).unwrap()).to_string()
    }

    /// A code that is none of those it shows about now.
    pub(crate) fn wrong_code(&self) -> String {
        let right: Vec<String> = (-2..=2).map(|steps| self.code_in(steps)).collect();
        let wrong = (0..).map(|number| format!("{number:06}"));
        wrong.into_iter().find(|code| !right.contains(code)).unwrap()
    }
}

/// The recovery codes of an answer.
pub(crate) fn codes(answer: &Value) -> Vec<String> {
    let codes = answer["recoveryCodes"].as_array().unwrap();
    codes
        .iter()
        .map(|code| code.as_str().unwrap().to_owned())
        .collect()
}
