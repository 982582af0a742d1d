//! The clock of the machine.

use chrono::Utc;
use parlance_domain::time::{Clock, Timestamp, to_millis};

/// The machine's wall clock, cut to whole milliseconds.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    #[expect(
        clippy::disallowed_methods,
        reason = "this is the adapter that everyone else is to ask"
    )]
    fn now(&self) -> Timestamp {
        to_millis(Utc::now())
    }
}

#[cfg(test)]
mod tests {
    use chrono::Timelike;

    use super::*;

    #[test]
    fn the_time_is_told_in_whole_milliseconds() {
        for _ in 0..100 {
            assert_eq!(SystemClock.now().nanosecond() % 1_000_000, 0);
        }
    }
}
