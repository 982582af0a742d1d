//! Where a server under test keeps its data: in a file, or in a database of its own on PostgreSQL.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::path::{Path, PathBuf};
use std::time::Duration;

use diesel::connection::SimpleConnection;
use diesel::sql_types::{BigInt, Text};
use diesel::{Connection, RunQueryDsl, SqliteConnection};
use parlance_server::server::{Options, Server};
use parlance_server::settings::{DatabaseSettings, Settings, Values};
use parlance_testbed::{OpenTransaction, TestDatabase};
use tempfile::TempDir;
use tokio::sync::OnceCell;

/// Says which store the suite runs over: `sqlite`, as without it, or `postgres`.
const STORE: &str = "PARLANCE_TEST_STORE";

/// A place of one server, gone when dropped.
pub(crate) struct Place {
    dir: TempDir,
    server: Option<TestDatabase>,
}

impl Place {
    /// An empty place, or one with the shipped vocabulary.
    pub(crate) async fn new(vocabulary: bool) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let server = match std::env::var(STORE).as_deref() {
            Ok("postgres") => Some(database(vocabulary).await),
            Ok("sqlite") | Err(_) => None,
            Ok(other) => panic!("{STORE} is `{other}`: it can be sqlite or postgres"),
        };
        let place = Self { dir, server };
        if let (DatabaseSettings::Sqlite(path), true) = (place.database(), vocabulary) {
            std::fs::copy(file_with_vocabulary().await, path).unwrap();
        }
        place
    }

    /// A place that several servers can work on at once.
    pub(crate) async fn shared(vocabulary: bool) -> Self {
        Self {
            dir: tempfile::tempdir().unwrap(),
            server: Some(database(vocabulary).await),
        }
    }

    /// Where audio is.
    pub(crate) fn objects(&self) -> PathBuf {
        self.dir.path().join("objects")
    }

    /// Lets an account administer from its next sign-in on.
    pub(crate) fn make_admin(&self, email: &str) {
        let roles = if self.is_postgres() {
            "ARRAY['user', 'admin']"
        } else {
            "'user admin'"
        };
        self.execute(&format!(
            "UPDATE accounts SET roles = {roles} WHERE email = '{email}'"
        ));
    }

    /// Where the data is.
    pub(crate) fn dir(&self) -> &Path {
        self.dir.path()
    }

    /// Where the database is.
    pub(crate) fn database(&self) -> DatabaseSettings {
        match &self.server {
            Some(database) => DatabaseSettings::parse(&database.url()).unwrap(),
            None => DatabaseSettings::Sqlite(self.dir.path().join("parlance.db")),
        }
    }

    /// Whether it is on PostgreSQL.
    pub(crate) fn is_postgres(&self) -> bool {
        self.server.is_some()
    }

    /// How SQL writes an id.
    pub(crate) fn id(&self, id: &str) -> String {
        match self.server {
            Some(_) => format!("'{id}'"),
            None => format!("x'{}'", id.replace('-', "")),
        }
    }

    /// Runs statements behind the server.
    pub(crate) fn execute(&self, statements: &str) {
        match &self.server {
            Some(database) => drop(database.query(statements).unwrap()),
            None => self.file().batch_execute(statements).unwrap(),
        }
    }

    /// Runs statements behind the server in a transaction that stays open; a shared place alone can.
    pub(crate) async fn begin(&self, statements: &str) -> OpenTransaction {
        let database = self.server.as_ref().expect("the place is shared");
        database.begin(statements).await.unwrap()
    }

    /// The one number that a query gives.
    pub(crate) fn number(&self, query: &str) -> i64 {
        match &self.server {
            Some(database) => {
                let rows = database.query(query).unwrap();
                rows[0][0].as_ref().unwrap().parse().unwrap()
            }
            None => diesel::dsl::sql::<BigInt>(query)
                .get_result(&mut self.file())
                .unwrap(),
        }
    }

    /// The texts that a query of one column gives.
    pub(crate) fn texts(&self, query: &str) -> Vec<String> {
        match &self.server {
            Some(database) => {
                let rows = database.query(query).unwrap().into_iter();
                rows.map(|mut row| row.remove(0).unwrap()).collect()
            }
            None => diesel::dsl::sql::<Text>(query)
                .get_results(&mut self.file())
                .unwrap(),
        }
    }

    fn file(&self) -> SqliteConnection {
        let path = self.dir.path().join("parlance.db");
        let mut connection = SqliteConnection::establish(path.to_str().unwrap()).unwrap();
        connection
            .batch_execute("PRAGMA busy_timeout = 5000; PRAGMA foreign_keys = ON")
            .unwrap();
        connection
    }
}

/// A copy of a template that is made once, by whichever test comes first.
async fn database(vocabulary: bool) -> TestDatabase {
    let mut digest = DefaultHasher::new();
    add(&mut digest, "migrations/postgres");
    if vocabulary {
        add(&mut digest, "data/vocabulary");
    }
    let template = format!("suite_{:016x}", digest.finish());
    TestDatabase::create(&template, async |url| {
        let dir = tempfile::tempdir().unwrap();
        let database = DatabaseSettings::parse(&url).unwrap();
        fill(dir.path(), database, vocabulary).await;
    })
    .await
}

/// Adds the files of a folder of the repository to a digest, so that no older template is taken for this one.
fn add(digest: &mut DefaultHasher, folder: &str) {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let mut folders = vec![root.join(folder)];
    let mut files = Vec::new();
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else {
                files.push(path);
            }
        }
    }
    files.sort();
    for file in files {
        std::fs::read(file).unwrap().hash(digest);
    }
}

/// A file with the shipped vocabulary, made once for all tests of a run.
async fn file_with_vocabulary() -> &'static Path {
    static TEMPLATE: OnceCell<(TempDir, PathBuf)> = OnceCell::const_new();
    let (_, path) = TEMPLATE
        .get_or_init(|| async {
            let dir = tempfile::tempdir().unwrap();
            let path = dir.path().join("parlance.db");
            fill(dir.path(), DatabaseSettings::Sqlite(path.clone()), true).await;
            (dir, path)
        })
        .await;
    path
}

/// Starts a server once, so that the schema and what is shipped are there.
async fn fill(dir: &Path, database: DatabaseSettings, vocabulary: bool) {
    let values = Values::from([("PORT", "0"), ("METRICS_ADDR", "off"), ("BCRYPT_COST", "4")]);
    let mut settings = Settings::from_values(&values).unwrap();
    settings.data_dir = dir.to_owned();
    settings.database = database;
    let options = Options {
        load_vocabulary: vocabulary,
        ..Options::default()
    };
    let server = Server::start(&settings, options).await.unwrap();
    server.stop(Duration::ZERO).await;
}
