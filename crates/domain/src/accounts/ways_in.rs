//! By what an account can be signed in to, of which the last one stays.

/// How many ways there are to sign in to an account.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct WaysIn {
    /// Whether it has a password.
    pub password: bool,
    /// How many identities at providers are linked to it.
    pub identities: u32,
}

/// What is to be taken away.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WayIn {
    /// An identity at a provider.
    Identity,
}

impl WaysIn {
    /// Whether one can be taken away: somebody must still get in afterwards.
    ///
    /// A new password by mail is none: whoever lost the mailbox has no other.
    pub const fn can_lose(self, way: WayIn) -> bool {
        let left = match way {
            WayIn::Identity => Self {
                identities: self.identities.saturating_sub(1),
                ..self
            },
        };
        left.password || left.identities > 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_way_in_stays() {
        let can_lose = |password, identities| WaysIn { password, identities }.can_lose(WayIn::Identity);
        assert!(can_lose(true, 1) && can_lose(false, 2));
        assert!(!can_lose(false, 1) && !can_lose(false, 0));
    }
}
