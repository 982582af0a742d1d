//! `parlance keys`: looks after the keys that sign access tokens.

use std::path::Path;

use anyhow::{Context, anyhow, bail};
use chrono::{SecondsFormat, TimeDelta};
use clap::Subcommand;
use parlance_domain::time::{Clock, Timestamp};
use parlance_platform::{KeyAlgorithm, KeyDuty, SigningKeys, SystemClock};

use crate::logs::say;
use crate::settings::Settings;
use crate::signing_keys::{read, write};

/// How far the clocks of copies may be apart when a key is retired.
const CLOCK_SKEW: TimeDelta = TimeDelta::seconds(60);

/// What to do with the keys of `JWT_SIGNING_KEYS_FILE`.
#[derive(Debug, Subcommand)]
pub(super) enum KeysCommand {
    /// Make the file with its first key, which takes the place of `JWT_SECRET`
    Generate {
        /// What it signs with: `EdDSA` or `ES256`
        #[arg(long, default_value = "EdDSA")]
        algorithm: KeyAlgorithm,
        /// In how many minutes it begins to sign: long enough for every copy of the program to have the file
        #[arg(long, default_value_t = 0, value_name = "MINUTES")]
        signs_in: u32,
    },
    /// Make a new key that signs in the place of the present one, which goes on checking what it signed
    Rotate {
        /// What the new key signs with, if not what the latest does: `EdDSA` or `ES256`
        #[arg(long)]
        algorithm: Option<KeyAlgorithm>,
        /// In how many minutes it begins to sign: long enough for every copy of the program to know it
        #[arg(long, default_value_t = 10, value_name = "MINUTES")]
        signs_in: u32,
    },
    /// Print the keys and what each is for, nothing that is secret
    List,
    /// Take a key away that signs no longer, once every token that it signed has expired
    Retire {
        /// The key, as `list` prints it
        id: String,
        /// Also if tokens that it signed are still good: for a key that others may know
        #[arg(long)]
        at_once: bool,
    },
}

/// Does what was asked for.
pub(super) fn run(settings: &Settings, command: &KeysCommand) -> anyhow::Result<()> {
    let path = settings.sessions.signing_keys_file.as_deref();
    let path = path.context("JWT_SIGNING_KEYS_FILE must say where the keys are")?;
    let now = SystemClock.now();
    match command {
        KeysCommand::Generate { algorithm, signs_in } => generate(path, *algorithm, after(now, *signs_in))?,
        KeysCommand::Rotate { algorithm, signs_in } => rotate(path, *algorithm, after(now, *signs_in))?,
        KeysCommand::List => {}
        KeysCommand::Retire { id, at_once } => {
            let lifetime = TimeDelta::seconds(settings.sessions.access_seconds) + CLOCK_SKEW;
            write(path, || {
                let mut keys = read(path)?;
                keys.retire(id, now, lifetime, *at_once)?;
                Ok(keys)
            })?;
        }
    }
    list(&read(path)?, now);
    Ok(())
}

fn generate(path: &Path, algorithm: KeyAlgorithm, signs_from: Timestamp) -> anyhow::Result<()> {
    write(path, || {
        if path.exists() {
            bail!(
                "{} is there already: `parlance keys rotate` makes another key",
                path.display()
            );
        }
        SigningKeys::first(algorithm, signs_from).ok_or_else(|| anyhow!("cannot make a key"))
    })
}

fn rotate(path: &Path, algorithm: Option<KeyAlgorithm>, signs_from: Timestamp) -> anyhow::Result<()> {
    write(path, || {
        let mut keys = read(path)?;
        let algorithm = algorithm
            .or(keys.latest_algorithm())
            .unwrap_or(KeyAlgorithm::EdDsa);
        let added = keys.add(algorithm, signs_from).map(|_| ());
        added.context("there are too many keys: retire some")?;
        Ok(keys)
    })
}

fn after(now: Timestamp, minutes: u32) -> Timestamp {
    now + TimeDelta::minutes(minutes.into())
}

fn list(keys: &SigningKeys, now: Timestamp) {
    let told = |time: Timestamp| time.to_rfc3339_opts(SecondsFormat::Secs, true);
    for (key, duty) in keys.list(now) {
        let duty = match duty {
            KeyDuty::Waits { until } => format!("signs from {}", told(until)),
            KeyDuty::Signs => "signs".to_owned(),
            KeyDuty::Checks { since } => format!("only checks since {}", told(since)),
        };
        say(&format!("{}  {}  {duty}", key.id(), key.algorithm()));
    }
}
