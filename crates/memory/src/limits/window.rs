//! The instants at which one key was let through.

use std::collections::VecDeque;
use std::time::Duration;

use parlance_domain::limits::{Limit, Taken};

/// The log of one key under one limit, oldest first.
#[derive(Debug, Default)]
pub(super) struct Window {
    /// Nanoseconds since the limiter's beginning: enough for 584 years.
    log: VecDeque<u64>,
    /// When the key was last asked for, plus the window.
    stale_at: Duration,
}

impl Window {
    /// From when on the log counts nothing and nobody has asked for its key.
    pub(super) fn stale_at(&self) -> Duration {
        self.stale_at
    }

    /// Lets up to `wanted` more through, as many as there is room for.
    pub(super) fn take_up_to(&mut self, limit: &Limit, wanted: u32, now: Duration) -> Taken {
        self.stale_at = now + limit.window;
        let now = nanos(now);
        let window = nanos(limit.window);
        while self
            .log
            .front()
            .is_some_and(|then| then.saturating_add(window) <= now)
        {
            self.log.pop_front();
        }
        // A quota may have been larger before, so that more are logged than it allows now.
        let counted = u32::try_from(self.log.len()).unwrap_or(u32::MAX);
        let room = limit.quota.saturating_sub(counted);
        let granted = wanted.min(room);
        self.log.extend((0..granted).map(|_| now));
        let oldest = self.log.front().copied().unwrap_or(now);
        Taken {
            granted,
            remaining: room - granted,
            reset_after: Duration::from_nanos(oldest.saturating_add(window).saturating_sub(now)),
        }
    }
}

fn nanos(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn no_window_whatsoever_holds_more_than_the_quota(
            quota in 1_u32..6,
            steps in prop::collection::vec((0_u64..400, 0_u32..4), 1..200),
        ) {
            let limit = Limit { name: "test", quota, window: Duration::from_secs(1) };
            let mut window = Window::default();
            let mut now = 0;
            let mut passed: Vec<u64> = Vec::new();
            let counted = |passed: &[u64], now| {
                u32::try_from(passed.iter().filter(|then| now - **then < 1_000).count()).unwrap()
            };
            for (step, wanted) in steps {
                now += step;
                let room = quota - counted(&passed, now);
                let taken = window.take_up_to(&limit, wanted, Duration::from_millis(now));
                // Neither too many nor too few.
                prop_assert_eq!(taken.granted, wanted.min(room));
                passed.extend((0..taken.granted).map(|_| now));
                prop_assert_eq!(taken.remaining, quota - counted(&passed, now));
                prop_assert!(taken.reset_after <= limit.window);
            }
        }

        #[test]
        fn after_the_time_it_names_there_is_more_room(
            quota in 1_u32..6,
            steps in prop::collection::vec(1_u64..400, 1..50),
        ) {
            let limit = Limit { name: "test", quota, window: Duration::from_secs(1) };
            let mut window = Window::default();
            let mut now = Duration::ZERO;
            for step in steps {
                now += Duration::from_millis(step);
                let taken = window.take_up_to(&limit, 1, now);
                if taken.granted == 0 {
                    let instant = Duration::from_nanos(1);
                    now += taken.reset_after.saturating_sub(instant);
                    prop_assert_eq!(window.take_up_to(&limit, 1, now).granted, 0);
                    now += instant;
                    prop_assert_eq!(window.take_up_to(&limit, 1, now).granted, 1);
                }
            }
        }
    }
}
