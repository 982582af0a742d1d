//! Codes: each good once, for who asked for it, with the verifier of its challenge (RFC 6749, RFC 7636).

use std::collections::BTreeMap;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use sha2::{Digest, Sha256};

use super::{FakeOpenId, OpenIdPerson};

/// What a code was asked for with.
#[derive(Clone)]
pub(super) struct Asked {
    pub(super) redirect_uri: String,
    pub(super) nonce: Option<String>,
    pub(super) challenge: String,
    pub(super) person: OpenIdPerson,
}

/// The codes that are good.
#[derive(Default)]
pub(super) struct Codes {
    given: u32,
    good: BTreeMap<String, Asked>,
}

type Form = BTreeMap<String, String>;

impl Codes {
    /// A new code, if it is asked for as it must be.
    pub(super) fn give(&mut self, query: &Form, person: &OpenIdPerson) -> Option<(String, String)> {
        let of = |name: &str| query.get(name).map(String::as_str);
        let scopes: Vec<&str> = of("scope")?.split(' ').collect();
        let fits = of("response_type") == Some("code")
            && of("client_id") == Some(FakeOpenId::CLIENT_ID)
            && of("code_challenge_method") == Some("S256")
            && of("state").is_some_and(|state| !state.is_empty())
            && scopes.contains(&"openid")
            && scopes.contains(&"email");
        if !fits {
            return None;
        }
        let asked = Asked {
            redirect_uri: of("redirect_uri")?.to_owned(),
            nonce: of("nonce").map(str::to_owned),
            challenge: of("code_challenge")?.to_owned(),
            person: person.clone(),
        };
        self.given += 1;
        let (code, redirect) = (format!("code-{}", self.given), asked.redirect_uri.clone());
        self.good.insert(code.clone(), asked);
        Some((code, redirect))
    }

    /// Takes a code in return for a token, if it is brought as it must be.
    pub(super) fn take(&mut self, form: &Form) -> Option<Asked> {
        let asked = self.good.remove(form.get("code")?)?;
        let challenge = URL_SAFE_NO_PAD.encode(Sha256::digest(form.get("code_verifier")?));
        let fits = form.get("grant_type").map(String::as_str) == Some("authorization_code")
            && form.get("redirect_uri") == Some(&asked.redirect_uri)
            && challenge == asked.challenge;
        fits.then_some(asked)
    }
}
