//! What the rules of the stores are tried on, and the learners that they make.

use std::any::Any;
use std::sync::Arc;

use chrono::{DateTime, TimeDelta};
use parlance_domain::accounts::{
    Account, AccountChange, AccountStore, AccountWithPassword, ApiKeyStore, AuthorizationStore, Beginning,
    CefrLevel, Device, DeviceStore, IdentityStore, InsertAccountError, LockoutStore, PasskeyStore,
    PasswordHash, Proof, Role, RotationTerms, SaveAccountError, SecondFactorStore, SecretStore, Session,
    SessionStore, Standing,
};
use parlance_domain::admin::AccountDirectory;
use parlance_domain::audit::{AuditStore, UserAgent};
use parlance_domain::consequences::Consequences;
use parlance_domain::idempotency::IdempotencyStore;
use parlance_domain::ids::{DeviceId, ListId, SessionId, UserId, WordId};
use parlance_domain::mail::Outbox;
use parlance_domain::personal::{ExportStore, HeldData};
use parlance_domain::port::PortError;
use parlance_domain::progress::ProgressStore;
use parlance_domain::sealing::SealedSecrets;
use parlance_domain::settings::{ProviderKeyStore, SettingsStore};
use parlance_domain::spending::SpendingStore;
use parlance_domain::time::Timestamp;
use parlance_domain::words::{Difficulty, Vocabulary, Word, WordList, WordStore};
use uuid::Uuid;

/// The stores of one database, which nobody else uses.
pub struct Stores {
    /// The accounts.
    pub accounts: Arc<dyn AccountStore>,
    /// The sessions.
    pub sessions: Arc<dyn SessionStore>,
    /// The devices that accounts know.
    pub devices: Arc<dyn DeviceStore>,
    /// The keys for programs.
    pub api_keys: Arc<dyn ApiKeyStore>,
    /// The attempts to sign in.
    pub lockouts: Arc<dyn LockoutStore>,
    /// The second factors.
    pub second_factors: Arc<dyn SecondFactorStore>,
    /// The passkeys.
    pub passkeys: Arc<dyn PasskeyStore>,
    /// The linked identities.
    pub identities: Arc<dyn IdentityStore>,
    /// What is under way at providers.
    pub authorizations: Arc<dyn AuthorizationStore>,
    /// The one-time secrets.
    pub secrets: Arc<dyn SecretStore>,
    /// The audit log.
    pub audit: Arc<dyn AuditStore>,
    /// The directory of the accounts.
    pub directory: Arc<dyn AccountDirectory>,
    /// The outbox.
    pub outbox: Arc<dyn Outbox>,
    /// The archives that were asked for.
    pub exports: Arc<dyn ExportStore>,
    /// Whatever is held of a learner.
    pub held: Arc<dyn HeldData>,
    /// The words.
    pub words: Arc<dyn WordStore>,
    /// The progress.
    pub progress: Arc<dyn ProgressStore>,
    /// What learners want.
    pub settings: Arc<dyn SettingsStore>,
    /// Learners' own keys of providers.
    pub provider_keys: Arc<dyn ProviderKeyStore>,
    /// The same, as whoever seals them anew sees them.
    pub sealed: Arc<dyn SealedSecrets>,
    /// The secrets of second factors, as whoever seals them anew sees them.
    pub sealed_factors: Arc<dyn SealedSecrets>,
    /// What was spent.
    pub spending: Arc<dyn SpendingStore>,
    /// The requests with keys.
    pub idempotency: Arc<dyn IdempotencyStore>,
    /// What must outlive the stores, such as their directory.
    pub guard: Box<dyn Any + Send + Sync>,
}

/// 2026-03-01T12:00:00Z, and this many seconds.
pub fn at(seconds: i64) -> Timestamp {
    DateTime::from_timestamp(1_772_366_400 + seconds, 0).unwrap_or_default()
}

/// The terms of a rotation this many seconds after the beginning: ten seconds of grace, seven days.
pub fn terms(seconds: i64) -> RotationTerms {
    RotationTerms {
        now: at(seconds),
        grace: TimeDelta::seconds(10),
        lifetime: TimeDelta::days(7),
        longest: TimeDelta::days(365),
    }
}

/// The id of the learner of this number.
pub fn user(number: u128) -> UserId {
    UserId(Uuid::from_u128(0x7000_0000_0000_0000 << 64 | number))
}

/// A session of a user that begins this many seconds after the beginning.
pub fn session(number: u128, user_id: UserId, seconds: i64) -> Session {
    let beginning = Beginning {
        user_id,
        proof: Proof::SecondFactor,
        device: Device {
            id: Some(DeviceId(Uuid::from_u128(number))),
            user_agent: UserAgent::of("Parlance/1.0 (学习)"),
            address: Some([2001, 0xDB8, 0, 0, 0, 0, 0, 7].into()),
        },
    };
    Session::begin(SessionId(Uuid::from_u128(number)), beginning, terms(seconds))
}

/// An account with something in each member.
pub fn account(number: u128, email: &str, username: Option<&str>) -> AccountWithPassword {
    let account = Account {
        id: user(number),
        email: email.parse().unwrap(),
        username: username.map(|name| name.parse().unwrap()),
        display_name: Some("Ann 学生".parse().unwrap()),
        roles: [Role::User, Role::Admin].into(),
        native_language: Some("de-CH".parse().unwrap()),
        target_language: Some("zh-CN".parse().unwrap()),
        proficiency_level: Some(CefrLevel::B1),
        time_zone: "Asia/Kathmandu".parse().unwrap(),
        is_premium: true,
        email_verified: number.is_multiple_of(2),
        created_at: at(0) + TimeDelta::milliseconds(123),
        updated_at: at(1),
        last_login_at: None,
        standing: Standing::Active,
        revision: 1,
    };
    AccountWithPassword {
        account,
        password_hash: PasswordHash::from_stored(format!("hash of {number}")),
    }
}

/// A word id.
pub fn word_id(text: &str) -> WordId {
    text.parse().unwrap()
}

/// A list id.
pub fn list_id(text: &str) -> ListId {
    text.parse().unwrap()
}

/// A Chinese word.
pub fn word(id: &str, term: &str, reading: &str, gloss: &str, frequency_rank: Option<u32>) -> Word {
    Word {
        id: word_id(id),
        language: "zh-CN".to_owned(),
        term: term.to_owned(),
        reading: Some(reading.to_owned()),
        gloss: gloss.to_owned(),
        alternate_forms: vec![term.to_owned()],
        part_of_speech: vec!["n".to_owned()],
        frequency_rank,
        list_ids: Vec::new(),
    }
}

/// A list with these words.
pub fn vocabulary(id: &str, words: Vec<Word>) -> Vocabulary {
    let list = WordList {
        id: list_id(id),
        name: format!("The list {id}"),
        description: "Words to begin with.".to_owned(),
        language: "zh-CN".to_owned(),
        difficulty: Difficulty::Beginner,
        tags: vec!["first".to_owned(), "with \"quotes\", and commas".to_owned()],
        word_count: 0,
    };
    Vocabulary { list, words }
}

impl Stores {
    /// Keeps an account with its first session, and nothing besides.
    pub async fn keep(
        &self,
        account: &AccountWithPassword,
        session: &Session,
    ) -> Result<(), InsertAccountError> {
        let nothing = Consequences::default();
        self.accounts.insert(account, session, &nothing).await
    }

    /// Keeps a session of an account as it is, and nothing besides; gives the account, unless that is gone or out of use.
    pub async fn begin(&self, session: &Session) -> Result<Option<Account>, PortError> {
        let account = self.accounts.by_id(session.user_id).await?;
        let revision = account.map_or(0, |account| account.revision);
        let nothing = Consequences::default();
        self.sessions.insert(session, revision, &nothing).await
    }

    /// A session of a learner that goes on, of which there is one at least.
    pub async fn session_of(&self, user: UserId) -> SessionId {
        let live = self.sessions.live(user, at(0)).await.unwrap();
        live.first().unwrap().id
    }

    /// Ends a session, and does nothing besides; whether it had gone on until then.
    pub async fn end(&self, session: &Session, now: Timestamp) -> Result<bool, PortError> {
        let (user, nothing) = (session.user_id, Consequences::default());
        self.sessions.revoke(user, session.id, now, &nothing).await
    }

    /// Saves an account whose revision was `expected`, and nothing besides.
    pub async fn save(&self, after: &Account, expected: u64) -> Result<(), SaveAccountError> {
        let before = Account {
            revision: expected,
            ..after.clone()
        };
        let change = AccountChange::new(&before, after.clone(), Consequences::default());
        self.accounts.save(&change).await.map(|_| ())
    }

    /// Keeps the account of the learner of this number; its id.
    pub async fn learner(&self, number: u128) -> UserId {
        let account = account(number, &format!("learner{number}@example.com"), None);
        let id = account.account.id;
        let session = session(number << 64 | 0xFFFF, id, 0);
        self.keep(&account, &session).await.unwrap();
        id
    }

    /// Keeps a list of words with these ids.
    pub async fn list_of(&self, id: &str, words: &[&str]) -> ListId {
        let words = words.iter().map(|id| word(id, id, id, "a word", None)).collect();
        self.words.import(&vocabulary(id, words)).await.unwrap();
        list_id(id)
    }
}
