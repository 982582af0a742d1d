//! Leases that hold nobody up.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use parlance_domain::caching::{Lease, Leases};
use parlance_domain::port::PortError;

use crate::{Breaker, LeftAlone};

/// Leases that are left alone when they fail: what hangs is not waited for again and again.
///
/// They want a circuit of their own. The cache beside them is asked much more often, and a moment in which it was slow
/// is no reason to let every copy pay for the same answer.
pub struct GuardedLeases {
    inner: Arc<dyn Leases>,
    breaker: Arc<Breaker>,
}

impl GuardedLeases {
    /// Asks `inner` for nothing while `breaker` is open.
    pub fn new(inner: Arc<dyn Leases>, breaker: Arc<Breaker>) -> Self {
        Self { inner, breaker }
    }
}

#[async_trait]
impl Leases for GuardedLeases {
    async fn take(&self, key: &str, lifetime: Duration) -> Result<Option<Lease>, PortError> {
        let taken = self.breaker.call(self.inner.take(key, lifetime)).await;
        taken.unwrap_or_else(|| Err(PortError::unavailable("Leases", LeftAlone)))
    }

    async fn prolong(&self, lease: &Lease, lifetime: Duration) -> Result<bool, PortError> {
        let prolonged = self.breaker.call(self.inner.prolong(lease, lifetime)).await;
        prolonged.unwrap_or_else(|| Err(PortError::unavailable("Leases", LeftAlone)))
    }

    async fn give_back(&self, lease: &Lease) -> Result<(), PortError> {
        let given = self.breaker.call(self.inner.give_back(lease)).await;
        given.unwrap_or_else(|| Err(PortError::unavailable("Leases", LeftAlone)))
    }
}

#[cfg(test)]
mod tests {
    use std::error::Error;
    use std::io;
    use std::sync::atomic::{AtomicU32, Ordering};

    use parlance_domain::port::PortErrorKind;

    use super::*;
    use crate::BreakerConfig;

    /// Lends each key once and takes nothing back; with no key it fails.
    #[derive(Default)]
    struct Lender(AtomicU32);

    impl Lender {
        fn ask<T>(&self, key: &str, answer: T) -> Result<T, PortError> {
            self.0.fetch_add(1, Ordering::Relaxed);
            if key.is_empty() {
                return Err(PortError::unavailable("Leases", io::Error::other("gone")));
            }
            Ok(answer)
        }
    }

    #[async_trait]
    impl Leases for Lender {
        async fn take(&self, key: &str, _: Duration) -> Result<Option<Lease>, PortError> {
            self.ask(key, (key != "lent").then(|| lease(key)))
        }

        async fn prolong(&self, lease: &Lease, _: Duration) -> Result<bool, PortError> {
            self.ask(&lease.key, true)
        }

        async fn give_back(&self, lease: &Lease) -> Result<(), PortError> {
            self.ask(&lease.key, ())
        }
    }

    fn lease(key: &str) -> Lease {
        Lease {
            key: key.to_owned(),
            token: "token".to_owned(),
        }
    }

    fn guarded() -> (GuardedLeases, Arc<Lender>) {
        let lender = Arc::new(Lender::default());
        let breaker = Arc::new(Breaker::new(BreakerConfig::new("test")));
        (GuardedLeases::new(Arc::clone(&lender) as _, breaker), lender)
    }

    #[tokio::test]
    async fn while_leases_work_they_are_asked_each_time() {
        let (leases, lender) = guarded();
        for _ in 0..100 {
            let taken = leases.take("key", Duration::MAX).await.unwrap();
            assert_eq!(taken, Some(lease("key")));
            assert_eq!(leases.take("lent", Duration::MAX).await.unwrap(), None);
            assert!(leases.prolong(&lease("key"), Duration::MAX).await.unwrap());
            leases.give_back(&lease("key")).await.unwrap();
        }
        assert_eq!(lender.0.load(Ordering::Relaxed), 400);
    }

    #[tokio::test]
    async fn leases_that_fail_are_soon_left_alone() {
        let (leases, lender) = guarded();
        for _ in 0..3 {
            assert!(leases.give_back(&lease("")).await.is_err());
        }
        for key in ["", "key"] {
            let error = leases.take(key, Duration::MAX).await.unwrap_err();
            assert_eq!(error.kind, PortErrorKind::Unavailable);
            assert!(error.source().unwrap().is::<LeftAlone>());
            assert!(leases.prolong(&lease(key), Duration::MAX).await.is_err());
            assert!(leases.give_back(&lease(key)).await.is_err());
        }
        assert_eq!(lender.0.load(Ordering::Relaxed), 3);
    }
}
