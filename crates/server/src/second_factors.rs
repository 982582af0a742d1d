//! Puts second factors together.

use std::sync::Arc;

use parlance_domain::accounts::{SecondFactors, Sessions};
use parlance_platform::SystemSecrets;

use crate::settings::Settings;

/// The use-cases of second factors; authenticators show the product's name.
pub(crate) fn second_factors(settings: &Settings, sessions: &Arc<Sessions>) -> Arc<SecondFactors> {
    Arc::new(SecondFactors::new(
        Arc::clone(sessions),
        Arc::new(SystemSecrets),
        settings.mail.product.clone(),
    ))
}
