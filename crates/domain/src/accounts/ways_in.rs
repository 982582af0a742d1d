//! The ways in which the owner of an account can sign in, of which one always stays.

/// In how many ways somebody can sign in, as a store finds them while nobody else changes them.
///
/// Whoever adds a way counts it here, so that none is the last that somebody takes away.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct WaysIn {
    /// Whether the account has a password.
    pub password: bool,
    /// How many passkeys it has.
    pub passkeys: u32,
}

impl WaysIn {
    /// Whether one is left when one of the passkeys is taken away.
    pub const fn can_lose_passkey(self) -> bool {
        self.password || self.passkeys > 1
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_way_in_is_not_taken_away() {
        let can_lose = |password, passkeys| WaysIn { password, passkeys }.can_lose_passkey();
        assert!(can_lose(true, 1) && can_lose(true, 2) && can_lose(false, 2));
        assert!(!can_lose(false, 1));
    }
}
