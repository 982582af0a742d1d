//! The store of what was spent.
//!
//! A reservation is one statement that first locks the sum of all, then adds to the user's unless that exceeds its
//! cap, and to the sum of all only if that was done. Whoever waited for the lock sees what the one before committed:
//! locking a row, and `ON CONFLICT DO UPDATE`, take its newest version, not that of the statement's snapshot. All who
//! write take the locks in this order.
//!
//! A row that was added in a statement cannot be changed in the same, therefore the sum of all is there before: a
//! reservation that does not find it only puts in a zero, once a day, and is sent again.
//!
//! Sums live for days: `parlance copy` leaves them behind, and whoever is copied begins with nothing spent.

use std::sync::Arc;

use async_trait::async_trait;
use chrono::NaiveDate;
use diesel::result::OptionalExtension;
use diesel::sql_types::{BigInt, Date, Nullable, Text, Uuid as SqlUuid};
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use parlance_domain::ids::UserId;
use parlance_domain::port::PortError;
use parlance_domain::spending::{Caps, Meter, ReserveError, Spending, SpendingStore};
use uuid::Uuid;

use crate::convert::{RowOf, to_i64};
use crate::database::{PgDatabase, Repeat, StoreError, only};
use crate::statement::statement;

const PORT: &str = "SpendingStore";

/// How often a reservation looks for the sum of all; whoever does not find it puts it in.
const LOOKS: u32 = 4;

statement!(
    Reserve(
        user_id: Uuid => SqlUuid,
        day: NaiveDate => Date,
        meter: &'a str => Text,
        amount: i64 => BigInt,
        user_cap: i64 => BigInt,
        all_cap: i64 => BigInt,
    ) -> (Nullable<BigInt>, BigInt)
        = "WITH wanted (user_id, day, meter, amount, user_cap, all_cap) AS (VALUES (?, ?, ?, ?, ?, ?)), \
           total AS MATERIALIZED (SELECT t.amount FROM spending_total t JOIN wanted w \
              ON w.day = t.day AND w.meter = t.meter FOR NO KEY UPDATE OF t), \
           made AS (INSERT INTO spending_total (day, meter, amount) SELECT day, meter, 0 FROM wanted \
              WHERE NOT EXISTS (SELECT FROM total) ON CONFLICT (day, meter) DO NOTHING), \
           counted AS (INSERT INTO spending (user_id, day, meter, amount) \
              SELECT w.user_id, w.day, w.meter, w.amount FROM wanted w JOIN total t \
                ON t.amount <= w.all_cap - w.amount AND w.amount <= w.user_cap \
              ON CONFLICT (user_id, day, meter) DO UPDATE SET amount = spending.amount + excluded.amount \
                WHERE spending.amount <= (SELECT user_cap FROM wanted) - excluded.amount \
              RETURNING day, meter), \
           summed AS (UPDATE spending_total t SET amount = t.amount + w.amount \
              FROM wanted w JOIN counted c ON c.day = w.day AND c.meter = w.meter \
              WHERE t.day = w.day AND t.meter = w.meter) \
           SELECT (SELECT amount FROM total), (SELECT count(*) FROM counted)"
);
statement!(
    ReserveForNobody(day: NaiveDate => Date, meter: &'a str => Text, amount: i64 => BigInt, all_cap: i64 => BigInt)
        = "WITH wanted (day, meter, amount, all_cap) AS (VALUES (?, ?, ?, ?)) \
           INSERT INTO spending_total (day, meter, amount) SELECT day, meter, amount FROM wanted \
             WHERE amount <= all_cap \
           ON CONFLICT (day, meter) DO UPDATE SET amount = spending_total.amount + excluded.amount \
             WHERE spending_total.amount <= (SELECT all_cap FROM wanted) - excluded.amount"
);
statement!(
    GiveBack(user_id: Uuid => SqlUuid, day: NaiveDate => Date, meter: &'a str => Text, amount: i64 => BigInt)
        = "WITH wanted (user_id, day, meter, amount) AS (VALUES (?, ?, ?, ?)), \
           total AS (UPDATE spending_total t SET amount = greatest(t.amount - w.amount, 0) FROM wanted w \
              WHERE t.day = w.day AND t.meter = w.meter RETURNING t.day) \
           UPDATE spending s SET amount = greatest(s.amount - w.amount, 0) FROM wanted w \
             WHERE s.user_id = w.user_id AND s.day = w.day AND s.meter = w.meter \
               AND (SELECT count(*) FROM total) >= 0"
);
statement!(
    GiveBackForNobody(amount: i64 => BigInt, day: NaiveDate => Date, meter: &'a str => Text)
        = "UPDATE spending_total SET amount = greatest(amount - ?, 0) WHERE day = ? AND meter = ?"
);
statement!(
    OfUser(user_id: Uuid => SqlUuid, day: NaiveDate => Date, meter: &'a str => Text) -> (BigInt)
        = "SELECT amount FROM spending WHERE user_id = ? AND day = ? AND meter = ?"
);
statement!(
    OfAll(day: NaiveDate => Date, meter: &'a str => Text) -> (BigInt)
        = "SELECT amount FROM spending_total WHERE day = ? AND meter = ?"
);
statement!(
    // Copies of the program that purge at once take different ones, as those of sessions.
    Purge(before: NaiveDate => Date, limit: i64 => BigInt, same: NaiveDate => Date, whole: i64 => BigInt) -> (BigInt)
        = "WITH users AS (DELETE FROM spending WHERE ctid = ANY (ARRAY(SELECT ctid FROM spending WHERE day < ? \
              ORDER BY day LIMIT ? FOR UPDATE SKIP LOCKED)) RETURNING day), \
           totals AS (DELETE FROM spending_total WHERE ctid = ANY (ARRAY(SELECT ctid FROM spending_total \
              WHERE day < ? ORDER BY day LIMIT ? - (SELECT count(*) FROM users) FOR UPDATE SKIP LOCKED)) \
              RETURNING day) \
           SELECT (SELECT count(*) FROM users) + (SELECT count(*) FROM totals)"
);

/// What was spent, in the database.
#[derive(Clone)]
pub struct PgSpending {
    database: PgDatabase,
}

impl PgSpending {
    /// What was spent, in this database.
    pub fn new(database: PgDatabase) -> Self {
        Self { database }
    }

    async fn reserve_for(&self, user: UserId, spending: &Spending, caps: &Caps) -> Result<(), ReserveError> {
        let (amount, user_cap, all_cap) = (to_i64(spending.amount), cap(caps.user), cap(caps.all));
        let send = |connection: Arc<AsyncPgConnection>| async move {
            let Spending { day, meter, .. } = *spending;
            let statement = Reserve::new(user.0, day, meter.as_str(), amount, user_cap, all_cap);
            statement.load(&mut &*connection).await.and_then(only)
        };
        for _ in 0..LOOKS {
            // Sent twice, it would count twice.
            let answer = self.database.run(Repeat::Never, send).await;
            let (total, counted): (Option<i64>, i64) = answer.map_err(to_port)?;
            match total {
                None => {}
                Some(_) if counted > 0 => return Ok(()),
                Some(total) if total > all_cap - amount => return Err(ReserveError::AllSpent),
                Some(_) => return Err(ReserveError::UserSpent),
            }
        }
        Err(to_port(StoreError::Overtaken).into())
    }

    async fn reserve_for_nobody(&self, spending: &Spending, caps: &Caps) -> Result<(), ReserveError> {
        let (amount, all_cap) = (to_i64(spending.amount), cap(caps.all));
        let send = |connection: Arc<AsyncPgConnection>| async move {
            let Spending { day, meter, .. } = *spending;
            let statement = ReserveForNobody::new(day, meter.as_str(), amount, all_cap);
            statement.execute(&mut &*connection).await
        };
        let counted = self.database.run(Repeat::Never, send).await;
        match counted.map_err(to_port)? {
            0 => Err(ReserveError::AllSpent),
            _ => Ok(()),
        }
    }
}

#[async_trait]
impl SpendingStore for PgSpending {
    async fn reserve(&self, spending: &Spending, caps: &Caps) -> Result<(), ReserveError> {
        match spending.user {
            Some(user) => self.reserve_for(user, spending, caps).await,
            None => self.reserve_for_nobody(spending, caps).await,
        }
    }

    async fn give_back(&self, spending: &Spending) -> Result<(), PortError> {
        let send = |connection: Arc<AsyncPgConnection>| async move {
            let Spending { user, day, meter, .. } = *spending;
            let (meter, amount) = (meter.as_str(), to_i64(spending.amount));
            if let Some(UserId(user)) = user {
                let statement = GiveBack::new(user, day, meter, amount);
                return statement.execute(&mut &*connection).await;
            }
            let statement = GiveBackForNobody::new(amount, day, meter);
            statement.execute(&mut &*connection).await
        };
        // Sent twice, it would give back what others spent.
        let given = self.database.run(Repeat::Never, send).await;
        given.map(|_| ()).map_err(to_port)
    }

    async fn spent(&self, user: Option<UserId>, day: NaiveDate, meter: Meter) -> Result<u64, PortError> {
        let meter = meter.as_str();
        let read = |connection: Arc<AsyncPgConnection>| async move {
            let found = match user {
                Some(UserId(user)) => OfUser::new(user, day, meter).get_result(&mut &*connection).await,
                None => OfAll::new(day, meter).get_result(&mut &*connection).await,
            };
            found.optional()
        };
        let found: Option<(i64,)> = self.database.run(Repeat::Safe, read).await.map_err(to_port)?;
        let table = if user.is_some() {
            "spending"
        } else {
            "spending_total"
        };
        let of = RowOf { table, id: &meter };
        let sum = of.number(found.map_or(0, |(sum,)| sum), "amount");
        sum.map_err(|error| to_port(error.into()))
    }

    async fn purge(&self, before: NaiveDate, limit: u32) -> Result<u32, PortError> {
        let limit = i64::from(limit);
        let send = |connection: Arc<AsyncPgConnection>| async move {
            let statement = Purge::new(before, limit, before, limit);
            statement.load(&mut &*connection).await.and_then(only)
        };
        let (purged,): (i64,) = self.database.run(Repeat::Safe, send).await.map_err(to_port)?;
        Ok(u32::try_from(purged).unwrap_or(u32::MAX))
    }
}

/// A cap as the statements compare it; none is as much as can be written.
fn cap(cap: u64) -> i64 {
    if cap == 0 { i64::MAX } else { to_i64(cap) }
}

fn to_port(error: StoreError) -> PortError {
    error.for_owner().into_port(PORT)
}
