//! Puts passkeys together.

use std::sync::Arc;

use anyhow::Context;
use parlance_domain::accounts::{PasskeyCeremonies, PasskeyPorts, PasskeyStore, Passkeys, Sessions};
use parlance_passkeys::{Site, WebauthnCeremonies};

use crate::settings::Settings;
use crate::wiring::Base;

/// The use-cases of passkeys; devices show the product's name.
pub(crate) fn passkeys(
    settings: &Settings,
    base: &Base,
    sessions: &Arc<Sessions>,
    store: &Arc<dyn PasskeyStore>,
) -> anyhow::Result<Arc<Passkeys>> {
    let ceremonies = settings.passkeys.as_ref().map(|site| {
        let site = Site {
            name: settings.mail.product.clone(),
            ..site.clone()
        };
        WebauthnCeremonies::new(&site)
    });
    let ceremonies = ceremonies.transpose().context("PASSKEY_RP_ID")?;
    Ok(Arc::new(Passkeys::new(PasskeyPorts {
        sessions: Arc::clone(sessions),
        passkeys: Arc::clone(store),
        ceremonies: ceremonies.map(|ceremonies| Arc::new(ceremonies) as Arc<dyn PasskeyCeremonies>),
        clock: Arc::clone(&base.clock),
        ids: Arc::clone(&base.ids),
    })))
}
