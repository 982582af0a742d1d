//! Requests with an `Idempotency-Key`.

mod row;
mod store;

pub use store::PgIdempotency;
