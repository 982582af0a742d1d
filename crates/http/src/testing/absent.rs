//! What routes of providers do not need.

mod federation;
mod personal;

use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use chrono::DateTime;
use futures_util::stream::BoxStream;
use parlance_domain::accounts::{
    AccessClaims, AccessToken, AccessTokens, Account, AccountChange, AccountStore, AccountWithPassword,
    Admission, ApiKey, ApiKeyStore, Attempt, CeremonyState, DeviceStore, Email, Ends, InsertAccountError,
    InsertApiKeyError, InsertPasskeyError, LockoutKey, LockoutPolicy, LockoutStore, NewFactor, OneTimeSecret,
    Outcome, Passkey, PasskeyAudience, PasskeyChallenge, PasskeyName, PasskeyStore, PasskeyUse, PasswordHash,
    Proof, PublicKey, RemovePasskeyError, RevokedSession, RevokedSessions, Role, Rotation, RotationTerms,
    SaveAccountError, SecondFactor, SecondFactorStore, SecretStore, SeenDevice, Session, SessionStore,
    TokenError, Unlock, Unlocked, Username, Verdict,
};
use parlance_domain::admin::{AccountDirectory, AccountPlace, AccountQuery};
use parlance_domain::audit::{
    AuditChain, AuditCursor, AuditEntry, AuditFilter, AuditHead, AuditRecord, AuditStore, Backlog,
    ChainError, SealedRecord,
};
use parlance_domain::consequences::Consequences;
use parlance_domain::conversations::ConversationWriter;
use parlance_domain::health::Probe;
use parlance_domain::ids::{
    ApiKeyId, ListId, PasskeyChallengeId, PasskeyId, SecretId, SessionId, UserId, WordId,
};
use parlance_domain::port::PortError;
use parlance_domain::progress::{
    ActivityBucket, AppendError, Appended, ListSummary, LoggedReview, ProgressEntry, ProgressRow,
    ProgressStore, Submission, Totals,
};
use parlance_domain::providers::{OwnProviders, ProviderError, ProviderErrorKind};
use parlance_domain::pubsub::PubSub;
use parlance_domain::randomness::SecretGenerator;
use parlance_domain::sealing::{KeyId, Label, OpenError, SealError, Sealed, Sealer};
use parlance_domain::settings::{
    KeptPreferences, KeyProvider, KeylessLearners, KeysSet, ProviderKey, ProviderKeyStore, Retention,
    SavePreferencesError, SettingsStore,
};
use parlance_domain::speech::{SpeechRecognizer, SpeechSynthesizer};
use parlance_domain::time::Timestamp;
use parlance_domain::words::{
    ImportSummary, Vocabulary, Word, WordCursor, WordHit, WordList, WordQuery, WordStore,
};
use secrecy::{SecretSlice, SecretString};
use uuid::Uuid;

/// Stores of which nobody is to ask anything; as a store of words it is empty, as an audit log it is told all and tells
/// nothing, and as a probe it works.
pub(super) struct Absent;

fn absent() -> PortError {
    PortError::unavailable("Absent", "nobody should ask")
}

#[async_trait]
impl AccountStore for Absent {
    async fn insert(
        &self,
        _: &AccountWithPassword,
        _: &Session,
        _: &Consequences,
    ) -> Result<(), InsertAccountError> {
        Err(absent().into())
    }

    async fn with_password(&self, _: UserId) -> Result<Option<AccountWithPassword>, PortError> {
        Err(absent())
    }

    async fn by_id(&self, _: UserId) -> Result<Option<Account>, PortError> {
        Err(absent())
    }

    async fn by_email(&self, _: &Email) -> Result<Option<AccountWithPassword>, PortError> {
        Err(absent())
    }

    async fn by_username(&self, _: &Username) -> Result<Option<AccountWithPassword>, PortError> {
        Err(absent())
    }

    async fn save(&self, _: &AccountChange) -> Result<Vec<SessionId>, SaveAccountError> {
        Err(absent().into())
    }

    async fn replace_password_hash(
        &self,
        _: UserId,
        _: &PasswordHash,
        _: &PasswordHash,
    ) -> Result<(), PortError> {
        Err(absent())
    }
}

#[async_trait]
impl SecretStore for Absent {
    async fn issue(&self, _: &Consequences) -> Result<(), PortError> {
        Err(absent())
    }

    async fn by_id(&self, _: SecretId) -> Result<Option<OneTimeSecret>, PortError> {
        Err(absent())
    }

    async fn redeem(
        &self,
        _: UserId,
        _: SecretId,
        _: Timestamp,
        _: &Consequences,
    ) -> Result<bool, PortError> {
        Err(absent())
    }

    async fn purge_expired(&self, _: Timestamp, _: u32) -> Result<u32, PortError> {
        Err(absent())
    }
}

#[async_trait]
impl SecondFactorStore for Absent {
    async fn by_user(&self, _: UserId) -> Result<Option<SecondFactor>, PortError> {
        Err(absent())
    }

    async fn begin(&self, _: UserId, _: &Sealed, _: Timestamp) -> Result<bool, PortError> {
        Err(absent())
    }

    async fn confirm(&self, _: &NewFactor, _: &Consequences) -> Result<bool, PortError> {
        Err(absent())
    }

    async fn use_step(&self, _: UserId, _: u64) -> Result<bool, PortError> {
        Err(absent())
    }

    async fn use_code(&self, _: UserId, _: &[u8; 32], _: &Consequences) -> Result<bool, PortError> {
        Err(absent())
    }

    async fn renew_codes(&self, _: UserId, _: &[[u8; 32]], _: &Consequences) -> Result<bool, PortError> {
        Err(absent())
    }

    async fn remove(
        &self,
        _: UserId,
        _: Ends,
        _: Timestamp,
        _: &Consequences,
    ) -> Result<Option<Vec<SessionId>>, PortError> {
        Err(absent())
    }
}

#[async_trait]
impl SessionStore for Absent {
    async fn insert(&self, _: &Session, _: u64, _: &Consequences) -> Result<Option<Account>, PortError> {
        Err(absent())
    }

    async fn by_id(&self, _: SessionId) -> Result<Option<Session>, PortError> {
        Err(absent())
    }

    async fn live(&self, _: UserId, _: Timestamp) -> Result<Vec<Session>, PortError> {
        Err(absent())
    }

    async fn rotate(&self, _: SessionId, _: u64, _: RotationTerms) -> Result<Option<Rotation>, PortError> {
        Err(absent())
    }

    async fn authenticated(
        &self,
        _: UserId,
        _: SessionId,
        _: Proof,
        _: Timestamp,
        _: &Consequences,
    ) -> Result<bool, PortError> {
        Err(absent())
    }

    async fn revoke(
        &self,
        _: UserId,
        _: SessionId,
        _: Timestamp,
        _: &Consequences,
    ) -> Result<bool, PortError> {
        Err(absent())
    }

    async fn revoke_all(
        &self,
        _: UserId,
        _: Option<SessionId>,
        _: Timestamp,
        _: &Consequences,
    ) -> Result<Vec<SessionId>, PortError> {
        Err(absent())
    }

    async fn revoked_since(&self, _: Timestamp) -> Result<Vec<RevokedSession>, PortError> {
        Err(absent())
    }

    async fn purge_expired(&self, _: Timestamp, _: u32) -> Result<u32, PortError> {
        Err(absent())
    }
}

#[async_trait]
impl SettingsStore for Absent {
    async fn by_user(&self, _: UserId) -> Result<Option<KeptPreferences>, PortError> {
        Err(absent())
    }

    async fn desired_retention(&self, _: UserId) -> Result<Option<Retention>, PortError> {
        Err(absent())
    }

    async fn save(
        &self,
        _: UserId,
        _: &KeptPreferences,
        _: &Consequences,
    ) -> Result<(), SavePreferencesError> {
        Err(absent().into())
    }
}

#[async_trait]
impl ProviderKeyStore for Absent {
    async fn list(&self, _: UserId) -> Result<Vec<ProviderKey>, PortError> {
        Ok(Vec::new())
    }

    async fn keep(&self, _: UserId, _: &ProviderKey, _: &Consequences) -> Result<(), PortError> {
        Err(absent())
    }

    async fn remove(&self, _: UserId, _: KeyProvider, _: &Consequences) -> Result<bool, PortError> {
        Err(absent())
    }
}

impl Sealer for Absent {
    fn seal(&self, _: &Label, _: &[u8]) -> Result<Sealed, SealError> {
        Err(SealError::NoKey)
    }

    fn open(&self, _: &Label, sealed: &Sealed) -> Result<SecretSlice<u8>, OpenError> {
        Err(OpenError::UnknownKey(sealed.key_id.clone()))
    }

    fn newest(&self) -> Option<&KeyId> {
        None
    }
}

impl OwnProviders for Absent {
    fn synthesizer(
        &self,
        provider: KeyProvider,
        _: &SecretString,
    ) -> Result<Arc<dyn SpeechSynthesizer>, ProviderError> {
        Err(missing(provider))
    }

    fn recognizer(
        &self,
        provider: KeyProvider,
        _: &SecretString,
    ) -> Result<Arc<dyn SpeechRecognizer>, ProviderError> {
        Err(missing(provider))
    }

    fn writer(
        &self,
        provider: KeyProvider,
        _: &SecretString,
    ) -> Result<Arc<dyn ConversationWriter>, ProviderError> {
        Err(missing(provider))
    }
}

const fn missing(provider: KeyProvider) -> ProviderError {
    ProviderError::new(provider.as_str(), ProviderErrorKind::Missing)
}

#[async_trait]
impl DeviceStore for Absent {
    async fn is_known(&self, _: SeenDevice) -> Result<bool, PortError> {
        Err(absent())
    }

    async fn forget(&self, _: SeenDevice) -> Result<(), PortError> {
        Err(absent())
    }

    async fn purge(&self, _: Timestamp, _: u32) -> Result<u32, PortError> {
        Err(absent())
    }
}

#[async_trait]
impl ApiKeyStore for Absent {
    async fn insert(
        &self,
        _: &ApiKey,
        _: SessionId,
        _: u32,
        _: &Consequences,
    ) -> Result<(), InsertApiKeyError> {
        Err(absent().into())
    }

    async fn list(&self, _: UserId) -> Result<Vec<ApiKey>, PortError> {
        Err(absent())
    }

    async fn revoke(&self, _: UserId, _: ApiKeyId, _: &Consequences) -> Result<bool, PortError> {
        Err(absent())
    }

    async fn of_bearer(&self, _: ApiKeyId) -> Result<Option<ApiKey>, PortError> {
        Err(absent())
    }

    async fn used(&self, _: UserId, _: ApiKeyId, _: Timestamp) -> Result<(), PortError> {
        Err(absent())
    }
}

impl SecretGenerator for Absent {
    fn fill(&self, _: &mut [u8]) -> Result<(), PortError> {
        Err(absent())
    }
}

#[async_trait]
impl LockoutStore for Absent {
    async fn count(&self, _: &Attempt, _: &LockoutPolicy, _: Timestamp) -> Result<Verdict, PortError> {
        Err(absent())
    }

    async fn settle(
        &self,
        _: &Attempt,
        _: &LockoutPolicy,
        _: &Admission,
        _: Outcome,
    ) -> Result<(), PortError> {
        Err(absent())
    }

    async fn announce(&self, _: LockoutKey, _: Timestamp, _: &Consequences) -> Result<bool, PortError> {
        Err(absent())
    }

    async fn locked_until(&self, _: LockoutKey, _: Timestamp) -> Result<Option<Timestamp>, PortError> {
        Err(absent())
    }

    async fn unlock(&self, _: &Unlock) -> Result<Option<Unlocked>, PortError> {
        Err(absent())
    }

    async fn purge(&self, _: Timestamp, _: u32) -> Result<u32, PortError> {
        Err(absent())
    }
}

#[async_trait]
impl PasskeyStore for Absent {
    async fn issue(&self, _: &PasskeyChallenge) -> Result<(), PortError> {
        Err(absent())
    }

    async fn redeem(
        &self,
        _: PasskeyChallengeId,
        _: PasskeyAudience,
        _: Timestamp,
    ) -> Result<Option<CeremonyState>, PortError> {
        Err(absent())
    }

    async fn insert(
        &self,
        _: &Passkey,
        _: SessionId,
        _: u32,
        _: &Consequences,
    ) -> Result<(), InsertPasskeyError> {
        Err(absent().into())
    }

    async fn list(&self, _: UserId) -> Result<Vec<Passkey>, PortError> {
        Err(absent())
    }

    async fn used(&self, _: UserId, _: PasskeyId, _: &PasskeyUse) -> Result<bool, PortError> {
        Err(absent())
    }

    async fn rename(
        &self,
        _: UserId,
        _: PasskeyId,
        _: &PasskeyName,
        _: &Consequences,
    ) -> Result<bool, PortError> {
        Err(absent())
    }

    async fn remove(&self, _: UserId, _: PasskeyId, _: &Consequences) -> Result<(), RemovePasskeyError> {
        Err(absent().into())
    }

    async fn purge(&self, _: Timestamp, _: u32) -> Result<u32, PortError> {
        Err(absent())
    }
}

#[async_trait]
impl AccountDirectory for Absent {
    async fn page(
        &self,
        _: &AccountQuery,
        _: Option<AccountPlace>,
        _: u32,
    ) -> Result<Vec<Account>, PortError> {
        Err(absent())
    }

    async fn due(&self, _: Timestamp, _: u32) -> Result<Vec<UserId>, PortError> {
        Err(absent())
    }

    async fn purge(&self, _: UserId, _: Timestamp, _: &AuditEntry) -> Result<bool, PortError> {
        Err(absent())
    }
}

#[async_trait]
impl AuditStore for Absent {
    async fn append(&self, _: &[AuditEntry]) -> Result<(), PortError> {
        Ok(())
    }

    async fn page(
        &self,
        _: &AuditFilter,
        _: Option<AuditCursor>,
        _: u32,
    ) -> Result<Vec<AuditRecord>, PortError> {
        Err(absent())
    }

    async fn backlog(&self) -> Result<Backlog, PortError> {
        Err(absent())
    }

    async fn seal(&self, _: &AuditChain, _: u32) -> Result<u32, ChainError> {
        Err(absent().into())
    }

    async fn head(&self) -> Result<Option<AuditHead>, PortError> {
        Err(absent())
    }

    async fn sealed(&self, _: Option<u64>, _: u32) -> Result<Vec<SealedRecord>, PortError> {
        Err(absent())
    }

    async fn purge(&self, _: &AuditChain, _: Timestamp, _: u32) -> Result<u32, ChainError> {
        Err(absent().into())
    }

    async fn restart(&self, _: &AuditChain) -> Result<AuditHead, PortError> {
        Err(absent())
    }
}

impl RevokedSessions for Absent {
    fn insert(&self, _: SessionId, _: Timestamp) {}

    fn contains(&self, _: SessionId) -> bool {
        false
    }

    fn forget_before(&self, _: Timestamp) {}
}

#[async_trait]
impl PubSub for Absent {
    async fn publish(&self, _: &str, _: Bytes) -> Result<(), PortError> {
        Err(absent())
    }

    async fn subscribe(&self, _: &str) -> Result<BoxStream<'static, Bytes>, PortError> {
        Err(absent())
    }
}

#[async_trait]
impl Probe for Absent {
    async fn check(&self) -> Result<(), PortError> {
        Ok(())
    }
}

#[async_trait]
impl WordStore for Absent {
    async fn lists(&self) -> Result<Vec<WordList>, PortError> {
        Err(absent())
    }

    async fn list(&self, _: &ListId) -> Result<Option<WordList>, PortError> {
        Err(absent())
    }

    async fn words_of(
        &self,
        _: &ListId,
        _: Option<u32>,
        _: Option<u32>,
    ) -> Result<Vec<(u32, Word)>, PortError> {
        Err(absent())
    }

    async fn word(&self, _: &WordId) -> Result<Option<Word>, PortError> {
        Ok(None)
    }

    async fn words(&self, _: &[WordId]) -> Result<Vec<Word>, PortError> {
        Err(absent())
    }

    async fn search(&self, _: &WordQuery, _: Option<&WordCursor>, _: u32) -> Result<Vec<WordHit>, PortError> {
        Err(absent())
    }

    async fn import(&self, _: &Vocabulary) -> Result<ImportSummary, PortError> {
        Err(absent())
    }

    async fn release(&self) -> Result<Option<String>, PortError> {
        Err(absent())
    }

    async fn install(&self, _: &str, _: &[Vocabulary]) -> Result<bool, PortError> {
        Err(absent())
    }
}

#[async_trait]
impl ProgressStore for Absent {
    async fn append(&self, _: UserId, _: &Submission) -> Result<Appended, AppendError> {
        Err(absent().into())
    }

    async fn by_word(&self, _: UserId, _: &WordId) -> Result<Option<ProgressRow>, PortError> {
        Err(absent())
    }

    async fn list(&self, _: UserId, _: Option<u64>, _: Option<u32>) -> Result<Vec<ProgressEntry>, PortError> {
        Err(absent())
    }

    async fn changes(&self, _: UserId, _: u64, _: u32) -> Result<Vec<ProgressRow>, PortError> {
        Err(absent())
    }

    async fn due(
        &self,
        _: UserId,
        _: Timestamp,
        _: Option<&ListId>,
        _: Option<u32>,
    ) -> Result<Vec<ProgressEntry>, PortError> {
        Err(absent())
    }

    async fn unseen(&self, _: UserId, _: &ListId, _: u32) -> Result<Vec<WordId>, PortError> {
        Err(absent())
    }

    async fn totals(&self, _: UserId, _: Timestamp) -> Result<Totals, PortError> {
        Err(absent())
    }

    async fn list_summary(&self, _: UserId, _: &ListId) -> Result<ListSummary, PortError> {
        Err(absent())
    }

    async fn activity(
        &self,
        _: UserId,
        _: Timestamp,
        _: Timestamp,
    ) -> Result<Vec<ActivityBucket>, PortError> {
        Err(absent())
    }

    async fn reviews(
        &self,
        _: UserId,
        _: Option<&WordId>,
        _: u64,
        _: u32,
    ) -> Result<Vec<LoggedReview>, PortError> {
        Err(absent())
    }
}

/// Tokens that say who bears them: `user-1`, `admin-2`.
pub(super) struct Names;

impl AccessTokens for Names {
    fn sign(&self, _: &AccessClaims) -> Result<AccessToken, PortError> {
        Err(absent())
    }

    fn verify(&self, token: &str, now: Timestamp) -> Result<AccessClaims, TokenError> {
        let (role, number) = token.split_once('-').ok_or(TokenError::Invalid)?;
        let number = number.parse().map_err(|_| TokenError::Invalid)?;
        let roles = match role {
            "user" => [Role::User].into(),
            "admin" => [Role::User, Role::Admin].into(),
            _ => return Err(TokenError::Invalid),
        };
        Ok(AccessClaims {
            user_id: UserId(Uuid::from_u128(number)),
            session_id: SessionId(Uuid::from_u128(number)),
            roles,
            issued_at: now,
            expires_at: DateTime::<chrono::Utc>::MAX_UTC,
        })
    }

    fn public_keys(&self) -> Vec<PublicKey> {
        Vec::new()
    }
}

#[async_trait]
impl KeylessLearners for Absent {
    async fn contains(&self, _: UserId) -> bool {
        false
    }

    fn keys_set(&self) -> KeysSet {
        KeysSet(0)
    }

    async fn insert(&self, _: UserId, _: KeysSet) {}

    async fn key_set(&self, _: UserId) {}
}
