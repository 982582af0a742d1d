//! What the clients attempted and saw, with one monotonic clock.

mod call;
mod evidence;
mod recorder;
mod timeline;

pub use call::{
    Call, Change, FeedPage, ReviewReport, ReviewSent, Row, Set, SignedIn, Token, digest_of, token_of,
};
pub use evidence::{
    DayActivity, Evidence, LoggedReview, RowList, Setup, StatsSeen, UserFinal, WordSeen, WordState,
};
pub use recorder::Recorder;
pub use timeline::{Fault, InForce, Timeline};

use serde::{Deserialize, Serialize};

/// What became of an operation, as far as its client can know.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// It was acknowledged.
    Ok,
    /// It was refused before it could have an effect, or never sent.
    Fail,
    /// It may have happened, now or later: no answer came, or one that says nothing of the effect.
    Info,
}

/// One request of a client, as one line of the history.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Op {
    /// Which device of which learner asked: `user * devices + device`.
    pub proc: u32,
    /// The number of the operation, unique in the history.
    pub op_id: u64,
    /// What was asked, and what the answer said.
    #[serde(flatten)]
    pub call: Call,
    /// What it was about: a word, an email, a session; empty if about the learner as a whole.
    pub key: String,
    /// When it was sent, in microseconds since the history began.
    pub t_invoke: u64,
    /// When its answer was complete.
    pub t_return: Option<u64>,
    /// What became of it.
    pub outcome: Outcome,
    /// The learner, by number.
    pub user: u32,
    /// Which of the learner's devices.
    pub device: u32,
    /// Which of the base URLs was asked, by number.
    pub base: u16,
    /// The status of the answer.
    pub status: Option<u16>,
    /// The session that the request was authorized with.
    pub session: Option<String>,
}

impl Op {
    /// When its effect was there at the latest: never known without an answer that acknowledges or refuses.
    pub fn settled_at(&self) -> u64 {
        match self.outcome {
            Outcome::Info => u64::MAX,
            Outcome::Ok | Outcome::Fail => self.t_return.unwrap_or(u64::MAX),
        }
    }

    /// Whether it was acknowledged.
    pub fn is_ok(&self) -> bool {
        self.outcome == Outcome::Ok
    }

    /// Whether it may have had an effect.
    pub fn may_have_happened(&self) -> bool {
        self.outcome != Outcome::Fail
    }
}
