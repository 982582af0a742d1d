//! Several copies of the program on a PostgreSQL and a Redis of their own.

mod bucket;
mod client;
mod copy;
mod guardian;
mod setup;
mod usage;

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result};
use futures_util::future::try_join_all;
use parlance_testbed::{FakeGoogle, Postgres, Redis};

pub use bucket::Bucket;
pub use client::{Answer, Client, Lost, Request};
pub use copy::Copy;
pub use setup::{Before, Setup};
pub use usage::Usage;

use self::guardian::Guardian;
use crate::proxy::Proxy;

/// Copies of the program and what they stand on; all of it is stopped and removed when this is dropped.
#[derive(Debug)]
pub struct Cluster {
    copies: Vec<Arc<Copy>>,
    postgres: Arc<Postgres>,
    database: String,
    redis: Option<Arc<Redis>>,
    google: Option<FakeGoogle>,
    bucket: Option<Bucket>,
    to_postgres: Option<Proxy>,
    to_redis: Option<Proxy>,
    to_bucket: Option<Proxy>,
    front: Option<Proxy>,
    _guardian: Guardian,
}

impl Cluster {
    /// The copies.
    pub fn copies(&self) -> &[Arc<Copy>] {
        &self.copies
    }

    /// A copy, by number.
    pub fn copy(&self, number: usize) -> &Arc<Copy> {
        &self.copies[number]
    }

    /// Where the copies listen.
    pub fn addresses(&self) -> Vec<SocketAddr> {
        self.copies.iter().map(|copy| copy.address()).collect()
    }

    /// A client of a copy, with enough patience for an answer that the program owes.
    pub fn client(&self, number: usize) -> Result<Client> {
        Client::new(self.copy(number).address(), Duration::from_secs(40))
    }

    /// A client of each copy.
    pub fn clients(&self) -> Result<Vec<Client>> {
        (0..self.copies.len()).map(|number| self.client(number)).collect()
    }

    /// The PostgreSQL.
    pub fn postgres(&self) -> &Arc<Postgres> {
        &self.postgres
    }

    /// The name of the database.
    pub fn database(&self) -> &str {
        &self.database
    }

    /// Sends statements to the database and gives back the rows of all, as text.
    pub async fn sql(&self, statements: &str) -> Result<Vec<Vec<Option<String>>>> {
        let (database, statements) = (self.database.clone(), statements.to_owned());
        self.with_postgres(move |postgres| postgres.query(&database, &statements))
            .await
    }

    /// The first column of the first row that a query on the database gives.
    pub async fn sql_value(&self, query: &str) -> Result<String> {
        let rows = self.sql(query).await?;
        let value = rows.into_iter().flatten().next().flatten();
        value.with_context(|| format!("nothing came of {query}"))
    }

    /// Does something to the PostgreSQL without holding up the clients.
    pub async fn with_postgres<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Postgres) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        let postgres = Arc::clone(&self.postgres);
        tokio::task::spawn_blocking(move || work(&postgres)).await?
    }

    /// The Redis.
    ///
    /// # Errors
    ///
    /// When the cluster was set up without.
    pub fn redis(&self) -> Result<&Arc<Redis>> {
        self.redis.as_ref().context("the cluster has no Redis")
    }

    /// Does something to the Redis without holding up the clients.
    pub async fn with_redis<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Redis) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        let redis = Arc::clone(self.redis()?);
        tokio::task::spawn_blocking(move || work(&redis)).await?
    }

    /// The Google that speaks and writes.
    ///
    /// # Errors
    ///
    /// When the cluster was set up without.
    pub fn google(&self) -> Result<&FakeGoogle> {
        self.google.as_ref().context("the cluster has no Google")
    }

    /// The bucket in which audio is kept.
    ///
    /// # Errors
    ///
    /// When the cluster was set up without.
    pub fn bucket(&self) -> Result<&Bucket> {
        self.bucket.as_ref().context("the cluster has no bucket")
    }

    /// The proxy between the copies and the PostgreSQL.
    ///
    /// # Errors
    ///
    /// When the cluster was set up without.
    pub fn to_postgres(&self) -> Result<&Proxy> {
        self.to_postgres.as_ref().context("no proxy to PostgreSQL")
    }

    /// The proxy between the copies and the Redis.
    ///
    /// # Errors
    ///
    /// When the cluster was set up without.
    pub fn to_redis(&self) -> Result<&Proxy> {
        self.to_redis.as_ref().context("no proxy to Redis")
    }

    /// The proxy between the copies and the bucket.
    ///
    /// # Errors
    ///
    /// When the cluster was set up without.
    pub fn to_bucket(&self) -> Result<&Proxy> {
        self.to_bucket.as_ref().context("no proxy to a bucket")
    }

    /// The splitter in front of the copies.
    ///
    /// # Errors
    ///
    /// When the cluster was set up without.
    pub fn front(&self) -> Result<&Proxy> {
        self.front.as_ref().context("no splitter in front")
    }

    /// Starts all copies at once; how long the slowest took until it was ready.
    pub async fn start_all(&self) -> Result<Duration> {
        let took = try_join_all(self.copies.iter().map(|copy| copy.start())).await?;
        Ok(took.into_iter().max().unwrap_or_default())
    }

    /// What the copies take of the machine at present.
    pub async fn usage(&self) -> Result<Vec<Usage>> {
        try_join_all(self.copies.iter().map(|copy| copy.usage())).await
    }
}
