//! What attempts are counted by.

use std::net::{IpAddr, Ipv6Addr};

use sha2::{Digest, Sha256};

use crate::accounts::{Email, SeenDevice, Username};
use crate::ids::SessionId;

/// What attempts are counted by: a digest, so that no store learns which names were tried.
///
/// `SHA-256(kind ‖ 0x00 ‖ name)`, where the kind tells names of accounts, devices, sessions and addresses apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct LockoutKey([u8; 32]);

impl LockoutKey {
    /// An account, or what would be one, by its address: the same for all forms of it.
    pub fn of_email(email: &Email) -> Self {
        Self::of(b"email", email.key().as_bytes())
    }

    /// What would be an account by its username. One that is there is counted by its address, whichever name it goes by.
    pub fn of_username(username: &Username) -> Self {
        Self::of(b"username", username.key().as_bytes())
    }

    /// A device that an account knows.
    pub fn of_device(device: SeenDevice) -> Self {
        let name = [*device.user_id.0.as_bytes(), *device.id.0.as_bytes()].concat();
        Self::of(b"device", &name)
    }

    /// A session whose owner shows again who they are.
    pub fn of_session(session: SessionId) -> Self {
        Self::of(b"session", session.0.as_bytes())
    }

    /// A client's address: an IPv4 address, or the /64 of an IPv6 address, which is what one customer gets.
    pub fn of_address(address: IpAddr) -> Self {
        match address.to_canonical() {
            IpAddr::V4(address) => Self::of(b"address", &address.octets()),
            IpAddr::V6(address) => {
                let network = Ipv6Addr::from_bits(address.to_bits() & !u128::from(u64::MAX));
                Self::of(b"address", &network.octets())
            }
        }
    }

    /// The digest itself.
    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }

    fn of(kind: &[u8], name: &[u8]) -> Self {
        let digest = Sha256::new().chain_update(kind).chain_update([0]);
        Self(digest.chain_update(name).finalize().into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(text: &str) -> LockoutKey {
        LockoutKey::of_address(text.parse().unwrap())
    }

    #[test]
    fn names_of_other_kinds_or_accounts_are_apart_and_forms_of_one_are_the_same() {
        let email = |text: &str| LockoutKey::of_email(&text.parse().unwrap());
        assert_eq!(email("Ann@Example.com "), email("ann@example.com"));
        assert_ne!(email("ann@example.com"), email("bob@example.com"));
        assert_ne!(email("mıke@example.com"), email("mike@example.com"));
        let username = |text: &str| LockoutKey::of_username(&text.parse().unwrap());
        assert_eq!(username("Ann.B"), username("ann.b"));
        assert_ne!(LockoutKey::of(b"email", b"a"), LockoutKey::of(b"username", b"a"));
    }

    #[test]
    fn threat_22_one_network_is_one_key() {
        assert_eq!(address("2001:db8::1"), address("2001:DB8:0:0:ffff::2"));
        assert_ne!(address("2001:db8::1"), address("2001:db8:0:1::1"));
        assert_eq!(address("::ffff:1.2.3.4"), address("1.2.3.4"));
        assert_ne!(address("1.2.3.5"), address("1.2.3.4"));
    }
}
