//! One-time secrets: made for a mail, found again by the token that its link carried.

use std::sync::Arc;

use chrono::TimeDelta;
use secrecy::ExposeSecret;

use super::{OneTimeSecret, Purpose, SecretStore, SecretTokens};
use crate::consequences::Consequences;
use crate::ids::{IdGenerator, SecretId, UserId};
use crate::port::PortError;
use crate::time::Clock;

/// How many expired secrets one purge deletes at a time.
const PURGE_BATCH: u32 = 500;

/// The use-cases of one-time secrets.
#[derive(Clone)]
pub struct OneTimeSecrets {
    store: Arc<dyn SecretStore>,
    tokens: Arc<SecretTokens>,
    clock: Arc<dyn Clock>,
    ids: Arc<dyn IdGenerator>,
}

impl OneTimeSecrets {
    /// The use-cases over these ports.
    pub fn new(
        store: Arc<dyn SecretStore>,
        tokens: Arc<SecretTokens>,
        clock: Arc<dyn Clock>,
        ids: Arc<dyn IdGenerator>,
    ) -> Self {
        Self {
            store,
            tokens,
            clock,
            ids,
        }
    }

    /// A new secret, good from now on for so long; to be kept with the consequences of what it is made for.
    pub fn make(&self, user_id: UserId, purpose: Purpose, lifetime: TimeDelta) -> OneTimeSecret {
        let id = SecretId(self.ids.next());
        let token = self.tokens.write(purpose, id);
        let now = self.clock.now();
        OneTimeSecret {
            id,
            user_id,
            purpose,
            digest: SecretTokens::digest(token.expose_secret()),
            payload: None,
            created_at: now,
            expires_at: now + lifetime,
            used_at: None,
        }
    }

    /// Keeps consequences of nothing else, such as a mail with its secret.
    pub async fn issue(&self, consequences: &Consequences) -> Result<(), PortError> {
        self.store.issue(consequences).await
    }

    /// The secret of a token, if it is good for this purpose at this time; uses nothing up.
    pub async fn by_token(&self, purpose: Purpose, token: &str) -> Result<Option<OneTimeSecret>, PortError> {
        let Some(id) = self.tokens.read(purpose, token) else {
            return Ok(None);
        };
        let found = self.store.by_id(id).await?;
        let now = self.clock.now();
        Ok(found.filter(|secret| {
            secret.purpose == purpose && secret.digest == SecretTokens::digest(token) && secret.is_good(now)
        }))
    }

    /// The secret of this id, used or not.
    pub async fn by_id(&self, id: SecretId) -> Result<Option<OneTimeSecret>, PortError> {
        self.store.by_id(id).await
    }

    /// Deletes the secrets that have expired, batch by batch; says how many.
    pub async fn purge_expired(&self) -> Result<u32, PortError> {
        let now = self.clock.now();
        let mut purged = 0;
        loop {
            let batch = self.store.purge_expired(now, PURGE_BATCH).await?;
            purged += batch;
            if batch < PURGE_BATCH {
                return Ok(purged);
            }
        }
    }
}
