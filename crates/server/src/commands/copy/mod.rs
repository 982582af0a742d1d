//! `parlance copy`: copies everything from one database into another, learner by learner.

mod audit;
mod learners;
mod words;

use anyhow::{Context, anyhow, bail};
use clap::Args;
use parlance_postgres::{Hold, PgTransfer};
use secrecy::ExposeSecret;

use self::learners::{Learners, Moved};
use crate::data_dir::DataDir;
use crate::database::{Database, Stores};
use crate::logs::say;
use crate::settings::{DatabaseSettings, Settings};

/// What to do where the two differ.
const ADVICE: &str = "one of the two was used; stop every server on them, empty --to and run this again";

/// From where to where; the URLs may hold passwords, so that it is not to be shown.
#[derive(Args)]
pub(super) struct Copy {
    /// The database to read, as in `DATABASE_URL`; it stays as it is
    #[arg(long, value_name = "URL")]
    from: String,
    /// The database to fill; without it, that of `DATABASE_URL`
    #[arg(long, value_name = "URL")]
    to: Option<String>,
    /// Read again, and compare, every row of learners whom an earlier run has copied
    #[arg(long)]
    compare_all: bool,
}

/// Copies what is not there yet and compares everything; repeated after an interruption, it goes on.
pub(super) async fn run(command: Copy, settings: Settings) -> anyhow::Result<()> {
    let (from, to) = ends(&command, &settings)?;
    let data_dir = DataDir::prepare(&settings)?;
    let _lock = data_dir.lock([from.file(), to.file()].into_iter().flatten())?;
    let source = Database::open_current(&from, false).await.context("--from")?;
    let target = Database::open_current(&to, true).await.context("--to")?;
    let copied = copy(&source, &target, command.compare_all).await;
    source.close().await;
    target.close().await;
    let moved = copied?;
    say(&format!(
        "copied and compared {} learners with {} events; {} were there before",
        moved.learners, moved.events, moved.there_before
    ));
    Ok(())
}

fn ends(command: &Copy, settings: &Settings) -> anyhow::Result<(DatabaseSettings, DatabaseSettings)> {
    let from = parse("--from", &command.from)?;
    let to = match &command.to {
        Some(to) => parse("--to", to)?,
        None => settings.database.clone(),
    };
    // Opening would make an empty one.
    if let Some(file) = from.file().filter(|file| !file.is_file()) {
        bail!("there is no database at {}", file.display());
    }
    if is_same(&from, &to) {
        bail!("--from and --to are the same database");
    }
    Ok((from.for_bulk_work(), to.for_bulk_work()))
}

/// Whether both are one file, however its path is written, or one place on a server.
fn is_same(from: &DatabaseSettings, to: &DatabaseSettings) -> bool {
    let place = |file: &std::path::Path| std::fs::canonicalize(file).ok();
    match (from, to) {
        (DatabaseSettings::Sqlite(from), DatabaseSettings::Sqlite(to)) => {
            place(from).is_some_and(|from| place(to) == Some(from))
        }
        (DatabaseSettings::Postgres(from), DatabaseSettings::Postgres(to)) => {
            from.url.expose_secret() == to.url.expose_secret()
        }
        _ => false,
    }
}

/// A malformed URL is not repeated: it may hold a password.
fn parse(option: &str, url: &str) -> anyhow::Result<DatabaseSettings> {
    DatabaseSettings::parse(url).map_err(|message| anyhow!("{option} {message}"))
}

async fn copy(source: &Database, target: &Database, compare_all: bool) -> anyhow::Result<Moved> {
    let hold = hold_still(source).await?;
    let (source, target): (Stores, Stores) = (source.stores().0, target.stores().0);
    let learners = Learners {
        source: source.transfer.as_ref(),
        target: target.transfer.as_ref(),
        hold: hold.as_ref(),
    };
    // Before anything is written: whatever is there already must have come from here.
    learners.survey().await?.allow_missing()?;
    words::copy(&source, &target).await?;
    words::compare(&source, &target).await?;
    let moved = learners.copy(compare_all).await?;
    let (from, to) = (source.transfer.as_ref(), target.transfer.as_ref());
    audit::copy(from, to).await?;
    audit::compare(from, to).await?;
    // Nothing keeps others from writing to a target on a server, nor `words import` from writing to either.
    words::compare(&source, &target).await?;
    learners.survey().await?.allow_nothing()?;
    Ok(moved)
}

/// What was read, and the key of the last of it, behind which one goes on; none at the end.
fn page_of<T, K>(items: Vec<T>, key: impl Fn(&T) -> K) -> Option<(Vec<T>, K)> {
    let last = items.last().map(key);
    last.map(|last| (items, last))
}

/// Keeps everybody from writing to the source.
async fn hold_still(source: &Database) -> anyhow::Result<Option<Hold>> {
    match source {
        // The lock on the file does it.
        Database::Sqlite(_) => Ok(None),
        Database::Postgres(database) => {
            let held = PgTransfer::new(database.clone()).hold_still().await;
            let held = held.context("--from cannot be kept from changing: is a server running on it?")?;
            Ok(Some(held))
        }
    }
}
