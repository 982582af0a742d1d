//! The ways in which the owner of an account can sign in, of which one always stays.

/// In how many ways somebody can sign in, as a store finds them while nobody else changes them.
///
/// Whoever adds a way counts it here, so that none is the last that somebody takes away. A new password by mail is none: whoever
/// lost the mailbox has no other.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct WaysIn {
    /// Whether the account has a password.
    pub password: bool,
    /// How many passkeys it has.
    pub passkeys: u32,
    /// How many identities at providers are linked to it.
    pub identities: u32,
}

/// What is to be taken away.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WayIn {
    /// A passkey.
    Passkey,
    /// An identity at a provider.
    Identity,
}

impl WaysIn {
    /// Whether one can be taken away: somebody must still get in afterwards.
    pub const fn can_lose(self, way: WayIn) -> bool {
        let (passkeys, identities) = match way {
            WayIn::Passkey => (self.passkeys.saturating_sub(1), self.identities),
            WayIn::Identity => (self.passkeys, self.identities.saturating_sub(1)),
        };
        self.password || passkeys > 0 || identities > 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_way_in_is_not_taken_away() {
        let can_lose = |password, passkeys, identities| {
            let ways = WaysIn {
                password,
                passkeys,
                identities,
            };
            (ways.can_lose(WayIn::Passkey), ways.can_lose(WayIn::Identity))
        };
        assert_eq!(can_lose(true, 1, 1), (true, true));
        assert_eq!(can_lose(false, 1, 1), (true, true));
        assert_eq!(can_lose(false, 2, 0), (true, true));
        assert_eq!(can_lose(false, 1, 0), (false, true));
        assert_eq!(can_lose(false, 0, 1), (true, false));
        assert_eq!(can_lose(false, 0, 0), (false, false));
    }
}
