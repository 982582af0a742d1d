//! The command line: one file per command.

mod admin;
mod audit;
mod backup;
mod config;
mod copy;
mod health;
mod keys;
mod migrate;
mod openapi;
mod reference;
mod restore;
mod secrets;
mod serve;
mod speech;
mod words;

use std::path::PathBuf;

use anyhow::Context;
use clap::{Parser, Subcommand};

use crate::settings::{Settings, Values};

/// The backend of language-learning apps.
#[derive(Parser)]
#[command(
    name = "parlance",
    version,
    about = "The backend of language-learning apps",
    propagate_version = true
)]
pub struct Cli {
    /// The file to read settings from instead of `.env`
    #[arg(long, global = true, value_name = "FILE")]
    env_file: Option<PathBuf>,

    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Subcommand)]
enum Command {
    /// Serve the API; what happens when no command is given
    Serve,
    /// Bring the database up to date
    Migrate,
    /// Print the description of the API in OpenAPI 3.0.3
    Openapi,
    /// Say who looks after accounts
    Admin {
        #[command(subcommand)]
        command: admin::AdminCommand,
    },
    /// Work on vocabulary
    Words {
        #[command(subcommand)]
        command: words::WordsCommand,
    },
    /// Work on speech
    Speech {
        #[command(subcommand)]
        command: speech::SpeechCommand,
    },
    /// Look after the audit log
    Audit {
        #[command(subcommand)]
        command: audit::AuditCommand,
    },
    /// Look after the keys that sign access tokens
    Keys {
        #[command(subcommand)]
        command: keys::KeysCommand,
    },
    /// Look after what is kept encrypted
    Secrets {
        #[command(subcommand)]
        command: secrets::SecretsCommand,
    },
    /// Work on settings
    Config {
        #[command(subcommand)]
        command: config::ConfigCommand,
    },
    /// Copy the database into a new file, also while a server runs on it
    Backup {
        /// The file to make
        file: PathBuf,
    },
    /// Put a backup in the place of the database; no server may run on it
    Restore {
        /// The backup
        file: PathBuf,
    },
    /// Copy everything from one database into another, such as from SQLite to PostgreSQL; no server may run on either
    Copy(copy::Copy),
    /// Ask the server of these settings whether it is ready; fails when it is not
    Health,
    /// Print a page of the reference as it is committed
    #[command(hide = true)]
    Reference {
        /// Which one
        page: reference::Page,
    },
}

impl Cli {
    /// Does what was asked for.
    pub fn run(self) -> anyhow::Result<()> {
        let env_file = self.env_file;
        let settings = || load(env_file.as_deref());
        match self.command.unwrap_or(Command::Serve) {
            Command::Serve => block_on(serve::run(settings()?)),
            Command::Migrate => block_on(migrate::run(settings()?)),
            Command::Openapi => block_on(openapi::run()),
            Command::Admin { command } => block_on(admin::run(settings()?, command)),
            Command::Words { command } => block_on(words::run(settings()?, command)),
            Command::Speech { command } => block_on(speech::run(settings()?, command)),
            Command::Audit { command } => block_on(audit::run(settings()?, command)),
            Command::Keys { command } => keys::run(&settings()?, &command),
            Command::Secrets { command } => block_on(secrets::run(settings()?, command)),
            Command::Config { command } => config::run(command, settings()),
            Command::Backup { file } => block_on(backup::run(settings()?, file)),
            Command::Restore { file } => restore::run(&settings()?, &file),
            Command::Copy(copy) => block_on(copy::run(copy, settings()?)),
            Command::Health => health::run(&settings()?),
            Command::Reference { page } => {
                reference::run(page);
                Ok(())
            }
        }
    }
}

fn load(env_file: Option<&std::path::Path>) -> anyhow::Result<Settings> {
    let values = Values::collect(env_file)?;
    Ok(Settings::from_values(&values)?)
}

fn block_on<T>(work: impl Future<Output = anyhow::Result<T>>) -> anyhow::Result<T> {
    tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .context("cannot start the runtime")?
        .block_on(work)
}
