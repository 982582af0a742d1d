//! `parlance copy`: copies everything from one database into another, learner by learner.

use anyhow::{Context, anyhow, bail};
use clap::Args;
use parlance_domain::ids::UserId;
use parlance_domain::transfer::{LearnerRecord, TransferStore};

use crate::data_dir::DataDir;
use crate::database::{Database, Stores};
use crate::logs::say;
use crate::settings::{DatabaseSettings, Settings};

/// How many learners are asked for at a time.
const PAGE: u32 = 200;
/// How many words are moved at a time.
const WORDS: u32 = 1_000;

/// From where to where; the URLs may hold passwords, so that it is not to be shown.
#[derive(Args)]
pub(super) struct Copy {
    /// The database to read, as in `DATABASE_URL`; it stays as it is
    #[arg(long, value_name = "URL")]
    from: String,
    /// The database to fill; without it, that of `DATABASE_URL`
    #[arg(long, value_name = "URL")]
    to: Option<String>,
}

/// What was moved.
#[derive(Default)]
struct Moved {
    learners: u64,
    there_before: u64,
    events: u64,
}

/// Copies what is not there yet and compares everything; repeated after an interruption, it goes on.
pub(super) async fn run(command: Copy, settings: Settings) -> anyhow::Result<()> {
    let from = parse("--from", &command.from)?;
    let to = match &command.to {
        Some(to) => parse("--to", to)?,
        None => settings.database.clone(),
    };
    if let Some(file) = from.file().filter(|file| !file.is_file()) {
        bail!("there is no database at {}", file.display());
    }
    if is_same(&from, &to) || command.to.as_deref() == Some(&command.from) {
        bail!("--from and --to are the same database");
    }
    let data_dir = DataDir::prepare(&settings)?;
    let _from_lock = data_dir.lock(from.file())?;
    let source = Database::open_current(&from, false).await.context("--from")?;
    let target = Database::open_current(&to, true).await.context("--to")?;
    let copied = copy(&source.stores().0, &target.stores().0).await;
    source.close().await;
    target.close().await;
    let moved = copied?;
    say(&format!(
        "copied and compared {} learners with {} events; {} were there before",
        moved.learners, moved.events, moved.there_before
    ));
    Ok(())
}

/// Whether both are one file, however its path is written.
fn is_same(from: &DatabaseSettings, to: &DatabaseSettings) -> bool {
    let place = |database: &DatabaseSettings| std::fs::canonicalize(database.file()?).ok();
    place(from).is_some_and(|from| place(to) == Some(from))
}

/// A malformed URL is not repeated: it may hold a password.
fn parse(option: &str, url: &str) -> anyhow::Result<DatabaseSettings> {
    DatabaseSettings::parse(url).map_err(|message| anyhow!("{option} {message}"))
}

async fn copy(source: &Stores, target: &Stores) -> anyhow::Result<Moved> {
    copy_words(source, target).await?;
    let mut moved = Moved::default();
    let mut after = None;
    loop {
        let learners = source.transfer.learners(after, PAGE).await?;
        let Some(last) = learners.last().copied() else {
            break;
        };
        for learner in learners {
            copy_learner(
                source.transfer.as_ref(),
                target.transfer.as_ref(),
                learner,
                &mut moved,
            )
            .await
            .with_context(|| format!("learner {learner}"))?;
        }
        after = Some(last);
        say(&format!("{} learners so far", moved.learners));
    }
    Ok(moved)
}

/// Words and lists are written again when they are there: the same twice is the same.
async fn copy_words(source: &Stores, target: &Stores) -> anyhow::Result<()> {
    let (mut after, mut count) = (None, 0);
    loop {
        let words = source.transfer.words(after.as_ref(), WORDS).await?;
        let Some(last) = words.last().map(|word| word.id.clone()) else {
            break;
        };
        count += words.len();
        target.transfer.import_words(&words).await?;
        after = Some(last);
    }
    let lists = source.words.lists().await?;
    let mut vocabularies = Vec::with_capacity(lists.len());
    for list in lists {
        let placed = source.words.words_of(&list.id, None, None).await?;
        let words = placed.into_iter().map(|(_, word)| word).collect();
        vocabularies.push(parlance_domain::words::Vocabulary { list, words });
    }
    for vocabulary in &vocabularies {
        target.words.import(vocabulary).await?;
    }
    if let Some(release) = source.words.release().await? {
        target.words.install(&release, &vocabularies).await?;
    }
    say(&format!("copied {count} words and {} lists", vocabularies.len()));
    Ok(())
}

async fn copy_learner(
    source: &dyn TransferStore,
    target: &dyn TransferStore,
    learner: UserId,
    moved: &mut Moved,
) -> anyhow::Result<()> {
    let record = source.export(learner).await?.context("it is gone from --from")?;
    let is_new = target.import(&record).await?;
    let there = target.export(learner).await?.context("it did not arrive")?;
    compare(&record, &there)?;
    moved.learners += 1;
    moved.events += record.events.len() as u64;
    moved.there_before += u64::from(!is_new);
    Ok(())
}

/// Whether what arrived is what was sent: counts first, since they say more.
fn compare(sent: &LearnerRecord, there: &LearnerRecord) -> anyhow::Result<()> {
    for (what, sent, there) in [
        ("sessions", sent.sessions.len(), there.sessions.len()),
        ("events", sent.events.len(), there.events.len()),
        ("rows", sent.rows.len(), there.rows.len()),
    ] {
        if sent != there {
            bail!("{there} {what} are there instead of {sent}: has the account been used in --to already?");
        }
    }
    if sent.projection_digest() != there.projection_digest() {
        bail!("the progress that is there differs");
    }
    if sent != there {
        bail!("the account, its sessions or its log that is there differs");
    }
    Ok(())
}
