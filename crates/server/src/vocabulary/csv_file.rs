//! Reads the words of a list from CSV; every bad row is named by its line.

use std::collections::HashMap;
use std::fmt;

use parlance_domain::ids::WordId;
use parlance_domain::words::Word;
use serde::Deserialize;

/// The columns that there must be; others are ignored.
const COLUMNS: [&str; 7] = [
    "wordId",
    "simplified",
    "traditional",
    "pinyin",
    "english",
    "partOfSpeech",
    "frequencyRank",
];
const MAX_TEXT: usize = 4_000;
const MAX_TERM: usize = 200;

/// What is wrong with a row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RowProblem {
    /// Its line in the file, counted from 1.
    pub line: u64,
    /// What is wrong there.
    pub message: String,
}

/// Why a file was not taken.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ImportFileError {
    /// The first line does not name every column.
    #[error("the first line must name the columns {}; {} is missing", COLUMNS.join(", "), .0)]
    MissingColumn(&'static str),
    /// It has no rows.
    #[error("there are no words in it")]
    Empty,
    /// Some rows are bad.
    #[error("{}", Rows(.0))]
    Rows(Vec<RowProblem>),
}

struct Rows<'a>(&'a [RowProblem]);

impl fmt::Display for Rows<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "nothing was imported, {} rows are wrong:", self.0.len())?;
        for RowProblem { line, message } in self.0 {
            write!(f, "\n  line {line}: {message}")?;
        }
        Ok(())
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Row {
    word_id: String,
    simplified: String,
    traditional: String,
    pinyin: String,
    english: String,
    part_of_speech: String,
    frequency_rank: String,
}

/// Reads the words of a file; either every row is fine, or all that are not are named.
pub fn read_words(csv: &[u8], language: &str) -> Result<Vec<Word>, ImportFileError> {
    let csv = csv.strip_prefix("\u{feff}".as_bytes()).unwrap_or(csv);
    let mut reader = csv::ReaderBuilder::new().from_reader(csv);
    let headers = reader.headers().cloned().unwrap_or_default();
    if let Some(missing) = COLUMNS
        .iter()
        .find(|column| !headers.iter().any(|h| h == **column))
    {
        return Err(ImportFileError::MissingColumn(missing));
    }
    let mut words = Vec::new();
    let mut problems = Vec::new();
    let mut seen: HashMap<WordId, u64> = HashMap::new();
    let mut record = csv::StringRecord::new();
    loop {
        let start = reader.position().clone();
        let row: Result<Row, csv::Error> = match reader.read_record(&mut record) {
            Ok(false) => break,
            Ok(true) => record.deserialize(Some(&headers)),
            Err(error) => Err(error),
        };
        let line = start.line() + blank_lines(csv, start.byte());
        let word = row
            .map_err(|error| describe(&error))
            .and_then(|row| word(&row, language));
        match word {
            Ok(word) => match seen.insert(word.id.clone(), line) {
                Some(first) => problems.push(RowProblem {
                    line,
                    message: format!("{} stands on line {first} already", word.id),
                }),
                None => words.push(word),
            },
            Err(message) => problems.push(RowProblem { line, message }),
        }
    }
    match (problems.is_empty(), words.is_empty()) {
        (false, _) => Err(ImportFileError::Rows(problems)),
        (true, true) => Err(ImportFileError::Empty),
        (true, false) => Ok(words),
    }
}

/// How many blank lines there are before the record that is looked for from this place.
fn blank_lines(csv: &[u8], from: u64) -> u64 {
    let rest = csv
        .get(usize::try_from(from).unwrap_or(usize::MAX)..)
        .unwrap_or_default();
    let breaks = rest.iter().take_while(|byte| matches!(byte, b'\r' | b'\n'));
    breaks.map(|byte| u64::from(*byte == b'\n')).sum()
}

fn describe(error: &csv::Error) -> String {
    match error.kind() {
        csv::ErrorKind::UnequalLengths {
            expected_len, len, ..
        } => {
            format!("has {len} columns instead of {expected_len}")
        }
        csv::ErrorKind::Utf8 { .. } => "is not valid UTF-8".to_owned(),
        _ => "cannot be read".to_owned(),
    }
}

fn word(row: &Row, language: &str) -> Result<Word, String> {
    let id: WordId = row
        .word_id
        .trim()
        .parse()
        .map_err(|error| format!("wordId {error}"))?;
    let term = text("simplified", &row.simplified, MAX_TERM)?;
    let traditional = optional("traditional", &row.traditional, MAX_TERM)?;
    let frequency_rank = match row.frequency_rank.trim() {
        "" => None,
        rank => Some(
            rank.parse()
                .ok()
                .filter(|rank| *rank > 0)
                .ok_or("frequencyRank must be a whole number from 1")?,
        ),
    };
    Ok(Word {
        id,
        language: language.to_owned(),
        reading: optional("pinyin", &row.pinyin, MAX_TERM)?,
        gloss: text("english", &row.english, MAX_TEXT)?,
        alternate_forms: traditional.filter(|form| *form != term).into_iter().collect(),
        term,
        part_of_speech: row.part_of_speech.split_whitespace().map(str::to_owned).collect(),
        frequency_rank,
        list_ids: Vec::new(),
    })
}

fn text(column: &str, value: &str, longest: usize) -> Result<String, String> {
    optional(column, value, longest)?.ok_or_else(|| format!("{column} must not be empty"))
}

fn optional(column: &str, value: &str, longest: usize) -> Result<Option<String>, String> {
    let value = value.trim();
    if value.chars().count() > longest {
        return Err(format!("{column} must not be longer than {longest} characters"));
    }
    if value.chars().any(char::is_control) {
        return Err(format!("{column} must not contain control characters"));
    }
    Ok((!value.is_empty()).then(|| value.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEADER: &str = "wordId,simplified,traditional,pinyin,english,partOfSpeech,frequencyRank\n";

    fn read(rows: &str) -> Result<Vec<Word>, ImportFileError> {
        read_words(format!("{HEADER}{rows}").as_bytes(), "zh-CN")
    }

    fn problems(rows: &str) -> Vec<(u64, String)> {
        match read(rows) {
            Err(ImportFileError::Rows(problems)) => problems
                .into_iter()
                .map(|problem| (problem.line, problem.message))
                .collect(),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_row_becomes_a_word() {
        let word = read("zh-1,让,讓,ràng,\"to yield, to let\",v u,54\n")
            .unwrap()
            .remove(0);
        assert_eq!(
            (word.id.as_str(), word.term.as_str(), word.language.as_str()),
            ("zh-1", "让", "zh-CN")
        );
        assert_eq!(
            (word.reading.as_deref(), word.gloss.as_str()),
            (Some("ràng"), "to yield, to let")
        );
        assert_eq!(
            (word.alternate_forms, word.part_of_speech),
            (vec!["讓".to_owned()], vec!["v".to_owned(), "u".to_owned()])
        );
        assert_eq!(word.frequency_rank, Some(54));
    }

    #[test]
    fn a_traditional_form_like_the_simplified_one_is_no_other_form() {
        let word = read("zh-1,的,的,,of,,\n").unwrap().remove(0);
        assert!(word.alternate_forms.is_empty() && word.reading.is_none() && word.frequency_rank.is_none());
    }

    #[test]
    fn every_bad_row_is_named_by_its_line() {
        let rows = "zh-1,一,一,yī,one,m,1\nzh 2,二,二,èr,two,m,2\n\nzh-3,,三,sān,three,m,3\nzh-4,四,四,sì,four,m,0\n\
                    zh-1,一,一,yī,one,m,1\nzh-6,六\nzh-7,七,七,qī,,m,7\nzh-8,\"八\u{7}\",八,bā,eight,m,8\n";
        let lines: Vec<u64> = problems(rows).into_iter().map(|(line, _)| line).collect();
        assert_eq!(lines, [3, 5, 6, 7, 8, 9, 10]);
    }

    #[test]
    fn a_cell_over_several_lines_does_not_shift_the_line_numbers() {
        let rows = "zh-1,一,一,yī,one,\"m\nn\",1\nzh-2,,二,èr,two,m,2\n";
        assert_eq!(problems(rows)[0].0, 4);
    }

    #[test]
    fn a_file_without_columns_or_rows_is_refused() {
        assert_eq!(
            read_words(b"a,b\n1,2\n", "en"),
            Err(ImportFileError::MissingColumn("wordId"))
        );
        assert_eq!(
            read_words(b"", "en"),
            Err(ImportFileError::MissingColumn("wordId"))
        );
        assert_eq!(read(""), Err(ImportFileError::Empty));
    }

    #[test]
    fn invalid_utf8_is_refused_with_its_line() {
        let mut bytes = HEADER.as_bytes().to_vec();
        bytes.extend_from_slice(b"zh-1,\xff,x,x,x,x,1\n");
        let Err(ImportFileError::Rows(problems)) = read_words(&bytes, "zh-CN") else {
            panic!("taken")
        };
        assert_eq!(
            (problems[0].line, problems[0].message.as_str()),
            (2, "is not valid UTF-8")
        );
    }
}
