//! The directory of all accounts.

mod directory;

pub use directory::PgDirectory;
