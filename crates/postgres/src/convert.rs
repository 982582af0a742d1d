//! Between the domain's values and columns.

use std::fmt::Display;
use std::str::FromStr;

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

    /// A text in its domain form, without copying it.
    pub(crate) fn take<T: TryFrom<String>>(
        &self,
        text: String,
        column: &'static str,
    ) -> Result<T, CorruptRow> {
        self.some(T::try_from(text).ok(), column)
    }

    /// A text in its domain form, if there is one.
    pub(crate) fn parse_some<T: FromStr>(
        &self,
        text: Option<&str>,
        column: &'static str,
    ) -> Result<Option<T>, CorruptRow> {
        text.map(|text| self.parse(text, column)).transpose()
    }

    /// A number of a narrower type than a column's.
    pub(crate) fn number<V, T: TryFrom<V>>(&self, value: V, column: &'static str) -> Result<T, CorruptRow> {
        self.some(T::try_from(value).ok(), column)
    }

    /// A number of a narrower type than a column's, if there is one.
    pub(crate) fn number_some<V, T: TryFrom<V>>(
        &self,
        value: Option<V>,
        column: &'static str,
    ) -> Result<Option<T>, CorruptRow> {
        value.map(|value| self.number(value, column)).transpose()
    }
}

/// A count or a revision as PostgreSQL keeps it; what does not fit is more than there can ever be.
pub(crate) fn to_i64(value: u64) -> i64 {
    i64::try_from(value).unwrap_or(i64::MAX)
}

/// Texts as PostgreSQL writes an array of them.
pub(crate) fn array_literal<T: AsRef<str>>(texts: impl IntoIterator<Item = T>) -> String {
    let mut literal = String::from("{");
    for text in texts {
        literal.push_str(if literal.len() == 1 { "\"" } else { ",\"" });
        for sign in text.as_ref().chars() {
            if matches!(sign, '"' | '\\') {
                literal.push('\\');
            }
            literal.push(sign);
        }
        literal.push('"');
    }
    literal.push('}');
    literal
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_array_is_quoted_and_escaped() {
        assert_eq!(array_literal::<&str>([]), "{}");
        assert_eq!(
            array_literal(["", "a,b", "c\"d", "e\\f", "{}", "null"]),
            r#"{"","a,b","c\"d","e\\f","{}","null"}"#
        );
    }
}
