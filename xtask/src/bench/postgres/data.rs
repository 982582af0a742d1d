//! A thousand learners with five hundred words each.

use std::path::Path;

use anyhow::Result;
use parlance_testbed::Postgres;

use super::settings;
use crate::bench::client;
use crate::bench::server::Server;

/// How many learners there are.
const LEARNERS: usize = 1_000;

/// Copies of one account, with ids that pgbench can compute: the number of the learner in the last digits.
const COPY_ACCOUNTS: &str = "
    INSERT INTO accounts
    SELECT (jsonb_populate_record(a, jsonb_build_object(
        'id', '00000000-0000-7000-8000-' || lpad(to_hex(n), 12, '0'),
        'email', 'learner' || n || '@example.com', 'email_key', 'learner' || n || '@example.com'))).*
    FROM accounts a, generate_series(1, 1000) n;
    INSERT INTO progress_heads SELECT id, 0, 0 FROM accounts ON CONFLICT DO NOTHING;
";

/// Four gigabytes of the write-ahead log, whose files the next checkpoint leaves for use again: as in a database that has
/// run for a while, a commit does not wait for a file to be made.
const USED_LOG: &str = "SELECT count(pg_logical_emit_message(false, 'bench', repeat('x', 1048576))) FROM generate_series(1, 4096)";

/// The learners' access tokens.
pub(super) struct Data {
    tokens: Vec<String>,
}

impl Data {
    /// Fills the database `bench` through a server whose passwords cost little.
    pub(super) fn prepare(binary: &Path, folder: &Path, postgres: &Postgres) -> Result<Self> {
        let url = postgres.url("bench");
        let mut cheap = settings(&url).to_vec();
        cheap.push(("BCRYPT_COST", "4"));
        let server = Server::start(binary, folder, &cheap)?;
        client::sign(server.address(), "register", 0, 201)?;
        postgres.query("bench", COPY_ACCOUNTS)?;
        println!("{LEARNERS} learners with 500 words each");
        let mut tokens = Vec::with_capacity(LEARNERS);
        for number in 1..=LEARNERS {
            let token = client::sign(server.address(), "login", number, 200)?;
            client::give_progress(server.address(), &token)?;
            tokens.push(token);
        }
        server.stop()?;
        postgres.query("bench", "VACUUM ANALYZE")?;
        postgres.query("bench", USED_LOG)?;
        postgres.query("bench", "CHECKPOINT")?;
        Ok(Self { tokens })
    }

    /// Their access tokens.
    pub(super) fn tokens(&self) -> &[String] {
        &self.tokens
    }
}
