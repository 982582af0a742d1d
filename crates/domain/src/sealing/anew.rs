//! Sealing anew: with the newest key what was sealed with older ones.

use std::sync::Arc;

use async_trait::async_trait;
use secrecy::ExposeSecret;

use super::{KeyId, Label, OpenError, SealError, Sealed, Sealer};
use crate::audit::{Action, Actor, AuditStore, Circumstances};
use crate::consequences::Recorder;
use crate::ids::IdGenerator;
use crate::port::PortError;
use crate::time::Clock;

/// How many secrets are read at a time.
const PAGE: u32 = 100;

/// A sealed secret and where it is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeptSecret {
    /// Its place among those of its kind, as the store names it.
    pub place: String,
    /// What it is sealed for.
    pub label: Label,
    /// The secret.
    pub sealed: Sealed,
}

/// A store of sealed secrets, as whoever seals them anew sees it.
#[async_trait]
pub trait SealedSecrets: Send + Sync {
    /// What is kept, such as `keys of providers`.
    fn kind(&self) -> &'static str;

    /// The secrets behind a place that are sealed with another key than this, in the order of their places.
    async fn sealed_otherwise(
        &self,
        than: &KeyId,
        after: Option<&str>,
        limit: u32,
    ) -> Result<Vec<KeptSecret>, PortError>;

    /// Puts what was sealed anew into the place of a secret; `false` when something else is there by now.
    async fn replace(&self, secret: &KeptSecret, sealed: &Sealed) -> Result<bool, PortError>;
}

/// A secret that could not be opened, and so is as it was.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Shut {
    /// What it is.
    pub kind: &'static str,
    /// Where it is kept.
    pub place: String,
    /// Why it stays shut.
    pub reason: OpenError,
}

/// What came of it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Resealed {
    /// How many were sealed anew.
    pub resealed: u64,
    /// Those that stay shut.
    pub shut: Vec<Shut>,
}

/// Seals with the newest key what was sealed with older ones, also while servers use it.
///
/// What is set meanwhile is never overwritten; whoever is interrupted begins again and finds what is left.
pub struct Resealing {
    sealer: Arc<dyn Sealer>,
    stores: Vec<Arc<dyn SealedSecrets>>,
    audit: Arc<dyn AuditStore>,
    recorder: Recorder,
}

impl Resealing {
    /// The sealing anew of what these stores keep.
    pub fn new(
        sealer: Arc<dyn Sealer>,
        stores: Vec<Arc<dyn SealedSecrets>>,
        audit: Arc<dyn AuditStore>,
        clock: Arc<dyn Clock>,
        ids: Arc<dyn IdGenerator>,
    ) -> Self {
        Self {
            sealer,
            stores,
            audit,
            recorder: Recorder::new(clock, ids),
        }
    }

    /// Seals everything anew that is not sealed with the newest key; noted in the audit log.
    pub async fn all(&self) -> Result<Resealed, SealError> {
        let newest = self.sealer.newest().ok_or(SealError::NoKey)?;
        let mut done = Resealed::default();
        for store in &self.stores {
            self.each(store.as_ref(), newest, &mut done).await?;
        }
        let circumstances = Circumstances::default();
        let action = Action::EncryptionKeysRotated;
        let entry = self.recorder.entry(Actor::Operator, action, None, &circumstances);
        let entry = entry
            .with("key", newest.as_str())
            .with("resealed", done.resealed.to_string())
            .with("shut", done.shut.len().to_string());
        self.audit.append(&[entry]).await?;
        Ok(done)
    }

    async fn each(
        &self,
        store: &dyn SealedSecrets,
        newest: &KeyId,
        done: &mut Resealed,
    ) -> Result<(), SealError> {
        let mut after: Option<String> = None;
        loop {
            let page = store.sealed_otherwise(newest, after.as_deref(), PAGE).await?;
            let Some(last) = page.last() else {
                return Ok(());
            };
            after = Some(last.place.clone());
            for secret in page {
                match self.sealer.open(&secret.label, &secret.sealed) {
                    Ok(opened) => {
                        let sealed = self.sealer.seal(&secret.label, opened.expose_secret())?;
                        done.resealed += u64::from(store.replace(&secret, &sealed).await?);
                    }
                    Err(reason) => done.shut.push(Shut {
                        kind: store.kind(),
                        place: secret.place,
                        reason,
                    }),
                }
            }
        }
    }
}
