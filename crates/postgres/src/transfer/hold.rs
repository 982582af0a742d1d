//! A database that nobody writes to while it is moved out of.

use diesel_async::SimpleAsyncConnection;
use parlance_domain::port::PortError;
use tokio::time::timeout;

use crate::database::{Link, PgDatabase, StoreError};

/// Every table may be read meanwhile. The transaction has nothing to do for as long as the move takes.
///
/// What was spent and the requests with keys (`spending`, `spending_total`, `idempotency_keys`) are not moved: they
/// live for a day, and may be written meanwhile.
const HOLD: &str = "SET idle_in_transaction_session_timeout = 0; BEGIN; \
     LOCK TABLE accounts, sessions, known_devices, second_factors, recovery_codes, passkeys, linked_identities, api_keys, \
     user_settings, provider_keys, words, word_lists, list_words, vocabulary_release, progress_heads, progress_events, \
     progress, audit_entries, audit_head IN SHARE MODE";

/// Locks on every table that is moved, which end with this.
pub struct Hold {
    database: PgDatabase,
    link: Link,
}

impl Hold {
    /// Locks every table that is moved, unless somebody holds one for too long.
    pub(super) async fn take(database: &PgDatabase) -> Result<Self, StoreError> {
        Ok(Self {
            link: database.link(HOLD).await?,
            database: database.clone(),
        })
    }

    /// Fails when the locks are lost, and keeps those on the way from taking the connection for an abandoned one.
    pub async fn check(&self) -> Result<(), PortError> {
        // The locks end with their transaction, and that with its connection: nobody commits it, and no statement
        // succeeds in one that has failed.
        let mut connection = &*self.link.connection;
        let answer = timeout(self.database.patience(), connection.batch_execute("SELECT 1")).await;
        let answer = answer.map_or(Err(StoreError::Timeout), |answer| {
            answer.map_err(StoreError::from)
        });
        answer.map_err(|error| error.into_port("Hold"))
    }
}
