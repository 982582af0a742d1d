//! A database of its own for each test.

use std::ops::AsyncFnOnce;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

use anyhow::{Context, Result, ensure};
use tokio_postgres::Client;
use url::Url;

use crate::environment::database_url;
use crate::sql;

/// What the names of templates begin with.
const TEMPLATE: &str = "parlance_template_";
/// Longer names are cut by PostgreSQL, so that two could become one.
const LONGEST_NAME: usize = 63;

/// A database on the server that tests share (`TEST_DATABASE_URL`), dropped with this value, also when the test fails.
#[derive(Debug)]
pub struct TestDatabase {
    name: String,
    admin: Url,
}

impl TestDatabase {
    /// Makes a copy of the template of this name.
    ///
    /// A template that is missing is made first: an empty database whose URL `prepare` gets, to apply a schema. That
    /// happens once, however many tests and processes ask. A server may outlive a schema, so the name is to hold
    /// whatever `prepare` depends on, such as a hash of the migrations; it consists of letters, digits and `_`.
    ///
    /// # Panics
    ///
    /// Without `TEST_DATABASE_URL`, with what to do about it, and when the database cannot be made.
    pub async fn create<F>(template: &str, prepare: F) -> Self
    where
        F: AsyncFnOnce(String),
    {
        let made = Self::try_create(Some(template), prepare).await;
        made.unwrap_or_else(|error| panic!("cannot make a database for the test: {error:#}"))
    }

    /// Makes an empty database.
    ///
    /// # Panics
    ///
    /// As [`create`](Self::create) does.
    pub async fn empty() -> Self {
        let made = Self::try_create(None, async |_| ()).await;
        made.unwrap_or_else(|error| panic!("cannot make a database for the test: {error:#}"))
    }

    async fn try_create<F>(template: Option<&str>, prepare: F) -> Result<Self>
    where
        F: AsyncFnOnce(String),
    {
        let admin = Url::parse(&database_url()).context("TEST_DATABASE_URL is no URL")?;
        let client = sql::connect(admin.as_str()).await?;
        let template = match template {
            Some(name) => ensure_template(&client, &admin, name, prepare).await?,
            None => "template0".to_owned(),
        };
        let database = Self {
            name: unique_name()?,
            admin,
        };
        let (name, template) = (sql::identifier(&database.name), sql::identifier(&template));
        let statement = format!("CREATE DATABASE {name} TEMPLATE {template} ENCODING 'UTF8'");
        sql::run(&client, &statement).await?;
        Ok(database)
    }

    /// The URL of the database.
    pub fn url(&self) -> String {
        on(&self.admin, &self.name)
    }

    /// Sends statements as text on a connection of their own; gives back the rows of all as text, NULL as none.
    pub fn query(&self, statements: &str) -> Result<Vec<Vec<Option<String>>>> {
        let url = self.url();
        sql::blocking(async { sql::run(&sql::connect(&url).await?, statements).await })
    }

    /// Sends statements as text in a transaction that stays open.
    pub async fn begin(&self, statements: &str) -> Result<OpenTransaction> {
        let client = sql::connect(&self.url()).await?;
        sql::run(&client, &format!("BEGIN; {statements}")).await?;
        Ok(OpenTransaction { client })
    }

    /// The URL of the database from which this one was made, as `TEST_DATABASE_URL` says.
    pub fn admin_url(&self) -> String {
        self.admin.to_string()
    }

    /// The name of the database.
    pub fn name(&self) -> &str {
        &self.name
    }
}

/// A transaction that is open, with the locks that it holds; dropped, it is rolled back.
pub struct OpenTransaction {
    client: Client,
}

impl OpenTransaction {
    /// Ends it.
    pub async fn commit(self) -> Result<()> {
        sql::run(&self.client, "COMMIT").await?;
        Ok(())
    }
}

impl Drop for TestDatabase {
    fn drop(&mut self) {
        let statement = format!("DROP DATABASE {} WITH (FORCE)", sql::identifier(&self.name));
        let url = self.admin_url();
        // What cannot be dropped goes with the server; a test that passed has not failed for it.
        let _ = sql::blocking(async { sql::run(&sql::connect(&url).await?, &statement).await });
    }
}

/// Makes the template unless it is there, and gives back the name of its database.
async fn ensure_template<F>(client: &Client, admin: &Url, template: &str, prepare: F) -> Result<String>
where
    F: AsyncFnOnce(String),
{
    let plain = |sign: u8| sign.is_ascii_alphanumeric() || sign == b'_';
    ensure!(
        template.bytes().all(plain),
        "the name of a template consists of letters, digits and _"
    );
    let name = format!("{TEMPLATE}{template}");
    ensure!(
        name.len() <= LONGEST_NAME,
        "the name of the template is too long: {name}"
    );
    if is_finished(client, &name).await? {
        return Ok(name);
    }
    // The lock is the session's; other processes wait here, then find the template finished.
    let lock = format!("hashtextextended({}, 0)", sql::literal(&name));
    sql::run(client, &format!("SELECT pg_advisory_lock({lock})")).await?;
    if !is_finished(client, &name).await? {
        make_template(client, admin, &name, prepare).await?;
    }
    sql::run(client, &format!("SELECT pg_advisory_unlock({lock})")).await?;
    Ok(name)
}

/// Whether a database is marked as a template, which is the last step of its making.
async fn is_finished(client: &Client, name: &str) -> Result<bool> {
    let name = sql::literal(name);
    let query = format!("SELECT 1 FROM pg_database WHERE datname = {name} AND datistemplate");
    Ok(!sql::run(client, &query).await?.is_empty())
}

async fn make_template<F>(client: &Client, admin: &Url, name: &str, prepare: F) -> Result<()>
where
    F: AsyncFnOnce(String),
{
    let (quoted, text) = (sql::identifier(name), sql::literal(name));
    // One that is not finished was left by a process that died on it. Outside a transaction, one by one.
    let drop = format!("DROP DATABASE IF EXISTS {quoted} WITH (FORCE)");
    sql::run(client, &drop).await?;
    let create = format!("CREATE DATABASE {quoted} TEMPLATE template0 ENCODING 'UTF8'");
    sql::run(client, &create).await?;
    prepare(on(admin, name)).await;
    // A database to which somebody is connected cannot be copied.
    let close = format!("ALTER DATABASE {quoted} ALLOW_CONNECTIONS false");
    sql::run(client, &close).await?;
    let part = format!("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = {text}");
    sql::run(client, &part).await?;
    let finish = format!("ALTER DATABASE {quoted} IS_TEMPLATE true");
    sql::run(client, &finish).await?;
    Ok(())
}

/// The URL of another database of the same server.
fn on(admin: &Url, database: &str) -> String {
    let mut url = admin.clone();
    url.set_path(database);
    url.to_string()
}

/// A name that no other test takes, on no machine and at no other time.
fn unique_name() -> Result<String> {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    let time = SystemTime::now().duration_since(UNIX_EPOCH)?.as_nanos();
    let number = NEXT.fetch_add(1, Ordering::Relaxed);
    Ok(format!("parlance_test_{time:x}_{}_{number}", std::process::id()))
}
