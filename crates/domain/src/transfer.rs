//! Moves an installation from one store to another, learner by learner.

use async_trait::async_trait;
use sha2::{Digest, Sha256};

use crate::accounts::{AccountWithPassword, Session};
use crate::ids::{UserId, WordId};
use crate::port::PortError;
use crate::progress::{Event, ProgressRow};
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

/// Everything that a store holds of one learner.
#[derive(Debug, Clone, PartialEq)]
pub struct LearnerRecord {
    /// The account.
    pub account: AccountWithPassword,
    /// The sessions, by id.
    pub sessions: Vec<Session>,
    /// The last revision given to a row.
    pub revision: u64,
    /// The log, in the order of arrival.
    pub events: Vec<StoredEvent>,
    /// The projection, tombstones included, by revision.
    pub rows: Vec<ProgressRow>,
}

impl LearnerRecord {
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

/// What an installation is moved out of and into.
#[async_trait]
pub trait TransferStore: Send + Sync {
    /// All words behind `after`, on a list or not, in order of their ids, at most `limit`.
    async fn words(&self, after: Option<&WordId>, limit: u32) -> Result<Vec<Word>, PortError>;

    /// Keeps words without putting them on a list, all or nothing; a word that is there is updated.
    async fn import_words(&self, words: &[Word]) -> Result<(), PortError>;

    /// The ids of accounts behind `after`, in order of their bytes, at most `limit`.
    async fn learners(&self, after: Option<UserId>, limit: u32) -> Result<Vec<UserId>, PortError>;

    /// Everything of one learner, as it was at one instant.
    async fn export(&self, id: UserId) -> Result<Option<LearnerRecord>, PortError>;

    /// Keeps everything of a learner, all or nothing; `false` when the account is there already.
    async fn import(&self, record: &LearnerRecord) -> Result<bool, PortError>;
}
