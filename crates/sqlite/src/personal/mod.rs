//! Whatever is held of a learner, and the archives of it that were asked for.

mod exports;
mod held;
mod row;

pub use exports::SqliteExports;
pub use held::SqliteHeldData;
