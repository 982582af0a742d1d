//! The ceremonies of passkeys by `WebAuthn` (Level 3), for one site.

mod ceremonies;
mod site;

pub use ceremonies::WebauthnCeremonies;
pub use site::{Site, SiteError};
