//! Puts together what hands personal data out and makes archives of it.

use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use parlance_domain::accounts::{OneTimeSecrets, Sessions};
use parlance_domain::personal::{
    ArchivePorts, Archives, BuildError, Built, ExportFiles, PersonalData, PersonalDataPorts,
};
use parlance_domain::port::PortError;
use parlance_objects::ObjectExports;
use tokio::time::sleep;

use crate::database::Stores;
use crate::settings::Settings;
use crate::wiring::{Base, objects_config};

/// How often it is looked whether an archive is to be made.
const LOOK_EVERY: Duration = Duration::from_secs(1);

impl Base {
    /// What hands personal data out, and what makes archives of it.
    pub(crate) fn personal(
        &self,
        settings: &Settings,
        stores: &Stores,
        secrets: &OneTimeSecrets,
        sessions: &Arc<Sessions>,
    ) -> anyhow::Result<(Arc<PersonalData>, Arc<Archives>)> {
        let files = ObjectExports::new(objects_config(settings)?).context("OBJECT_STORE")?;
        let files: Arc<dyn ExportFiles> = Arc::new(files);
        let personal_data = PersonalData::new(PersonalDataPorts {
            accounts: Arc::clone(&stores.accounts),
            sessions: Arc::clone(sessions),
            secrets: secrets.clone(),
            exports: Arc::clone(&stores.exports),
            files: Arc::clone(&files),
            audit: Arc::clone(&stores.audit),
            clock: Arc::clone(&self.clock),
            ids: Arc::clone(&self.ids),
        });
        let archives = Archives::new(ArchivePorts {
            accounts: Arc::clone(&stores.accounts),
            held: Arc::clone(&stores.held),
            exports: Arc::clone(&stores.exports),
            files,
            secrets: secrets.clone(),
            clock: Arc::clone(&self.clock),
            ids: Arc::clone(&self.ids),
        });
        Ok((Arc::new(personal_data), Arc::new(archives)))
    }
}

/// Makes the archives that are asked for, again and again.
pub(crate) async fn make_archives(archives: Arc<Archives>) -> Result<(), PortError> {
    loop {
        match archives.build_due().await? {
            Built::Nothing => sleep(LOOK_EVERY).await,
            Built::Ready(id) => tracing::info!(export = %id, "an archive of personal data is ready"),
            Built::Unmade { id, reason, given_up } => report(&id.to_string(), &reason, given_up),
        }
    }
}

fn report(export: &str, reason: &BuildError, given_up: bool) {
    let cause = match reason {
        BuildError::Port(error) => error.source.as_deref().map(ToString::to_string),
        BuildError::Lost | BuildError::NoAccount | BuildError::TooLong => None,
    };
    if given_up {
        tracing::warn!(export, %reason, cause, "an archive of personal data is given up");
    } else {
        tracing::warn!(export, %reason, cause, "an archive of personal data was not made, and is tried again");
    }
}
