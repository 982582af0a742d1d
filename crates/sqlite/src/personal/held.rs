//! The rows of a learner, read as the rules of their tables say.

use std::fmt::Write;

use async_trait::async_trait;
use chrono::{DateTime, SecondsFormat};
use diesel::sql_types::{BigInt, Binary, Nullable, Text};
use diesel::{QueryableByName, RunQueryDsl, sql_query};
use parlance_domain::ids::UserId;
use parlance_domain::personal::{Column, HeldData, HeldPage, HeldRow, Kind, Rows, Shown, Table};
use parlance_domain::port::PortError;
use parlance_domain::time::from_epoch_millis;
use serde_json::Value;
use uuid::Uuid;

use crate::convert::{CorruptRow, RowOf};
use crate::database::{NoRefusal, SqliteDatabase};

const PORT: &str = "HeldData";
/// A day, in seconds.
const DAY: i64 = 86_400;

/// Whatever is held of learners in the database.
#[derive(Clone)]
pub struct SqliteHeldData {
    database: SqliteDatabase,
}

impl SqliteHeldData {
    /// Whatever is held in this database.
    pub fn new(database: SqliteDatabase) -> Self {
        Self { database }
    }
}

#[async_trait]
impl HeldData for SqliteHeldData {
    async fn page(
        &self,
        user: UserId,
        table: &'static Table,
        after: Option<&str>,
        limit: u32,
    ) -> Result<HeldPage, PortError> {
        let after = after.map(str::to_owned);
        let limit = table.pages_by.map(|_| limit);
        let page = self.database.read(move |connection| {
            let query = sql_query(question(table))
                .bind::<Binary, _>(user.0.as_bytes().as_slice())
                .bind::<Nullable<Text>, _>(&after)
                .bind::<BigInt, _>(limit.map_or(i64::MAX, i64::from));
            let lines: Vec<Line> = query.load(connection)?;
            let last = lines.last().and_then(|line| line.place.clone());
            let rows = lines.iter().map(|line| row(table, &line.held));
            let rows = rows.collect::<Result<_, CorruptRow>>()?;
            Ok(HeldPage::new(rows, limit, last))
        });
        page.await.map_err(|error: NoRefusal| error.into_port(PORT))
    }
}

#[derive(QueryableByName)]
struct Line {
    #[diesel(sql_type = Text)]
    held: String,
    #[diesel(sql_type = Nullable<Text>)]
    place: Option<String>,
}

/// The statement that reads a page: the user, the place behind which it begins, how many rows.
///
/// It is made of the names that the rules of the tables hold, and of nothing else.
fn question(table: &Table) -> String {
    let values: Vec<String> = table.exported().map(value).collect();
    let (place, behind) = match table.page_column() {
        Some(column) => (place(column), behind(column)),
        None => ("NULL".to_owned(), "?2 IS NULL".to_owned()),
    };
    let mut text = format!(
        "SELECT json_array({}) AS held, {place} AS place FROM {} t WHERE {} AND {behind}",
        values.join(", "),
        table.name,
        owner(table.rows)
    );
    if let Some(column) = table.pages_by {
        let _ = write!(text, " ORDER BY t.{column}");
    }
    text.push_str(" LIMIT ?3");
    text
}

fn owner(rows: Rows) -> String {
    match rows {
        Rows::OfUser(column) => format!("t.{column} = ?1"),
        Rows::OfActorAndSubject => "(t.actor_id = ?1 OR t.subject_id = ?1)".to_owned(),
        Rows::OfNobody(_) => "?1 IS NULL".to_owned(),
    }
}

fn value(column: &Column) -> String {
    let name = column.name;
    let plain = match column.kind {
        Kind::Id => format!("nullif(hex(t.{name}), '')"),
        _ => format!("t.{name}"),
    };
    match column.shown {
        Shown::UnlessAnotherActed => format!(
            "CASE WHEN t.actor_kind NOT IN ('account', 'api_key') OR t.actor_id = ?1 THEN {plain} END"
        ),
        Shown::UnlessOfAnother => {
            format!("CASE WHEN t.subject_id IS NULL OR t.subject_id = ?1 THEN {plain} END")
        }
        Shown::Always | Shown::Never(_) => plain,
    }
}

/// Where a row is among all, as a text.
fn place(column: &Column) -> String {
    let name = column.name;
    match column.kind {
        Kind::Id => format!("hex(t.{name})"),
        _ => format!("CAST(t.{name} AS TEXT)"),
    }
}

fn behind(column: &Column) -> String {
    let name = column.name;
    let bound = match column.kind {
        Kind::Id => "unhex(?2)",
        Kind::Number => "CAST(?2 AS INTEGER)",
        _ => "?2",
    };
    format!("(?2 IS NULL OR t.{name} > {bound})")
}

/// The row that an array of JSON holds, each value in the form of its kind.
fn row(table: &'static Table, text: &str) -> Result<HeldRow, CorruptRow> {
    let of = RowOf {
        table: table.name,
        id: &"of a learner",
    };
    let HeldRow(values) = of.some(HeldRow::of_json(text), "all")?;
    let values = table.exported().zip(values).map(|(column, value)| match value {
        Value::Null => Ok(Value::Null),
        value => of.some(in_form(column.kind, value), column.name),
    });
    values.collect::<Result<_, CorruptRow>>().map(HeldRow)
}

fn in_form(kind: Kind, value: Value) -> Option<Value> {
    Some(match kind {
        Kind::Text | Kind::Number => value,
        Kind::Id => Uuid::parse_str(value.as_str()?).ok()?.to_string().into(),
        Kind::Flag => (value.as_i64()? != 0).into(),
        Kind::Time => {
            let at = from_epoch_millis(value.as_i64()?)?;
            at.to_rfc3339_opts(SecondsFormat::Millis, true).into()
        }
        Kind::Day => {
            let midnight = DateTime::from_timestamp(value.as_i64()?.checked_mul(DAY)?, 0)?;
            midnight.date_naive().to_string().into()
        }
        Kind::Names => value.as_str()?.split_whitespace().collect::<Vec<_>>().into(),
        Kind::Json => serde_json::from_str(value.as_str()?).ok()?,
    })
}
