//! Addresses where no provider can be.

use std::net::IpAddr;

/// Whether nothing may be sent to an address, whoever names it: one of a local link, where clouds hand out credentials,
/// of a group, or of nobody.
pub fn is_nowhere(address: IpAddr) -> bool {
    // An IPv4 address may be written within an IPv6 address.
    match address.to_canonical() {
        IpAddr::V4(address) => {
            address.is_link_local()
                || address.is_unspecified()
                || address.is_multicast()
                || address.is_broadcast()
        }
        IpAddr::V6(address) => {
            address.is_unicast_link_local() || address.is_unspecified() || address.is_multicast()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn threat_44_no_provider_is_on_a_local_link_in_a_group_or_nobody() {
        for address in [
            "169.254.169.254",
            "::ffff:169.254.169.254",
            "fe80::1",
            "0.0.0.0",
            "::",
            "224.0.0.1",
            "ff02::1",
            "255.255.255.255",
        ] {
            assert!(is_nowhere(address.parse().unwrap()), "{address}");
        }
        for address in [
            "127.0.0.1",
            "::1",
            "10.1.2.3",
            "fd00::1",
            "8.8.8.8",
            "2606:4700::1",
        ] {
            assert!(!is_nowhere(address.parse().unwrap()), "{address}");
        }
    }
}
