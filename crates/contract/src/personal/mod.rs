//! What every store of personal data must do, and what the rules of its tables are held against.

mod export_files;
mod exports;
mod held;
pub mod rules;

pub use export_files::*;
pub use exports::*;
pub use held::*;
