//! A limiter of its own for each copy, while the shared one is gone.

use std::sync::Arc;

use async_trait::async_trait;
use parlance_domain::limits::{Limit, RateLimiter, Taken};
use parlance_domain::port::PortError;

use crate::Breaker;

/// Counts with the shared limiter, or with the local one when that fails or is left alone.
///
/// The local one is told of all that the shared one grants, so that it does not begin with an empty window: what one
/// copy lets through stays within the quota when the shared limiter goes away. The shared one is told nothing of what
/// was granted without it: in the one window around its return a copy may let through up to twice the quota.
pub struct FallbackLimiter {
    shared: Arc<dyn RateLimiter>,
    local: Arc<dyn RateLimiter>,
    breaker: Arc<Breaker>,
}

impl FallbackLimiter {
    /// Puts `local` in the place of `shared` while `breaker` is open.
    pub fn new(shared: Arc<dyn RateLimiter>, local: Arc<dyn RateLimiter>, breaker: Arc<Breaker>) -> Self {
        Self {
            shared,
            local,
            breaker,
        }
    }
}

#[async_trait]
impl RateLimiter for FallbackLimiter {
    async fn take_up_to(&self, key: &str, limit: &Limit, wanted: u32) -> Result<Taken, PortError> {
        let shared = self.breaker.call(self.shared.take_up_to(key, limit, wanted));
        let Some(Ok(taken)) = shared.await else {
            return self.local.take_up_to(key, limit, wanted).await;
        };
        if taken.granted > 0 {
            // What it says of it does not count while the shared one is there.
            let _ = self.local.take_up_to(key, limit, taken.granted).await;
        }
        Ok(taken)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use parlance_contract::fakes::TestElapsed;
    use parlance_domain::health::{Circuit, CircuitState};

    use super::*;
    use crate::BreakerConfig;
    use crate::tests::{WindowLimiter, clock_of};

    const LIMIT: Limit = Limit::per_minute("login", 5);

    struct Subject {
        shared: Arc<WindowLimiter>,
        limiter: Arc<FallbackLimiter>,
        breaker: Arc<Breaker>,
        time: Arc<TestElapsed>,
    }

    fn subject() -> Subject {
        let time = Arc::new(TestElapsed::default());
        let shared = Arc::new(WindowLimiter::new(clock_of(&time)));
        let local = Arc::new(WindowLimiter::new(clock_of(&time)));
        let breaker = Arc::new(Breaker::with_clock(BreakerConfig::new("test"), clock_of(&time)));
        let limiter = FallbackLimiter::new(
            Arc::clone(&shared) as Arc<dyn RateLimiter>,
            local,
            Arc::clone(&breaker),
        );
        Subject {
            shared,
            limiter: Arc::new(limiter),
            breaker,
            time,
        }
    }

    parlance_contract::rate_limiter_contract!({
        let subject = subject();
        (subject.limiter, subject.time)
    });

    async fn allowed(limiter: &FallbackLimiter, attempts: u32) -> u32 {
        let mut allowed = 0;
        for _ in 0..attempts {
            allowed += u32::from(limiter.take("key", &LIMIT).await.unwrap().allowed);
        }
        allowed
    }

    #[tokio::test]
    async fn fault_15_requests_go_on_and_limits_hold_when_the_shared_limiter_is_gone() {
        let Subject {
            shared,
            limiter,
            breaker,
            ..
        } = subject();
        assert_eq!(allowed(&limiter, 3).await, 3);
        shared.fail(true);
        // Of five, three were let through before.
        assert_eq!(allowed(&limiter, 100).await, 2);
        assert_eq!(breaker.state(), CircuitState::Open);
    }

    #[tokio::test]
    async fn a_limiter_that_is_left_alone_is_not_asked_until_it_answers_again() {
        let Subject {
            shared,
            limiter,
            time,
            ..
        } = subject();
        shared.fail(true);
        allowed(&limiter, 100).await;
        assert_eq!(shared.asked(), 3);
        shared.fail(false);
        time.advance(Duration::from_secs(5));
        allowed(&limiter, 1).await;
        assert_eq!(shared.asked(), 4);
        allowed(&limiter, 1).await;
        assert_eq!(shared.asked(), 5);
    }
}
