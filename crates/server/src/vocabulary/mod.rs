//! Vocabulary files: word lists as CSV, read strictly, and those shipped within the binary.

mod csv_file;
mod list_file;
pub mod shipped;

pub use csv_file::{ImportFileError, RowProblem, read_words};
pub use list_file::ListEntry;
