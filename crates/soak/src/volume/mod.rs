//! Many learners with two devices each, whose every acknowledged review must be counted exactly once.

mod learner;
mod ledger;

pub use learner::{Learner, Session, user_id};
pub use ledger::{Event, Kept, Ledger, Losses, fix};
