//! Many learners with two devices each, whose every acknowledged review must be counted exactly once.

mod connections;
mod event;
mod kept;
mod learner;
mod ledger;
mod losses;
mod run;

pub use connections::{keep_connections, patient};
pub use event::{Event, fix};
pub use kept::Kept;
use kept::Logged;
pub use learner::{Learner, Session};
pub use ledger::Ledger;
pub use losses::Losses;
pub use run::Volume;
