//! What a stored password hash is made of, and the work of making and comparing one.

use std::hint::black_box;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bcrypt::{BcryptError, HashParts};
use hmac::digest::{Key, KeyInit};
use hmac::{Hmac, Mac};
use parlance_domain::accounts::{Password, PasswordHash};
use secrecy::{ExposeSecret, SecretString};
use sha2::Sha256;

/// Marks a hash of the present scheme.
const VERSION_1: &str = "v1$";
/// What begins a hash of bcrypt alone. `$2x$` marks those of a defective implementation: not verifiable.
const PLAIN: [&str; 3] = ["$2a$", "$2b$", "$2y$"];
/// The key of the HMAC. It need not be secret: it keeps the input apart from other uses of SHA-256, so
/// that unsalted hashes stolen elsewhere cannot be tried as passwords here.
const LABEL: &[u8] = b"parlance password v1";
/// A stored hash of a higher cost would keep a core busy for a minute and more: nobody made it in earnest.
const MAX_STORED_COST: u32 = 18;

/// What came of comparing a password with a stored hash.
#[derive(Debug)]
pub(super) enum Verdict {
    /// It is the password.
    Match,
    /// It is the password, and this is its hash in the present scheme.
    Outdated(PasswordHash),
    /// It is not the password.
    Mismatch,
    /// Nobody can tell.
    Unreadable,
}

/// One go at bcrypt, which counts its rounds.
pub(super) struct Work {
    cost: u32,
    rounds: u64,
}

/// A stored hash, read.
struct Stored<'a> {
    bcrypt: &'a str,
    cost: u32,
    is_plain: bool,
}

impl<'a> Stored<'a> {
    fn read(hash: &'a PasswordHash) -> Option<Self> {
        let text = hash.as_str();
        let bcrypt = text.strip_prefix(VERSION_1).unwrap_or(text);
        if !PLAIN.iter().any(|prefix| bcrypt.starts_with(prefix)) {
            return None;
        }
        let cost = bcrypt.parse::<HashParts>().ok()?.get_cost();
        (4..=MAX_STORED_COST).contains(&cost).then_some(Self {
            bcrypt,
            cost,
            is_plain: bcrypt.len() == text.len(),
        })
    }
}

impl Work {
    pub(super) fn new(cost: u32) -> Self {
        Self { cost, rounds: 0 }
    }

    /// How many rounds of bcrypt were done.
    pub(super) fn rounds(&self) -> u64 {
        self.rounds
    }

    /// Hashes a password in the present scheme.
    pub(super) fn hash(&mut self, password: &Password) -> Result<PasswordHash, BcryptError> {
        self.count(self.cost);
        let hash = bcrypt::non_truncating_hash(condensed(password).expose_secret(), self.cost)?;
        Ok(PasswordHash::from_stored(format!("{VERSION_1}{hash}")))
    }

    /// Compares a password with a stored hash. A refusal costs the same, whatever is stored.
    pub(super) fn verify(
        &mut self,
        password: &Password,
        hash: Option<&PasswordHash>,
    ) -> Result<Verdict, BcryptError> {
        let Some(hash) = hash else {
            self.in_vain(password, self.cost)?;
            return Ok(Verdict::Mismatch);
        };
        let Some(stored) = Stored::read(hash) else {
            self.in_vain(password, self.cost)?;
            return Ok(Verdict::Unreadable);
        };
        if !self.matches(password, &stored)? {
            self.make_up_for(password, stored.cost)?;
            return Ok(Verdict::Mismatch);
        }
        if stored.is_plain || stored.cost != self.cost {
            return Ok(Verdict::Outdated(self.hash(password)?));
        }
        Ok(Verdict::Match)
    }

    fn matches(&mut self, password: &Password, stored: &Stored<'_>) -> Result<bool, BcryptError> {
        self.count(stored.cost);
        if stored.is_plain {
            // Cut at 72 bytes, as it was when the hash was made.
            bcrypt::verify(password.expose(), stored.bcrypt)
        } else {
            bcrypt::non_truncating_verify(condensed(password).expose_secret(), stored.bcrypt)
        }
    }

    /// Adds the work by which a comparison at a lower cost was too quick: 2ᵃ + (2ᵃ + 2ᵃ⁺¹ + … + 2ᶜ⁻¹) = 2ᶜ.
    fn make_up_for(&mut self, password: &Password, stored_cost: u32) -> Result<(), BcryptError> {
        (stored_cost..self.cost).try_for_each(|cost| self.in_vain(password, cost))
    }

    /// Does the work of one evaluation for nothing.
    fn in_vain(&mut self, password: &Password, cost: u32) -> Result<(), BcryptError> {
        self.count(cost);
        let decoy = bcrypt::hash_with_salt(condensed(password).expose_secret(), cost, [0; 16])?;
        black_box(decoy);
        Ok(())
    }

    fn count(&mut self, cost: u32) {
        self.rounds += 1_u64.checked_shl(cost).unwrap_or(0);
    }
}

/// The password as 44 characters, each bit of which depends on all of it.
fn condensed(password: &Password) -> SecretString {
    let mut key = Key::<Hmac<Sha256>>::default();
    key[..LABEL.len()].copy_from_slice(LABEL);
    let mac = <Hmac<Sha256> as KeyInit>::new(&key).chain_update(password.expose());
    STANDARD.encode(mac.finalize().into_bytes()).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_scheme_is_written_down() {
        // Computed with Python's hmac, hashlib and base64.
        let password = Password::parse("correct Horse 1").unwrap();
        assert_eq!(
            condensed(&password).expose_secret(),
            "bKevXESLWbtM7ZaKVcr1OXgo7NiU7hI1JDeNsNt9HDM="
        );
    }
}
