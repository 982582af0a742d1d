//! A device with a passkey, as a learner has it at hand.

use parlance_testbed::{Behaviour, SoftPasskey};
use serde_json::{Value, json};

use super::{Answer, TestApp, TestUser};

/// The origin of the page that a learner uses passkeys on.
const ORIGIN: &str = "http://localhost:5173";

const PASSKEYS: &str = "/api/v1/users/me/passkeys";
const OPTIONS: &str = "/api/v1/users/me/passkeys/options";
const SIGN_IN: &str = "/api/v1/auth/passkeys";
const SIGN_IN_OPTIONS: &str = "/api/v1/auth/passkeys/options";

/// A device with a passkey.
pub(crate) struct PasskeyDevice {
    passkey: SoftPasskey,
    /// The id that the server gave the passkey.
    pub(crate) id: String,
}

/// An honest device on the usual page.
pub(crate) fn honest() -> Behaviour {
    Behaviour::honest(ORIGIN)
}

impl PasskeyDevice {
    /// Makes a passkey for somebody who showed lately who they are.
    pub(crate) async fn add(user: &TestUser) -> Self {
        Self::add_as(user, &honest()).await
    }

    /// The same, with a device that behaves like this.
    pub(crate) async fn add_as(user: &TestUser, behaviour: &Behaviour) -> Self {
        let options = user.post_empty(OPTIONS).await.expect(200).json();
        let (passkey, body) = Self::make(&options, behaviour);
        let added = user.post(PASSKEYS, &body).await.expect(201).json();
        Self {
            passkey,
            id: added["id"].as_str().unwrap().to_owned(),
        }
    }

    /// Makes a passkey by these options; gives it with the body to be sent.
    pub(crate) fn make(options: &Value, behaviour: &Behaviour) -> (SoftPasskey, Value) {
        let (passkey, credential) = SoftPasskey::create(&options["publicKey"], behaviour).unwrap();
        let body = json!({
            "name": "Phone",
            "challengeId": options["challengeId"],
            "credential": credential,
        });
        (passkey, body)
    }

    /// Answers options of a sign-in.
    pub(crate) fn answer(&self, options: &Value, behaviour: &Behaviour) -> Value {
        let credential = self.passkey.get(&options["publicKey"], behaviour).unwrap();
        json!({ "challengeId": options["challengeId"], "credential": credential })
    }

    /// Asks for options and answers them.
    pub(crate) async fn answer_at(&self, app: &TestApp, behaviour: &Behaviour) -> Value {
        self.answer(&sign_in_options(app).await, behaviour)
    }

    /// Signs in, behaving like this.
    pub(crate) async fn sign_in_as(&self, app: &TestApp, behaviour: &Behaviour) -> Answer {
        let body = self.answer_at(app, behaviour).await;
        app.post(SIGN_IN, &body).await
    }

    /// Signs in.
    pub(crate) async fn sign_in(&self, app: &TestApp) -> Answer {
        self.sign_in_as(app, &honest()).await
    }

    /// What the device calls the passkey.
    pub(crate) fn credential_id(&self) -> String {
        self.passkey.id()
    }
}

/// What a device needs to show who uses it.
pub(crate) async fn sign_in_options(app: &TestApp) -> Value {
    app.post(SIGN_IN_OPTIONS, &json!({})).await.expect(200).json()
}
