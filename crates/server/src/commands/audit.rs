//! `parlance audit`: looks after the chain of the audit log.

use std::sync::Arc;

use anyhow::{anyhow, bail};
use clap::Subcommand;
use parlance_domain::audit::{AuditLog, AuditReport, Place};

use crate::data_dir::DataDir;
use crate::database::Database;
use crate::logs::say;
use crate::settings::Settings;
use crate::wiring::{Secrets, audit_log};

/// What to do with the audit log.
#[derive(Debug, Subcommand)]
pub(super) enum AuditCommand {
    /// Compute every seal again and say what was changed first; fails when something was
    Verify {
        /// A place that was noted before, as it is printed: its position, a colon, its seal
        #[arg(long, value_name = "POSITION:SEAL", value_parser = parse_place)]
        noted: Option<Place>,
    },
    /// Begin the chain anew behind what is there, after a key was lost or tampering was looked into
    Restart,
}

/// Does what was asked for.
pub(super) async fn run(settings: Settings, command: AuditCommand) -> anyhow::Result<()> {
    let data_dir = DataDir::prepare(&settings)?;
    let secrets = Secrets::of(&settings, &data_dir)?;
    let database = Database::open_current(&settings.database, false).await?;
    let (stores, _) = database.stores();
    let log = audit_log(&settings, &secrets, Arc::clone(&stores.audit));
    let done = match command {
        AuditCommand::Verify { noted } => verify(&log, noted).await,
        AuditCommand::Restart => restart(&log).await,
    };
    drop(stores);
    database.close().await;
    done
}

async fn verify(log: &AuditLog, noted: Option<Place>) -> anyhow::Result<()> {
    let report = log.verify(noted).await?;
    let AuditReport {
        sealed,
        unverified,
        unsealed,
        last,
        fault,
    } = report;
    say(&format!("{sealed} entries bear the seals that they should"));
    if unverified > 0 {
        say(&format!(
            "{unverified} entries are from before the chain was begun anew, and cannot be verified"
        ));
    }
    say(&format!("{unsealed} entries are not sealed yet"));
    say(&format!("well up to {}:{}", last.position, last.seal));
    fault.map_or(Ok(()), |fault| bail!(fault))
}

async fn restart(log: &AuditLog) -> anyhow::Result<()> {
    let head = log.restart().await?;
    say(&format!(
        "the chain goes on behind {}:{}; what was before is not verified any more",
        head.last.position, head.last.seal
    ));
    Ok(())
}

fn parse_place(text: &str) -> anyhow::Result<Place> {
    let (position, seal) = text
        .split_once(':')
        .ok_or_else(|| anyhow!("must be a position, a colon and a seal"))?;
    Ok(Place {
        position: position.parse()?,
        seal: seal.parse()?,
    })
}
