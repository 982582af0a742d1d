//! `parlance secrets`: looks after what is kept encrypted.

use std::sync::Arc;

use anyhow::bail;
use clap::Subcommand;
use parlance_domain::sealing::{Resealed, Resealing};
use parlance_platform::{SystemClock, UuidV7Ids};

use crate::data_dir::DataDir;
use crate::database::Database;
use crate::logs::say;
use crate::settings::Settings;
use crate::wiring::Secrets;

/// What to do with what is kept encrypted.
#[derive(Debug, Subcommand)]
pub(super) enum SecretsCommand {
    /// Encrypt everything with the first of `ENCRYPTION_KEYS`, also while servers run; may be interrupted and repeated
    Rotate,
}

/// Does what was asked for.
pub(super) async fn run(settings: Settings, command: SecretsCommand) -> anyhow::Result<()> {
    let data_dir = DataDir::prepare(&settings)?;
    let secrets = Secrets::of(&settings, &data_dir)?;
    let database = Database::open_current(&settings.database, false).await?;
    let (stores, _) = database.stores();
    let resealing = Resealing::new(
        secrets.sealer(),
        stores.sealed,
        stores.audit,
        Arc::new(SystemClock),
        Arc::new(UuidV7Ids),
    );
    let done = match command {
        SecretsCommand::Rotate => resealing.all().await,
    };
    database.close().await;
    tell(&done?)
}

fn tell(done: &Resealed) -> anyhow::Result<()> {
    say(&format!("{} secrets were encrypted anew", done.resealed));
    for shut in &done.shut {
        say(&format!("{} ({}): {}", shut.place, shut.kind, shut.reason));
    }
    match done.shut.len() {
        0 => Ok(()),
        more => bail!("{more} secrets could not be decrypted, and are as they were"),
    }
}
