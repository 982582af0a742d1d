//! Passwords hashed by bcrypt, off the threads that answer requests, a bounded number at a time.

mod gate;
mod scheme;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use async_trait::async_trait;
use bcrypt::BcryptError;
use parlance_domain::accounts::{
    HashingRoom, Password, PasswordHash, PasswordHasher, PasswordHasherError, Verification,
};
use parlance_domain::port::{PortError, PortErrorKind};

use self::gate::Gate;
use self::scheme::{Verdict, Work};

/// How passwords are hashed, and how many at a time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BcryptConfig {
    /// The base-2 logarithm of bcrypt's rounds, 4 to 18; 12 is a good one.
    pub cost: u32,
    /// How many are hashed at the same time; as many as there are cores.
    pub permits: usize,
    /// How many more may wait for their turn; one more than that is told so at once.
    pub queue: usize,
}

/// Hashes passwords by bcrypt over an HMAC of the password.
///
/// A hash is stored as `v1$` and bcrypt's own text, made of
/// `base64(HMAC-SHA-256("parlance password v1", password))`: bcrypt reads 72 bytes, the HMAC all of them.
/// A text that begins with `$2a$`, `$2b$` or `$2y$` is a plain bcrypt hash, brought along from elsewhere.
pub struct BcryptPasswordHasher {
    gate: Gate,
    cost: u32,
    rounds: Arc<AtomicU64>,
}

impl BcryptPasswordHasher {
    /// A hasher of these dimensions; at least one password is hashed at a time.
    pub fn new(config: BcryptConfig) -> Self {
        Self {
            gate: Gate::new(config.permits, config.queue),
            cost: config.cost,
            rounds: Arc::default(),
        }
    }

    /// How many wait for their turn now.
    pub fn queue_depth(&self) -> usize {
        self.gate.waiting()
    }

    /// How many are being hashed now.
    pub fn in_flight(&self) -> usize {
        self.gate.running()
    }

    /// How many rounds of bcrypt were done so far: the work, whatever the machine's speed.
    pub fn rounds(&self) -> u64 {
        self.rounds.load(Ordering::Relaxed)
    }

    /// Does the work on a thread for blocking work when its turn has come.
    ///
    /// A caller who goes away while waiting leaves the queue; work once begun is finished, and keeps its
    /// place until then.
    async fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut Work) -> Result<T, BcryptError> + Send + 'static,
    ) -> Result<T, PasswordHasherError> {
        let turn = self.gate.enter().await.map_err(|_| PasswordHasherError::Busy)?;
        let (cost, rounds) = (self.cost, Arc::clone(&self.rounds));
        let done = tokio::task::spawn_blocking(move || {
            let _turn = turn;
            let mut bcrypt = Work::new(cost);
            let result = work(&mut bcrypt);
            rounds.fetch_add(bcrypt.rounds(), Ordering::Relaxed);
            result
        });
        Ok(done.await.map_err(unexpected)?.map_err(unexpected)?)
    }
}

fn unexpected(error: impl std::error::Error + Send + Sync + 'static) -> PortError {
    PortError::new("PasswordHasher", PortErrorKind::Unexpected, error)
}

#[async_trait]
impl PasswordHasher for BcryptPasswordHasher {
    async fn room(&self) -> Option<HashingRoom> {
        self.gate.room().await.map(HashingRoom::held_by)
    }

    async fn hash(&self, password: &Password) -> Result<PasswordHash, PasswordHasherError> {
        let password = password.clone();
        self.run(move |bcrypt| bcrypt.hash(&password)).await
    }

    async fn verify(
        &self,
        password: &Password,
        hash: Option<&PasswordHash>,
    ) -> Result<Verification, PasswordHasherError> {
        // An account without a password takes as long as one that is not there.
        let hash = hash.filter(|hash| !hash.is_absent());
        let (password, hash) = (password.clone(), hash.cloned());
        let verdict = self
            .run(move |bcrypt| bcrypt.verify(&password, hash.as_ref()))
            .await?;
        Ok(match verdict {
            Verdict::Match => Verification::Match,
            Verdict::Outdated(new) => Verification::MatchOutdated(new),
            Verdict::Mismatch => Verification::Mismatch,
            Verdict::Unreadable => {
                // Said here and not where it is found, so that the line belongs to the caller's request.
                tracing::warn!("a stored password hash is unreadable");
                Verification::Mismatch
            }
        })
    }
}
