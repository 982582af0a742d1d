//! How many sign-ins may fail.

use super::reader::Reader;

/// How many sign-ins may fail.
#[derive(Debug, Clone, Copy)]
pub struct LockoutSettings {
    /// For an account within 15 minutes, before it is locked.
    pub attempts: u32,
    /// How long it is locked then.
    pub minutes: i64,
    /// From an address within 15 minutes; 0 for as many as one likes.
    pub address_attempts: u32,
}

/// Reads how many.
pub(super) fn lockout(reader: &mut Reader<'_>) -> LockoutSettings {
    LockoutSettings {
        attempts: reader.number("LOCKOUT_ATTEMPTS", 1..=100),
        minutes: reader.number("LOCKOUT_MINUTES", 1..=1_440),
        address_attempts: reader.number("LOCKOUT_ADDRESS_ATTEMPTS", 0..=1_000),
    }
}
