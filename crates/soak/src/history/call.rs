//! What is asked of the server, and what its answers say.

use std::hash::{DefaultHasher, Hash, Hasher};

use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// A refresh token by its fingerprint: the history holds no secret.
pub type Token = u64;

/// A request with what came back; members about the answer are empty without one.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "f", content = "value", rename_all = "snake_case")]
pub enum Call {
    /// `POST /auth/register`; the key is the email as the server keeps it.
    Register(Option<SignedIn>),
    /// `POST /auth/login`; the key is the email.
    Login(Option<SignedIn>),
    /// `POST /auth/refresh`; the key is the session.
    Refresh {
        /// The token of the cookie sent.
        presented: Token,
        /// The token of the cookie that came back.
        successor: Option<Token>,
        /// The session of the access token that came back.
        renewed: Option<String>,
    },
    /// `POST /auth/logout`; the key is the session.
    Logout,
    /// `GET /auth/me`; the key is the session.
    Me {
        /// Who the answer says is asking.
        user_id: Option<String>,
    },
    /// `POST /reviews`; no key.
    Review {
        /// What was sent.
        reviews: Vec<ReviewSent>,
        /// What the answer said.
        answer: Option<ReviewReport>,
    },
    /// `POST /reviews/{id}/undo`; the key is the word.
    Undo {
        /// The review taken back.
        review: Uuid,
        /// The word afterwards.
        row: Option<Row>,
        /// The word's revision, from the entity tag.
        revision: Option<u64>,
    },
    /// `PUT /progress/{wordId}`, whose key is the word, or `POST /progress/batch`, which has none.
    Put {
        /// What was to be fixed.
        sets: Vec<Set>,
        /// The words afterwards, in the order sent.
        rows: Vec<Row>,
        /// The word's revision, from the entity tag of a single one.
        revision: Option<u64>,
    },
    /// `DELETE /progress/{wordId}`; the key is the word.
    Delete,
    /// `GET /progress/{wordId}`; the key is the word.
    Get {
        /// The word; absent when there is none.
        row: Option<Row>,
        /// Its revision, from the entity tag.
        revision: Option<u64>,
    },
    /// `GET /progress/changes`; no key.
    Changes {
        /// The cursor sent.
        after: u64,
        /// The most entries wanted.
        limit: u32,
        /// What came back.
        page: Option<FeedPage>,
    },
}

impl Call {
    /// The words that it may change.
    pub fn words_written<'a>(&'a self, key: &'a str) -> Vec<&'a str> {
        match self {
            Self::Review { reviews, .. } => {
                let mut words: Vec<&str> = reviews.iter().map(|review| review.word.as_str()).collect();
                words.sort_unstable();
                words.dedup();
                words
            }
            Self::Put { sets, .. } => sets.iter().map(|set| set.word.as_str()).collect(),
            Self::Undo { .. } | Self::Delete => vec![key],
            _ => Vec::new(),
        }
    }
}

/// Who was signed in.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SignedIn {
    /// The account.
    pub user_id: String,
    /// The session that began.
    pub session: String,
    /// The refresh token that came along.
    pub token: Token,
}

/// A review as a device sent it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReviewSent {
    /// The id that the device chose.
    pub id: Uuid,
    /// The word.
    pub word: String,
    /// `again`, `hard`, `good` or `easy`.
    pub rating: String,
    /// When it happened by the device's clock, in milliseconds since 1970.
    pub at: i64,
    /// How long it took, in milliseconds.
    pub duration_ms: u32,
    /// The name of the device that saw it happen.
    pub device_id: String,
}

/// The answer to a batch of reviews.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ReviewReport {
    /// How many were new.
    pub accepted: u32,
    /// How many were not.
    pub duplicates: u32,
    /// The words afterwards.
    pub rows: Vec<Row>,
    /// The learner's last revision afterwards.
    pub cursor: u64,
}

/// Members of a word's progress to be fixed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Set {
    /// The word.
    pub word: String,
    /// How often it was studied.
    pub study_count: Option<u32>,
    /// How often it was remembered.
    pub correct_count: Option<u32>,
    /// How well it is known.
    pub confidence: Option<f64>,
}

/// A learner's progress with a word, as an answer showed it; times in milliseconds since 1970.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Row {
    /// The word.
    pub word: String,
    /// Whose it is said to be.
    pub user_id: String,
    /// When the word should be reviewed next.
    pub next_review: i64,
    /// When it last changed.
    pub updated_at: i64,
    /// A fingerprint of all of it.
    pub digest: u64,
}

/// An entry of the change feed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Change {
    /// The word.
    pub word: String,
    /// A fingerprint of its progress; absent for a tombstone.
    pub digest: Option<u64>,
    /// Whose it is said to be; absent for a tombstone.
    pub user_id: Option<String>,
}

/// A page of the change feed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FeedPage {
    /// Its entries, oldest change first.
    pub changes: Vec<Change>,
    /// Where to go on.
    pub cursor: u64,
    /// Whether more follow.
    pub has_more: bool,
}

/// A fingerprint of a value; the same value, the same fingerprint, in every process.
pub fn digest_of(value: &serde_json::Value) -> u64 {
    token_of(&value.to_string())
}

/// A fingerprint of a text from which it cannot be read back.
pub fn token_of(text: &str) -> Token {
    let mut hasher = DefaultHasher::new();
    text.hash(&mut hasher);
    hasher.finish()
}
