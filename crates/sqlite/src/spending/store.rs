//! The store of what was spent.
//!
//! Sums live for days: `parlance copy` leaves them behind, and whoever is copied begins with nothing spent.

use async_trait::async_trait;
use chrono::NaiveDate;
use diesel::result::{Error as DieselError, OptionalExtension};
use diesel::sql_types::{BigInt, Binary, Text};
use diesel::{RunQueryDsl, SqliteConnection};
use parlance_domain::ids::UserId;
use parlance_domain::port::PortError;
use parlance_domain::spending::{Caps, Meter, ReserveError, Spending, SpendingStore};

use crate::convert::{RowOf, to_i64};
use crate::database::{Fail, NoRefusal, SqliteDatabase, StoreError};
use crate::statement::statement;

const PORT: &str = "SpendingStore";

statement!(
    OfUser(user_id: &'a [u8] => Binary, day: i64 => BigInt, meter: &'a str => Text) -> (BigInt)
        = "SELECT amount FROM spending WHERE user_id = ? AND day = ? AND meter = ?"
);
statement!(
    OfAll(day: i64 => BigInt, meter: &'a str => Text) -> (BigInt)
        = "SELECT amount FROM spending_total WHERE day = ? AND meter = ?"
);
statement!(
    AddToUser(user_id: &'a [u8] => Binary, day: i64 => BigInt, meter: &'a str => Text, amount: i64 => BigInt)
        = "INSERT INTO spending (user_id, day, meter, amount) VALUES (?, ?, ?, ?) \
           ON CONFLICT (user_id, day, meter) DO UPDATE SET amount = amount + excluded.amount"
);
statement!(
    AddToAll(day: i64 => BigInt, meter: &'a str => Text, amount: i64 => BigInt)
        = "INSERT INTO spending_total (day, meter, amount) VALUES (?, ?, ?) \
           ON CONFLICT (day, meter) DO UPDATE SET amount = amount + excluded.amount"
);
statement!(
    TakeFromUser(amount: i64 => BigInt, user_id: &'a [u8] => Binary, day: i64 => BigInt, meter: &'a str => Text)
        = "UPDATE spending SET amount = max(amount - ?, 0) WHERE user_id = ? AND day = ? AND meter = ?"
);
statement!(
    TakeFromAll(amount: i64 => BigInt, day: i64 => BigInt, meter: &'a str => Text)
        = "UPDATE spending_total SET amount = max(amount - ?, 0) WHERE day = ? AND meter = ?"
);
statement!(
    PurgeUsers(before: i64 => BigInt, limit: i64 => BigInt)
        = "DELETE FROM spending WHERE (user_id, day, meter) IN (SELECT user_id, day, meter FROM spending \
           WHERE day < ? ORDER BY day LIMIT ?)"
);
statement!(
    PurgeAll(before: i64 => BigInt, limit: i64 => BigInt)
        = "DELETE FROM spending_total WHERE (day, meter) IN (SELECT day, meter FROM spending_total \
           WHERE day < ? ORDER BY day LIMIT ?)"
);

/// What was spent, in the database.
#[derive(Clone)]
pub struct SqliteSpending {
    database: SqliteDatabase,
}

impl SqliteSpending {
    /// What was spent, in this database.
    pub fn new(database: SqliteDatabase) -> Self {
        Self { database }
    }
}

#[async_trait]
impl SpendingStore for SqliteSpending {
    async fn reserve(&self, spending: &Spending, caps: &Caps) -> Result<(), ReserveError> {
        let (spending, caps) = (*spending, *caps);
        let reserved = self
            .database
            .write(move |connection| reserve(connection, &spending, &caps));
        reserved.await.map_err(|error| match error {
            Fail::Refused(Spent::User) => ReserveError::UserSpent,
            Fail::Refused(Spent::All) => ReserveError::AllSpent,
            Fail::Store(error) => error.into_port(PORT).into(),
        })
    }

    async fn give_back(&self, spending: &Spending) -> Result<(), PortError> {
        let spending = *spending;
        let given: Result<(), NoRefusal> = self
            .database
            .write(move |connection| Ok(give_back(connection, &spending)?))
            .await;
        given.map_err(|error| error.into_port(PORT))
    }

    async fn spent(&self, user: Option<UserId>, day: NaiveDate, meter: Meter) -> Result<u64, PortError> {
        self.database
            .read(move |connection| spent(connection, user, day, meter))
            .await
            .map_err(|error: NoRefusal| error.into_port(PORT))
    }

    async fn purge(&self, before: NaiveDate, limit: u32) -> Result<u32, PortError> {
        let before = number_of(before);
        let purged: Result<usize, NoRefusal> = self
            .database
            .write(move |connection| Ok(purge(connection, before, limit)?))
            .await;
        let purged = purged.map_err(|error| error.into_port(PORT))?;
        Ok(u32::try_from(purged).unwrap_or(u32::MAX))
    }
}

/// Whose cap would be exceeded.
#[derive(Debug)]
enum Spent {
    User,
    All,
}

fn reserve(connection: &mut SqliteConnection, spending: &Spending, caps: &Caps) -> Result<(), Fail<Spent>> {
    let (day, meter) = (number_of(spending.day), spending.meter.as_str());
    let amount = to_i64(spending.amount);
    if !fits(sum_of_all(connection, day, meter)?, amount, caps.all) {
        return Err(Fail::Refused(Spent::All));
    }
    if let Some(UserId(user)) = &spending.user {
        let user = user.as_bytes();
        if !fits(sum_of_user(connection, user, day, meter)?, amount, caps.user) {
            return Err(Fail::Refused(Spent::User));
        }
        let added = AddToUser::new(user, day, meter, amount).execute(connection);
        added.map_err(StoreError::of_owner)?;
    }
    AddToAll::new(day, meter, amount).execute(connection)?;
    Ok(())
}

/// Whether a sum may grow by an amount; what cannot be written exceeds any cap.
fn fits(sum: i64, amount: i64, cap: u64) -> bool {
    let cap = if cap == 0 { i64::MAX } else { to_i64(cap) };
    sum.checked_add(amount).is_some_and(|sum| sum <= cap)
}

fn give_back(connection: &mut SqliteConnection, spending: &Spending) -> Result<(), DieselError> {
    let (day, meter) = (number_of(spending.day), spending.meter.as_str());
    let amount = to_i64(spending.amount);
    if let Some(UserId(user)) = &spending.user {
        TakeFromUser::new(amount, user.as_bytes(), day, meter).execute(connection)?;
    }
    TakeFromAll::new(amount, day, meter).execute(connection)?;
    Ok(())
}

fn spent(
    connection: &mut SqliteConnection,
    user: Option<UserId>,
    day: NaiveDate,
    meter: Meter,
) -> Result<u64, NoRefusal> {
    let (day, meter) = (number_of(day), meter.as_str());
    let (table, sum) = match user {
        Some(UserId(user)) => ("spending", sum_of_user(connection, user.as_bytes(), day, meter)?),
        None => ("spending_total", sum_of_all(connection, day, meter)?),
    };
    let of = RowOf { table, id: &meter };
    Ok(of.number(sum, "amount")?)
}

fn sum_of_user(
    connection: &mut SqliteConnection,
    user: &[u8],
    day: i64,
    meter: &str,
) -> Result<i64, DieselError> {
    let found: Option<(i64,)> = OfUser::new(user, day, meter).get_result(connection).optional()?;
    Ok(found.map_or(0, |(sum,)| sum))
}

fn sum_of_all(connection: &mut SqliteConnection, day: i64, meter: &str) -> Result<i64, DieselError> {
    let found: Option<(i64,)> = OfAll::new(day, meter).get_result(connection).optional()?;
    Ok(found.map_or(0, |(sum,)| sum))
}

/// Forgets sums of users first; how many of either.
fn purge(connection: &mut SqliteConnection, before: i64, limit: u32) -> Result<usize, DieselError> {
    let limit = i64::from(limit);
    let of_users = PurgeUsers::new(before, limit).execute(connection)?;
    let left = limit.saturating_sub(i64::try_from(of_users).unwrap_or(i64::MAX));
    let of_all = PurgeAll::new(before, left).execute(connection)?;
    Ok(of_users + of_all)
}

/// How many days a day is after 1970-01-01.
fn number_of(day: NaiveDate) -> i64 {
    day.signed_duration_since(NaiveDate::default()).num_days()
}
