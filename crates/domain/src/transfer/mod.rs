//! Moves an installation from one store to another, learner by learner.

use async_trait::async_trait;
use sha2::{Digest, Sha256};

use crate::accounts::{
    AccountWithPassword, ApiKey, KnownDevice, LinkedIdentity, Passkey, SecondFactorRecord, Session,
};
use crate::audit::{AuditHead, AuditRecord, Place};
use crate::ids::{AuditId, UserId, WordId};
use crate::port::PortError;
use crate::progress::{Event, ProgressRow};
use crate::settings::{KeptPreferences, ProviderKey};
use crate::time::Timestamp;
use crate::words::Word;

/// An event of a log with what the store knows of it besides.
#[derive(Debug, Clone, PartialEq)]
pub struct StoredEvent {
    /// Its place in the learner's log, in the order of arrival, from 1.
    pub position: u64,
    /// The event.
    pub event: Event,
    /// Whether it is a review that was taken back.
    pub undone: bool,
    /// When it was written.
    pub recorded_at: Timestamp,
}

/// What a store holds of one learner besides their progress, but for what it forgets within days: what was spent, attempts
/// to sign in, one-time secrets, archives, and requests with keys.
#[derive(Debug, Clone, PartialEq)]
pub struct Holdings {
    /// The account.
    pub account: AccountWithPassword,
    /// The sessions, by id.
    pub sessions: Vec<Session>,
    /// The devices that the account knows, by id.
    pub devices: Vec<KnownDevice>,
    /// The second factor, if there is one: without it, the password alone would let somebody in elsewhere.
    pub second_factor: Option<SecondFactorRecord>,
    /// The passkeys, the one added first first.
    pub passkeys: Vec<Passkey>,
    /// The identities that open the account, by id: perhaps there is no other way in.
    pub identities: Vec<LinkedIdentity>,
    /// The keys for programs, latest first.
    pub api_keys: Vec<ApiKey>,
    /// What the learner wants, if they ever said.
    pub preferences: Option<KeptPreferences>,
    /// Their own keys of providers, by the names of the providers.
    pub provider_keys: Vec<ProviderKey>,
}

impl Holdings {
    /// Whose they are.
    pub const fn owner(&self) -> UserId {
        self.account.account.id
    }
}

/// Everything of one learner that is moved.
#[derive(Debug, Clone, PartialEq)]
pub struct LearnerRecord {
    /// What is held besides the progress.
    pub holdings: Holdings,
    /// The last revision given to a row.
    pub revision: u64,
    /// The log, in the order of arrival.
    pub events: Vec<StoredEvent>,
    /// The projection, tombstones included, by revision.
    pub rows: Vec<ProgressRow>,
}

/// What of a learner changes with every change, without the log and the projection.
///
/// Whatever is done to either takes a place in the log, so that records whose marks are the same are the same.
#[derive(Debug, Clone, PartialEq)]
pub struct LearnerMark {
    /// What is held besides the progress.
    pub holdings: Holdings,
    /// The last revision given to a row.
    pub revision: u64,
    /// The last place given to an event, which is how many there are.
    pub position: u64,
}

impl LearnerRecord {
    /// The mark of the learner.
    pub fn mark(&self) -> LearnerMark {
        LearnerMark {
            holdings: self.holdings.clone(),
            revision: self.revision,
            position: self.position(),
        }
    }

    /// The last place given to an event.
    pub fn position(&self) -> u64 {
        let positions = self.events.iter().map(|event| event.position);
        positions.max().unwrap_or_default()
    }

    /// A digest of the projection: the same for the same rows, whatever store holds them.
    ///
    /// SHA-256 over each row in order of revision, its members as texts with a line break behind each; numbers
    /// with a fraction as the hexadecimal digits of their IEEE 754 bits, instants in milliseconds since 1970,
    /// what is absent as an empty text.
    pub fn projection_digest(&self) -> [u8; 32] {
        let mut digest = Sha256::new();
        let mut rows: Vec<&ProgressRow> = self.rows.iter().collect();
        rows.sort_by_key(|row| row.revision);
        for member in rows.into_iter().flat_map(members) {
            digest.update(member.as_bytes());
            digest.update(b"\n");
        }
        digest.finalize().into()
    }
}

fn members(row: &ProgressRow) -> Vec<String> {
    let ProgressRow {
        id,
        word_id,
        fold_version,
        revision,
        state,
        last,
        created_at,
        updated_at,
    } = row;
    let instant = |at: &Timestamp| at.timestamp_millis().to_string();
    let number = |value: f64| format!("{:016x}", value.to_bits());
    let mut members = vec![
        word_id.as_str().to_owned(),
        id.0.to_string(),
        fold_version.to_string(),
        revision.to_string(),
        instant(&last.at),
        last.id.0.to_string(),
        instant(created_at),
        instant(updated_at),
    ];
    let state = state.as_ref();
    let memory = state.and_then(|state| state.memory.as_ref());
    let mut add = |member: Option<String>| members.push(member.unwrap_or_default());
    add(state.map(|state| state.study_count.to_string()));
    add(state.map(|state| state.correct_count.to_string()));
    add(state.map(|state| number(state.confidence)));
    add(state.map(|state| instant(&state.next_review)));
    add(memory.map(|memory| number(memory.stability)));
    add(memory.map(|memory| number(memory.difficulty)));
    add(memory.map(|memory| instant(&memory.last_review)));
    add(memory.map(|memory| memory.lapses.to_string()));
    members
}

/// An entry of the audit log, and its place in the chain, if it has one yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeptEntry {
    /// The entry.
    pub record: AuditRecord,
    /// Its place.
    pub place: Option<Place>,
}

/// What an installation is moved out of and into.
#[async_trait]
pub trait TransferStore: Send + Sync {
    /// All words behind `after`, on a list or not, in order of their ids, at most `limit`.
    async fn words(&self, after: Option<&WordId>, limit: u32) -> Result<Vec<Word>, PortError>;

    /// Keeps words without putting them on a list, all or nothing; a word that is there is updated.
    async fn import_words(&self, words: &[Word]) -> Result<(), PortError>;

    /// The ids of accounts behind `after`, in order of their bytes, at most `limit`.
    async fn learners(&self, after: Option<UserId>, limit: u32) -> Result<Vec<UserId>, PortError>;

    /// The mark of one learner; cheap, whatever the length of the log.
    async fn mark(&self, id: UserId) -> Result<Option<LearnerMark>, PortError>;

    /// Everything of one learner, as it was at one instant.
    async fn export(&self, id: UserId) -> Result<Option<LearnerRecord>, PortError>;

    /// Keeps everything of a learner, all or nothing; `false` when the account is there already.
    async fn import(&self, record: &LearnerRecord) -> Result<bool, PortError>;

    /// The entries of the audit log behind `after`, in order of the bytes of their ids, at most `limit`.
    async fn audit(&self, after: Option<AuditId>, limit: u32) -> Result<Vec<KeptEntry>, PortError>;

    /// Keeps entries of the audit log with their places, all or nothing; what is there stays as it is.
    async fn import_audit(&self, entries: &[KeptEntry]) -> Result<(), PortError>;

    /// The head of the chain of the audit log; `None` where it was taken away.
    async fn audit_head(&self) -> Result<Option<AuditHead>, PortError>;

    /// Puts a head in the place of the one there is, once the entries are there that it tells of.
    async fn import_audit_head(&self, head: &AuditHead) -> Result<(), PortError>;
}

#[cfg(test)]
mod tests {
    use chrono::DateTime;
    use uuid::Uuid;

    use super::*;
    use crate::accounts::{Account, PasswordHash};
    use crate::ids::{EventId, ProgressId};
    use crate::progress::{EventKey, Memory, WordState};
    use crate::time::TimeZone;

    fn millis(millis: i64) -> Timestamp {
        DateTime::from_timestamp_millis(1_772_366_400_000 + millis).unwrap()
    }

    fn uuid(digits: &str) -> Uuid {
        format!("00000000-0000-0000-0000-{digits:0>12}").parse().unwrap()
    }

    fn row(number: u32, revision: u64, state: Option<WordState>) -> ProgressRow {
        ProgressRow {
            id: ProgressId(uuid(&number.to_string())),
            word_id: format!("zh-{number:05}").parse().unwrap(),
            fold_version: 1,
            revision,
            state,
            last: EventKey {
                at: millis(0),
                id: EventId(uuid(&(10 + number).to_string())),
            },
            created_at: millis(123),
            updated_at: millis(456),
        }
    }

    fn rows() -> Vec<ProgressRow> {
        let studied = WordState {
            study_count: 3,
            correct_count: 2,
            confidence: 0.2787,
            next_review: millis(8 * 86_400_000),
            memory: Some(Memory {
                stability: 7.3153,
                difficulty: 2.1112,
                last_review: millis(0),
                lapses: 1,
            }),
        };
        let set = WordState {
            confidence: 0.5,
            ..WordState::new(millis(0))
        };
        vec![row(3, 3, Some(set)), row(1, 2, Some(studied)), row(2, 1, None)]
    }

    fn record(rows: Vec<ProgressRow>) -> LearnerRecord {
        let account = Account {
            id: UserId(Uuid::nil()),
            email: "ann@example.com".parse().unwrap(),
            username: None,
            display_name: None,
            roles: [].into(),
            native_language: None,
            target_language: None,
            proficiency_level: None,
            time_zone: TimeZone::UTC,
            is_premium: false,
            email_verified: false,
            created_at: millis(0),
            updated_at: millis(0),
            last_login_at: None,
            standing: crate::accounts::Standing::Active,
            revision: 1,
        };
        let account = AccountWithPassword {
            account,
            password_hash: PasswordHash::from_stored(String::new()),
        };
        let holdings = Holdings {
            account,
            sessions: Vec::new(),
            devices: Vec::new(),
            second_factor: None,
            passkeys: Vec::new(),
            identities: Vec::new(),
            api_keys: Vec::new(),
            preferences: None,
            provider_keys: Vec::new(),
        };
        LearnerRecord {
            holdings,
            revision: 3,
            events: Vec::new(),
            rows,
        }
    }

    fn digest(rows: Vec<ProgressRow>) -> String {
        let digest = record(rows).projection_digest();
        let hex: Vec<String> = digest.iter().map(|byte| format!("{byte:02x}")).collect();
        hex.concat()
    }

    // Both computed by another program from the written specification.
    #[test]
    fn the_digest_is_that_of_the_specification() {
        assert_eq!(
            digest(rows()),
            "a03e9ee55b9ed50ae009b3893579f24ccf0fbb40bfb337f61b136dba51ef1ab8"
        );
        let mut tombstone = row(1, 2, None);
        tombstone.word_id = "w1".parse().unwrap();
        tombstone.last.id = EventId(uuid("2"));
        (tombstone.created_at, tombstone.updated_at) = (millis(0), millis(0));
        assert_eq!(
            digest(vec![tombstone]),
            "753af6944f999cdab17ed3448c3dda5e50e007ebea43d78f37e63510cfcc0cbf"
        );
        assert_eq!(
            digest(Vec::new()),
            "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
        );
    }

    #[test]
    fn the_order_in_which_a_store_tells_the_rows_does_not_matter() {
        let mut reversed = rows();
        reversed.reverse();
        assert_eq!(digest(reversed), digest(rows()));
    }

    #[test]
    fn every_member_counts() {
        fn state(row: &mut ProgressRow) -> &mut WordState {
            row.state.as_mut().unwrap()
        }
        fn memory(row: &mut ProgressRow) -> &mut Memory {
            state(row).memory.as_mut().unwrap()
        }
        let changes: [fn(&mut ProgressRow); 17] = [
            |row| row.id = ProgressId(uuid("99")),
            |row| row.word_id = "other".parse().unwrap(),
            |row| row.fold_version = 2,
            |row| row.revision = 9,
            |row| row.last.at = millis(1),
            |row| row.last.id = EventId(uuid("99")),
            |row| row.created_at = millis(1),
            |row| row.updated_at = millis(1),
            |row| row.state = None,
            |row| state(row).study_count = 4,
            |row| state(row).correct_count = 3,
            |row| state(row).confidence = 0.2787_f64.next_up(),
            |row| state(row).next_review = millis(1),
            |row| memory(row).stability = 7.3153_f64.next_down(),
            |row| memory(row).difficulty = 2.1112_f64.next_up(),
            |row| memory(row).last_review = millis(1),
            |row| memory(row).lapses = 2,
        ];
        let mut digests: Vec<String> = vec![digest(rows())];
        for change in changes {
            let mut rows = rows();
            change(&mut rows[1]);
            digests.push(digest(rows));
        }
        digests.sort();
        digests.dedup();
        assert_eq!(digests.len(), 18);
    }
}
