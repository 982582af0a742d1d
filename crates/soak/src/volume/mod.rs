//! Many learners with two devices each, whose every acknowledged review must be counted exactly once.

mod connections;
mod learner;
mod ledger;
mod run;

pub use connections::{keep_connections, patient};
pub use learner::{Learner, Session, user_id};
pub use ledger::{Event, Kept, Ledger, Losses, fix};
pub use run::Volume;
