//! What `cargo xtask test` tells the tests.

use std::path::PathBuf;

/// The URL of the Redis that tests share: `TEST_REDIS_URL`.
///
/// # Panics
///
/// When it is not set, with what to do about it.
pub fn redis_url() -> String {
    std::env::var("TEST_REDIS_URL").unwrap_or_else(|_| {
        panic!("no Redis to test with: run `cargo xtask test`, or set TEST_REDIS_URL to a Redis that may be written")
    })
}

/// The program `parlance` to test: `PARLANCE_BIN`.
///
/// # Panics
///
/// When it is not set or not there, with what to do about it.
pub fn parlance_binary() -> PathBuf {
    let binary = std::env::var_os("PARLANCE_BIN").map(PathBuf::from);
    binary.filter(|path| path.is_file()).unwrap_or_else(|| {
        panic!(
            "no program to test: run `cargo xtask test`, \
             or build with `cargo build -p parlance-server` and set PARLANCE_BIN to target/debug/parlance"
        )
    })
}

/// The URL of the PostgreSQL that tests share: `TEST_DATABASE_URL`.
pub(crate) fn database_url() -> String {
    std::env::var("TEST_DATABASE_URL").unwrap_or_else(|_| {
        panic!(
            "no PostgreSQL to test with: run `cargo xtask test`, \
             or set TEST_DATABASE_URL to a PostgreSQL where databases may be created"
        )
    })
}
