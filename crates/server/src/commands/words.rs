//! `parlance words`: brings vocabulary of one's own into the database.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, anyhow, bail};
use clap::{Args, Subcommand};
use parlance_domain::words::Vocabulary;

use crate::data_dir::DataDir;
use crate::database::Database;
use crate::logs::say;
use crate::settings::Settings;
use crate::vocabulary::{ListEntry, read_words};

/// What to do with vocabulary.
#[derive(Debug, Subcommand)]
pub(super) enum WordsCommand {
    /// Import a list of words from a CSV file, all or nothing
    Import(Import),
}

/// What to import, and as which list.
#[derive(Debug, Args)]
pub(super) struct Import {
    /// A CSV file with the columns wordId, simplified, traditional, pinyin, english, partOfSpeech, frequencyRank
    file: PathBuf,
    /// The id of the list; without it, `lists.json` beside the file says what the list is
    #[arg(long, requires_all = ["name", "language", "difficulty"])]
    list_id: Option<String>,
    /// What the list is called
    #[arg(long, requires = "list_id")]
    name: Option<String>,
    /// What the list is good for
    #[arg(long, requires = "list_id", default_value = "")]
    description: String,
    /// The language of its words, such as zh-CN
    #[arg(long, requires = "list_id")]
    language: Option<String>,
    /// Whom it suits: beginner, intermediate or advanced
    #[arg(long, requires = "list_id")]
    difficulty: Option<String>,
    /// Labels to find it by, separated by commas
    #[arg(long, requires = "list_id", value_delimiter = ',')]
    tags: Vec<String>,
}

/// Does what was asked for.
pub(super) async fn run(settings: Settings, command: WordsCommand) -> anyhow::Result<()> {
    match command {
        WordsCommand::Import(import) => {
            let vocabulary = import.read()?;
            import_into(&settings, &vocabulary).await
        }
    }
}

async fn import_into(settings: &Settings, vocabulary: &Vocabulary) -> anyhow::Result<()> {
    DataDir::prepare(settings)?;
    let database = Database::open_current(&settings.database, settings.migrate_on_start).await?;
    let (stores, _) = database.stores();
    let imported = stores.words.import(vocabulary).await;
    database.close().await;
    let summary = imported.context("the words could not be kept")?;
    say(&format!(
        "{}: {} words, {} of them new, {} updated",
        vocabulary.list.id,
        vocabulary.words.len(),
        summary.added,
        summary.updated
    ));
    Ok(())
}

impl Import {
    fn read(&self) -> anyhow::Result<Vocabulary> {
        let list = self.entry()?.to_list()?;
        let csv = fs::read(&self.file).with_context(|| format!("cannot read {}", self.file.display()))?;
        let words =
            read_words(&csv, &list.language).with_context(|| format!("in {}", self.file.display()))?;
        Ok(Vocabulary { list, words })
    }

    fn entry(&self) -> anyhow::Result<ListEntry> {
        match (&self.list_id, &self.name, &self.language, &self.difficulty) {
            (Some(id), Some(name), Some(language), Some(difficulty)) => Ok(ListEntry {
                id: id.clone(),
                name: name.clone(),
                description: self.description.clone(),
                language: language.clone(),
                difficulty: difficulty.clone(),
                tags: self.tags.clone(),
                file: String::new(),
            }),
            _ => entry_beside(&self.file),
        }
    }
}

/// The entry that `lists.json` beside a file has for it.
fn entry_beside(file: &Path) -> anyhow::Result<ListEntry> {
    let lists = file.with_file_name("lists.json");
    if !lists.is_file() {
        bail!(
            "say what the list is by --list-id, --name, --language and --difficulty, or in {}",
            lists.display()
        );
    }
    let text = fs::read_to_string(&lists).with_context(|| format!("cannot read {}", lists.display()))?;
    let entries: Vec<ListEntry> =
        serde_json::from_str(&text).with_context(|| format!("{} is malformed", lists.display()))?;
    let name = file.file_name().unwrap_or_default();
    entries
        .into_iter()
        .find(|entry| entry.file.as_str() == name)
        .ok_or_else(|| anyhow!("{} has no entry for {}", lists.display(), file.display()))
}
