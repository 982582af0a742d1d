//! Between the domain's values and columns.

use std::fmt::Display;
use std::str::FromStr;

use parlance_domain::time::{Timestamp, from_epoch_millis};
use uuid::Uuid;

/// A row that breaks an invariant of the domain.
#[derive(Debug, thiserror::Error)]
#[error("column {column} of row {id} of table {table} breaks an invariant")]
pub(crate) struct CorruptRow {
    table: &'static str,
    id: String,
    column: &'static str,
}

/// Names a row while its columns are read.
#[derive(Clone, Copy)]
pub(crate) struct RowOf<'a> {
    /// The table.
    pub(crate) table: &'static str,
    /// What identifies the row in it.
    pub(crate) id: &'a dyn Display,
}

impl RowOf<'_> {
    /// The row is corrupt because of this column.
    pub(crate) fn corrupt(&self, column: &'static str) -> CorruptRow {
        CorruptRow {
            table: self.table,
            id: self.id.to_string(),
            column,
        }
    }

    /// What must be there.
    pub(crate) fn some<T>(&self, value: Option<T>, column: &'static str) -> Result<T, CorruptRow> {
        value.ok_or_else(|| self.corrupt(column))
    }

    /// A text in its domain form.
    pub(crate) fn parse<T: FromStr>(&self, text: &str, column: &'static str) -> Result<T, CorruptRow> {
        text.parse().map_err(|_| self.corrupt(column))
    }

    /// A text in its domain form, if there is one.
    pub(crate) fn parse_some<T: FromStr>(
        &self,
        text: Option<&str>,
        column: &'static str,
    ) -> Result<Option<T>, CorruptRow> {
        text.map(|text| self.parse(text, column)).transpose()
    }

    /// An instant.
    pub(crate) fn time(&self, millis: i64, column: &'static str) -> Result<Timestamp, CorruptRow> {
        self.some(from_epoch_millis(millis), column)
    }

    /// An instant, if there is one.
    pub(crate) fn time_some(
        &self,
        millis: Option<i64>,
        column: &'static str,
    ) -> Result<Option<Timestamp>, CorruptRow> {
        millis.map(|millis| self.time(millis, column)).transpose()
    }

    /// A UUID.
    pub(crate) fn uuid(&self, bytes: &[u8], column: &'static str) -> Result<Uuid, CorruptRow> {
        self.some(Uuid::from_slice(bytes).ok(), column)
    }

    /// A number of a narrower type than a column's.
    pub(crate) fn number<T: TryFrom<i64>>(&self, value: i64, column: &'static str) -> Result<T, CorruptRow> {
        self.some(T::try_from(value).ok(), column)
    }

    /// A number of a narrower type than a column's, if there is one.
    pub(crate) fn number_some<T: TryFrom<i64>>(
        &self,
        value: Option<i64>,
        column: &'static str,
    ) -> Result<Option<T>, CorruptRow> {
        value.map(|value| self.number(value, column)).transpose()
    }

    /// Texts out of a JSON array.
    pub(crate) fn texts(&self, json: &str, column: &'static str) -> Result<Vec<String>, CorruptRow> {
        self.some(serde_json::from_str(json).ok(), column)
    }
}

/// A count or a revision as SQLite keeps it; what does not fit is more than there can ever be.
pub(crate) fn to_i64(value: u64) -> i64 {
    i64::try_from(value).unwrap_or(i64::MAX)
}

/// A limit as SQLite takes it: none is -1.
pub(crate) fn limit_to_i64(limit: Option<u32>) -> i64 {
    limit.map_or(-1, i64::from)
}

/// A JSON array of texts.
pub(crate) fn json_texts<T: AsRef<str>>(texts: impl IntoIterator<Item = T>) -> String {
    let texts = texts
        .into_iter()
        .map(|text| serde_json::Value::from(text.as_ref()));
    serde_json::Value::Array(texts.collect()).to_string()
}
