//! The ceremonies, conducted by `webauthn-rs`.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use parlance_domain::accounts::{
    Asserted, Begun, CeremonyError, CeremonyState, Claim, CredentialId, PasskeyCeremonies, PasskeyCredential,
    PasskeyOwner,
};
use parlance_domain::ids::UserId;
use parlance_domain::port::{PortError, PortErrorKind};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use webauthn_rs::prelude::{
    DiscoverableAuthentication, Passkey, PasskeyRegistration, PublicKeyCredential,
    RegisterPublicKeyCredential, WebauthnError,
};
use webauthn_rs::{Webauthn, WebauthnBuilder};

use crate::{Site, SiteError};

const PORT: &str = "PasskeyCeremonies";

/// The ceremonies of `WebAuthn` for one site.
#[derive(Debug)]
pub struct WebauthnCeremonies {
    webauthn: Webauthn,
}

impl WebauthnCeremonies {
    /// The ceremonies of this site.
    pub fn new(site: &Site) -> Result<Self, SiteError> {
        site.check()?;
        let wrong = |_| SiteError::Id(site.id.clone());
        let builder = WebauthnBuilder::new(&site.id, site.page()?).map_err(wrong)?;
        let builder = builder.rp_name(&site.name).allow_any_port(site.any_port);
        let builder = site
            .origins
            .iter()
            .fold(builder, WebauthnBuilder::append_allowed_origin);
        Ok(Self {
            webauthn: builder.build().map_err(wrong)?,
        })
    }
}

impl PasskeyCeremonies for WebauthnCeremonies {
    fn begin_registration(
        &self,
        owner: &PasskeyOwner,
        excluded: &[CredentialId],
    ) -> Result<Begun, PortError> {
        // The devices that have a passkey are named to the browser alone: what is kept of a ceremony is nobody's.
        let (options, state) = self
            .webauthn
            .start_passkey_registration(owner.user_id.0, &owner.name, &owner.display_name, None)
            .map_err(unexpected)?;
        let mut begun = begun(&options.public_key, &state)?;
        let excluded = excluded.iter().map(|id| {
            let id = URL_SAFE_NO_PAD.encode(id.as_bytes());
            json!({ "type": "public-key", "id": id })
        });
        begun.options["excludeCredentials"] = excluded.collect();
        // The device is to find it without being told whose it is.
        begun.options["authenticatorSelection"]["residentKey"] = "required".into();
        begun.options["authenticatorSelection"]["requireResidentKey"] = true.into();
        Ok(begun)
    }

    fn finish_registration(
        &self,
        state: &CeremonyState,
        answer: &Value,
    ) -> Result<PasskeyCredential, CeremonyError> {
        let state: PasskeyRegistration = kept(&state.0)?;
        let answer: RegisterPublicKeyCredential = answered(answer)?;
        let passkey = self.webauthn.finish_passkey_registration(&answer, &state);
        let passkey = passkey.map_err(|error| refuse(&error))?;
        Ok(PasskeyCredential {
            id: CredentialId::new(passkey.cred_id().clone()).ok_or(CeremonyError::Refused)?,
            public_key: text(&passkey)?,
        })
    }

    fn begin_assertion(&self) -> Result<Begun, PortError> {
        let started = self.webauthn.start_discoverable_authentication();
        let (options, state) = started.map_err(unexpected)?;
        begun(&options.public_key, &state)
    }

    fn claim(&self, answer: &Value) -> Result<Claim, CeremonyError> {
        let answer: PublicKeyCredential = answered(answer)?;
        let claimed = self.webauthn.identify_discoverable_authentication(&answer);
        let (user, credential) = claimed.map_err(|error| refuse(&error))?;
        Ok(Claim {
            user_id: UserId(user),
            credential: CredentialId::new(credential.to_vec()).ok_or(CeremonyError::Refused)?,
        })
    }

    fn finish_assertion(
        &self,
        state: &CeremonyState,
        answer: &Value,
        credential: &PasskeyCredential,
    ) -> Result<Asserted, CeremonyError> {
        let state: DiscoverableAuthentication = kept(&state.0)?;
        let passkey: Passkey = kept(&credential.public_key)?;
        let answer: PublicKeyCredential = answered(answer)?;
        if is_framed(&answer.response.client_data_json) {
            return Err(CeremonyError::Refused);
        }
        let finished = self
            .webauthn
            .finish_discoverable_authentication_v2(&answer, state, &passkey);
        let result = finished.map_err(|error| refuse(&error))?;
        if !result.user_verified() {
            return Err(CeremonyError::Refused);
        }
        Ok(Asserted {
            counter: result.counter(),
        })
    }
}

/// Whether a page of another site showed the page that asked, which the library looks at in registrations alone.
fn is_framed(client_data: &[u8]) -> bool {
    let client_data: Option<Value> = serde_json::from_slice(client_data).ok();
    client_data.is_some_and(|client_data| client_data["crossOrigin"] == true)
}

fn begun(options: &impl Serialize, state: &impl Serialize) -> Result<Begun, PortError> {
    Ok(Begun {
        options: serde_json::to_value(options).map_err(unexpected)?,
        state: CeremonyState(text(state)?),
    })
}

fn text(value: &impl Serialize) -> Result<String, PortError> {
    serde_json::to_string(value).map_err(unexpected)
}

/// What was kept by an earlier call.
fn kept<T: DeserializeOwned>(text: &str) -> Result<T, PortError> {
    serde_json::from_str(text).map_err(|error| PortError::corrupt(PORT, error))
}

/// What a browser sent.
fn answered<T: DeserializeOwned>(answer: &Value) -> Result<T, CeremonyError> {
    T::deserialize(answer).map_err(|_| CeremonyError::Refused)
}

fn unexpected(error: impl std::error::Error + Send + Sync + 'static) -> PortError {
    PortError::new(PORT, PortErrorKind::Unexpected, error)
}

fn refuse(error: &WebauthnError) -> CeremonyError {
    match error {
        WebauthnError::CredentialPossibleCompromise => CeremonyError::WentBack,
        _ => CeremonyError::Refused,
    }
}
