//! A device that holds passkeys, as software: what a browser and its authenticator do together (`WebAuthn` Level 3).
//!
//! It answers with `none` attestation and ES256. Whatever an attacker could change of an answer is a member of
//! [`Behaviour`].

use std::sync::atomic::{AtomicU32, Ordering};

use anyhow::Context;
use aws_lc_rs::digest::{SHA256, digest};
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{ECDSA_P256_SHA256_ASN1_SIGNING, EcdsaKeyPair, KeyPair};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};

const USER_PRESENT: u8 = 1;
const USER_VERIFIED: u8 = 1 << 2;
const ATTESTED: u8 = 1 << 6;
const ID_BYTES: usize = 32;

/// A passkey, with its private half.
pub struct SoftPasskey {
    id: [u8; ID_BYTES],
    key: EcdsaKeyPair,
    user_handle: Vec<u8>,
    counter: AtomicU32,
}

/// How a device behaves.
#[derive(Debug, Clone)]
pub struct Behaviour {
    /// The origin of the page that asks.
    pub origin: String,
    /// The site that the device signs for; `None` for the one that is asked for.
    pub rp_id: Option<String>,
    /// Whether it makes sure who uses it.
    pub verifies: bool,
    /// Whether a page of another site shows the page that asks.
    pub framed: bool,
    /// What it counts; `None` for one more each time.
    pub counter: Option<u32>,
    /// The user that it says the passkey is of; `None` for the one that it was made for.
    pub user_handle: Option<Vec<u8>>,
}

impl Behaviour {
    /// An honest device, on a page of this origin.
    pub fn honest(origin: &str) -> Self {
        Self {
            origin: origin.to_owned(),
            rp_id: None,
            verifies: true,
            framed: false,
            counter: None,
            user_handle: None,
        }
    }

    fn client_data(&self, kind: &str, challenge: &Value) -> Vec<u8> {
        let data = json!({
            "type": kind,
            "challenge": challenge,
            "origin": self.origin,
            "crossOrigin": self.framed,
        });
        data.to_string().into_bytes()
    }

    /// `rpIdHash ‖ flags ‖ signCount`.
    fn authenticator_data(&self, rp_id: &str, flags: u8, counter: u32) -> Vec<u8> {
        let rp_id = self.rp_id.as_deref().unwrap_or(rp_id);
        let verified = if self.verifies { USER_VERIFIED } else { 0 };
        let mut data = digest(&SHA256, rp_id.as_bytes()).as_ref().to_vec();
        data.push(flags | USER_PRESENT | verified);
        data.extend_from_slice(&counter.to_be_bytes());
        data
    }
}

impl SoftPasskey {
    /// Makes a passkey by creation options; gives it with the answer, the JSON form of `PublicKeyCredential`.
    pub fn create(options: &Value, behaviour: &Behaviour) -> anyhow::Result<(Self, Value)> {
        let rp_id = options["rp"]["id"].as_str().context("no id of a site")?;
        let user_handle = decoded(&options["user"]["id"])?;
        let key = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_ASN1_SIGNING)?;
        let mut id = [0; ID_BYTES];
        aws_lc_rs::rand::fill(&mut id)?;
        let counter = behaviour.counter.unwrap_or_default();
        let mut data = behaviour.authenticator_data(rp_id, ATTESTED, counter);
        data.extend_from_slice(&[0; 16]);
        data.extend_from_slice(&u16::try_from(ID_BYTES)?.to_be_bytes());
        data.extend_from_slice(&id);
        data.extend_from_slice(&cose_key(key.public_key().as_ref())?);
        let answer = json!({
            "id": encoded(&id),
            "rawId": encoded(&id),
            "type": "public-key",
            "authenticatorAttachment": "platform",
            "clientExtensionResults": { "credProps": { "rk": true } },
            "response": {
                "clientDataJSON": encoded(&behaviour.client_data("webauthn.create", &options["challenge"])),
                "attestationObject": encoded(&attestation_object(&data)?),
                "transports": ["internal"],
            },
        });
        let passkey = Self {
            id,
            key,
            user_handle,
            counter: AtomicU32::new(counter),
        };
        Ok((passkey, answer))
    }

    /// Answers request options with the JSON form of `PublicKeyCredential`.
    pub fn get(&self, options: &Value, behaviour: &Behaviour) -> anyhow::Result<Value> {
        let rp_id = options["rpId"].as_str().context("no id of a site")?;
        let next = self.counter.fetch_add(1, Ordering::Relaxed) + 1;
        let data = behaviour.authenticator_data(rp_id, 0, behaviour.counter.unwrap_or(next));
        let client_data = behaviour.client_data("webauthn.get", &options["challenge"]);
        let mut signed = data.clone();
        signed.extend_from_slice(digest(&SHA256, &client_data).as_ref());
        let signature = self.key.sign(&SystemRandom::new(), &signed)?;
        let user_handle = behaviour.user_handle.as_deref().unwrap_or(&self.user_handle);
        Ok(json!({
            "id": self.id(),
            "rawId": self.id(),
            "type": "public-key",
            "authenticatorAttachment": "platform",
            "clientExtensionResults": {},
            "response": {
                "clientDataJSON": encoded(&client_data),
                "authenticatorData": encoded(&data),
                "signature": encoded(signature.as_ref()),
                "userHandle": encoded(user_handle),
            },
        }))
    }

    /// Its id, as options and answers have it.
    pub fn id(&self) -> String {
        encoded(&self.id)
    }
}

/// The COSE key of an uncompressed point of P-256, for ES256.
fn cose_key(point: &[u8]) -> anyhow::Result<Vec<u8>> {
    let (x, y) = point
        .strip_prefix(&[4])
        .and_then(|point| point.split_at_checked(32))
        .filter(|(_, y)| y.len() == 32)
        .context("no uncompressed point")?;
    // {1: 2, 3: -7, -1: 1, -2: x, -3: y}
    let mut key = vec![0xa5, 0x01, 0x02, 0x03, 0x26, 0x20, 0x01, 0x21, 0x58, 32];
    key.extend_from_slice(x);
    key.extend_from_slice(&[0x22, 0x58, 32]);
    key.extend_from_slice(y);
    Ok(key)
}

/// `{"fmt": "none", "attStmt": {}, "authData": …}` in CBOR.
fn attestation_object(data: &[u8]) -> anyhow::Result<Vec<u8>> {
    let mut object = vec![0xa3];
    object.extend_from_slice(b"\x63fmt\x64none");
    object.extend_from_slice(b"\x67attStmt\xa0");
    object.extend_from_slice(b"\x68authData\x58");
    object.push(u8::try_from(data.len())?);
    object.extend_from_slice(data);
    Ok(object)
}

fn encoded(bytes: &[u8]) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

fn decoded(text: &Value) -> anyhow::Result<Vec<u8>> {
    let text = text.as_str().context("no text")?;
    Ok(URL_SAFE_NO_PAD.decode(text)?)
}
