//! The instants at which one key was let through.

use std::collections::VecDeque;
use std::time::Duration;

use parlance_domain::limits::{Limit, LimitDecision};

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

    /// Lets one more through if there is room.
    pub(super) fn take(&mut self, limit: &Limit, now: Duration) -> LimitDecision {
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
        let quota = usize::try_from(limit.quota).unwrap_or(usize::MAX);
        let allowed = self.log.len() < quota;
        if allowed {
            self.log.push_back(now);
        }
        let remaining = u32::try_from(quota.saturating_sub(self.log.len())).unwrap_or(u32::MAX);
        let oldest = self.log.front().copied().unwrap_or(now);
        LimitDecision {
            allowed,
            remaining,
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
            steps in prop::collection::vec(0_u64..400, 1..200),
        ) {
            let limit = Limit { name: "test", quota, window: Duration::from_secs(1) };
            let mut window = Window::default();
            let mut now = 0;
            let mut passed: Vec<u64> = Vec::new();
            for step in steps {
                now += step;
                let before = passed.iter().filter(|then| now - **then < 1_000).count();
                let decision = window.take(&limit, Duration::from_millis(now));
                // Neither too many nor too few.
                prop_assert_eq!(decision.allowed, before < quota as usize);
                if decision.allowed {
                    passed.push(now);
                }
                let counted = passed.iter().filter(|then| now - **then < 1_000).count();
                prop_assert_eq!(decision.remaining as usize, quota as usize - counted);
                prop_assert!(decision.reset_after <= limit.window);
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
                let decision = window.take(&limit, now);
                if !decision.allowed {
                    let instant = Duration::from_nanos(1);
                    now += decision.reset_after.saturating_sub(instant);
                    prop_assert!(!window.take(&limit, now).allowed);
                    now += instant;
                    prop_assert!(window.take(&limit, now).allowed);
                }
            }
        }
    }
}
