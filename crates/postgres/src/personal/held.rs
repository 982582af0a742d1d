//! The rows of a learner, read as the rules of their tables say.

use std::fmt::Write;
use std::sync::Arc;

use async_trait::async_trait;
use diesel::sql_types::{BigInt, Nullable, Text, Uuid as SqlUuid};
use diesel::{QueryableByName, sql_query};
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use parlance_domain::ids::UserId;
use parlance_domain::personal::{Column, HeldData, HeldPage, HeldRow, Kind, Rows, Shown, Table};
use parlance_domain::port::PortError;

use crate::convert::{CorruptRow, RowOf};
use crate::database::{PgDatabase, Repeat, StoreError};

const PORT: &str = "HeldData";

/// Whatever is held of learners in the database.
#[derive(Clone)]
pub struct PgHeldData {
    database: PgDatabase,
}

impl PgHeldData {
    /// Whatever is held in this database.
    pub fn new(database: PgDatabase) -> Self {
        Self { database }
    }
}

#[async_trait]
impl HeldData for PgHeldData {
    async fn page(
        &self,
        user: UserId,
        table: &'static Table,
        after: Option<&str>,
        limit: u32,
    ) -> Result<HeldPage, PortError> {
        let after = after.map(str::to_owned);
        let limit = table.pages_by.map(|_| limit);
        let read = |connection: Arc<AsyncPgConnection>| {
            let query = sql_query(question(table))
                .bind::<SqlUuid, _>(user.0)
                .bind::<Nullable<Text>, _>(after.clone())
                .bind::<BigInt, _>(limit.map_or(i64::MAX, i64::from));
            async move { query.load(&mut &*connection).await }
        };
        let lines: Result<Vec<Line>, StoreError> = self.database.run(Repeat::Safe, read).await;
        let page = lines.and_then(|lines| Ok(page(table, limit, &lines)?));
        page.map_err(|error| error.into_port(PORT))
    }
}

#[derive(QueryableByName)]
struct Line {
    #[diesel(sql_type = Text)]
    held: String,
    #[diesel(sql_type = Nullable<Text>)]
    place: Option<String>,
}

fn page(table: &'static Table, limit: Option<u32>, lines: &[Line]) -> Result<HeldPage, CorruptRow> {
    let of = RowOf {
        table: table.name,
        id: &"of a learner",
    };
    let last = lines.last().and_then(|line| line.place.clone());
    let rows = lines
        .iter()
        .map(|line| of.some(HeldRow::of_json(&line.held), "all"));
    let rows = rows.collect::<Result<_, CorruptRow>>()?;
    Ok(HeldPage::new(rows, limit, last))
}

/// The statement that reads a page: the user, the place behind which it begins, how many rows.
///
/// It is made of the names that the rules of the tables hold, and of nothing else.
fn question(table: &Table) -> String {
    let values: Vec<String> = table.exported().map(value).collect();
    let (place, behind) = match table.page_column() {
        Some(column) => (format!("t.{}::text", column.name), behind(column)),
        None => ("NULL".to_owned(), "$2::text IS NULL".to_owned()),
    };
    let mut text = format!(
        "SELECT json_build_array({})::text AS held, {place} AS place FROM {} t WHERE {} AND {behind}",
        values.join(", "),
        table.name,
        owner(table.rows)
    );
    if let Some(column) = table.pages_by {
        let _ = write!(text, " ORDER BY t.{column}");
    }
    text.push_str(" LIMIT $3");
    text
}

fn owner(rows: Rows) -> String {
    match rows {
        Rows::OfUser(column) => format!("t.{column} = $1"),
        Rows::OfActorAndSubject => "(t.actor_id = $1 OR t.subject_id = $1)".to_owned(),
        Rows::OfNobody(_) => "$1::uuid IS NULL".to_owned(),
    }
}

fn value(column: &Column) -> String {
    let name = column.name;
    let plain = match column.kind {
        Kind::Time => format!("to_char(t.{name} AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS.MS\"Z\"')"),
        Kind::Json => format!("t.{name}::json"),
        _ => format!("t.{name}"),
    };
    match column.shown {
        Shown::UnlessAnotherActed => format!(
            "CASE WHEN t.actor_kind NOT IN ('account', 'api_key') OR t.actor_id = $1 THEN {plain} END"
        ),
        Shown::UnlessOfAnother => {
            format!("CASE WHEN t.subject_id IS NULL OR t.subject_id = $1 THEN {plain} END")
        }
        Shown::Always | Shown::Never(_) => plain,
    }
}

fn behind(column: &Column) -> String {
    let bound = match column.kind {
        Kind::Id => "$2::text::uuid",
        Kind::Number => "$2::text::bigint",
        _ => "$2::text",
    };
    format!("($2::text IS NULL OR t.{} > {bound})", column.name)
}
