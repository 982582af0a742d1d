//! The store of what was spent.

use async_trait::async_trait;
use chrono::NaiveDate;

use crate::ids::UserId;
use crate::port::PortError;

/// What is counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Meter {
    /// Characters made into speech.
    Characters,
    /// Tokens of language models, read and written.
    Tokens,
}

impl Meter {
    /// Its name in stores and figures.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Characters => "characters",
            Self::Tokens => "tokens",
        }
    }
}

/// Something spent, by whom and when.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Spending {
    /// On whose behalf; nobody's for what the installation does by itself.
    pub user: Option<UserId>,
    /// The day, in UTC.
    pub day: NaiveDate,
    /// What.
    pub meter: Meter,
    /// How much.
    pub amount: u64,
}

/// How much may be spent in a day; 0 is without bound.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Caps {
    /// By one user.
    pub user: u64,
    /// By all together.
    pub all: u64,
}

/// Why nothing may be spent.
#[derive(Debug, thiserror::Error)]
pub enum ReserveError {
    /// The user's budget of the day is spent.
    #[error("the user has spent what may be spent in a day")]
    UserSpent,
    /// The installation's budget of the day is spent.
    #[error("what may be spent in a day is spent")]
    AllSpent,
    /// Anything else.
    #[error(transparent)]
    Port(#[from] PortError),
}

/// Keeps what was spent, by day.
#[async_trait]
pub trait SpendingStore: Send + Sync {
    /// Counts something as spent, for its user and for all, unless that would exceed a cap.
    ///
    /// - What exceeds a cap counts nowhere.
    /// - As many parallel calls as there may be, no cap is exceeded.
    /// - Users, days and meters do not influence each other, but for the sum of all users.
    /// - The user's sum goes with the account; the sum of all remains.
    async fn reserve(&self, spending: &Spending, caps: &Caps) -> Result<(), ReserveError>;

    /// Gives back what was counted and not spent after all; a sum never falls below zero.
    async fn give_back(&self, spending: &Spending) -> Result<(), PortError>;

    /// What was spent on a day: by one user, or by all.
    async fn spent(&self, user: Option<UserId>, day: NaiveDate, meter: Meter) -> Result<u64, PortError>;

    /// Forgets the days before this one; how many sums it forgot, at most `limit`.
    async fn purge(&self, before: NaiveDate, limit: u32) -> Result<u32, PortError>;
}
