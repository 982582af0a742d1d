//! What was spent today, for the metrics: read from the store now and then.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use parlance_domain::port::PortError;
use parlance_domain::spending::{Meter, SpendingStore};
use parlance_domain::time::Clock;

/// What was spent today by all together, as it was read last.
pub(crate) struct Ledger {
    store: Arc<dyn SpendingStore>,
    clock: Arc<dyn Clock>,
    characters: AtomicU64,
    tokens: AtomicU64,
}

impl Ledger {
    /// Over a store; nothing is read yet.
    pub(crate) fn new(store: Arc<dyn SpendingStore>, clock: Arc<dyn Clock>) -> Self {
        Self {
            store,
            clock,
            characters: AtomicU64::new(0),
            tokens: AtomicU64::new(0),
        }
    }

    /// Reads what was spent today.
    pub(crate) async fn read(&self) -> Result<(), PortError> {
        let today = self.clock.now().date_naive();
        for meter in [Meter::Characters, Meter::Tokens] {
            let spent = self.store.spent(None, today, meter).await?;
            self.sum(meter).store(spent, Ordering::Relaxed);
        }
        Ok(())
    }

    /// What was spent when it was read last.
    pub(crate) fn spent(&self, meter: Meter) -> u64 {
        self.sum(meter).load(Ordering::Relaxed)
    }

    const fn sum(&self, meter: Meter) -> &AtomicU64 {
        match meter {
            Meter::Characters => &self.characters,
            Meter::Tokens => &self.tokens,
        }
    }
}
