//! `parlance admin`: says who looks after accounts.

use std::sync::Arc;

use anyhow::{Context, anyhow, bail};
use clap::Subcommand;
use parlance_domain::accounts::{Account, Email};
use parlance_domain::admin::{AccountStatus, AdministrationError, Administrators};
use parlance_platform::{SystemClock, UuidV7Ids};

use crate::data_dir::DataDir;
use crate::database::{Database, Stores};
use crate::logs::say;
use crate::settings::Settings;

/// What to do with administrators.
#[derive(Debug, Subcommand)]
pub(super) enum AdminCommand {
    /// Make an account one that looks after others; it signs in anew
    Grant {
        /// The address of the account
        email: String,
    },
    /// Make an account one that does not; it is signed out everywhere within a second
    Revoke {
        /// The address of the account
        email: String,
    },
    /// Print the accounts that look after others
    List,
}

/// Does what was asked for, also while a server runs on the database.
pub(super) async fn run(settings: Settings, command: AdminCommand) -> anyhow::Result<()> {
    DataDir::prepare(&settings)?;
    let database = Database::open_current(&settings.database, settings.migrate_on_start).await?;
    let (stores, _) = database.stores();
    let done = carry_out(&administrators(stores), command).await;
    database.close().await;
    for line in done? {
        say(&line);
    }
    Ok(())
}

fn administrators(stores: Stores) -> Administrators {
    Administrators::new(
        stores.accounts,
        stores.directory,
        stores.audit,
        Arc::new(SystemClock),
        Arc::new(UuidV7Ids),
    )
}

/// Does it; the lines to print.
async fn carry_out(administrators: &Administrators, command: AdminCommand) -> anyhow::Result<Vec<String>> {
    match command {
        AdminCommand::Grant { email } => {
            let is_new = told(administrators.grant(&parsed(&email)?).await, &email)?;
            let already = if is_new { "" } else { " already" };
            Ok(vec![format!("{email} looks after accounts{already}")])
        }
        AdminCommand::Revoke { email } => {
            let was = told(administrators.withdraw(&parsed(&email)?).await, &email)?;
            let more = if was { " any more" } else { "" };
            Ok(vec![format!("{email} does not look after accounts{more}")])
        }
        AdminCommand::List => {
            let found = administrators.list().await;
            let found = found.context("the accounts could not be read")?;
            if found.is_empty() {
                bail!("nobody looks after accounts: `parlance admin grant <email>` says who does");
            }
            Ok(found.iter().map(line).collect())
        }
    }
}

fn parsed(email: &str) -> anyhow::Result<Email> {
    email.parse().map_err(|error| anyhow!("{email:?} {error}"))
}

fn told(outcome: Result<bool, AdministrationError>, email: &str) -> anyhow::Result<bool> {
    match outcome {
        Ok(changed) => Ok(changed),
        Err(AdministrationError::NotFound) => bail!("there is no account with the address {email}"),
        Err(AdministrationError::LastAdministrator) => {
            bail!("{email} is the last to look after accounts: let somebody else do so first")
        }
        Err(error) => Err(error).context("the account could not be changed"),
    }
}

fn line(account: &Account) -> String {
    let status = AccountStatus::from(&account.standing).as_str();
    format!("{} {status} {}", account.id, account.email.as_str())
}
