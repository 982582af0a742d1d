//! What is measured, and what is wanted of it.

use super::Case;

/// A row of the table.
#[derive(Debug)]
pub(super) struct Row {
    /// What is asked of the server.
    pub(super) case: Case,
    /// Over how many connections, where not over the usual number.
    pub(super) connections: Option<u32>,
    /// The most that the server may spend on a request, in microseconds of a core.
    pub(super) server_micros: Option<f64>,
    /// The most that PostgreSQL may spend on a request, in parts of what it spends on the same by pgbench.
    pub(super) database_ratio: Option<f64>,
    /// The least throughput, in parts of pgbench's.
    pub(super) rate_ratio: f64,
    /// The longest 95th percentile, in milliseconds.
    pub(super) p95_millis: Option<f64>,
}

const fn row(case: Case, server_micros: f64, database_ratio: f64, rate_ratio: f64) -> Row {
    Row {
        case,
        connections: None,
        server_micros: Some(server_micros),
        database_ratio: Some(database_ratio),
        rate_ratio,
        p95_millis: None,
    }
}

/// Every row.
pub(super) const PLAN: [Row; 6] = [
    row(Case::Me, 75.0, 1.3, 0.5),
    row(Case::Word, 100.0, 1.3, 0.5),
    row(Case::Progress, 1_100.0, 1.2, 0.8),
    row(Case::Put, 200.0, 0.7, 1.5),
    Row {
        case: Case::Put,
        connections: Some(1_000),
        server_micros: None,
        database_ratio: None,
        rate_ratio: 3.0,
        p95_millis: Some(150.0),
    },
    row(Case::Batch, 700.0, 1.2, 0.8),
];
