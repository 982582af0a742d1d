//! Who is at the other end: the address that limits count by.

use std::net::{IpAddr, Ipv6Addr, SocketAddr};

/// The client's address: the peer, or what proxies of our own say of it, walked from the right.
///
/// What stands to the left of the first stranger was written by strangers.
pub(super) fn client_address<'a>(
    peer: IpAddr,
    forwarded_for: impl DoubleEndedIterator<Item = &'a str>,
    trusts: impl Fn(IpAddr) -> bool,
) -> IpAddr {
    let mut client = peer.to_canonical();
    for hop in forwarded_for.rev().flat_map(|value| value.rsplit(',')) {
        if !trusts(client) {
            return client;
        }
        match parse_hop(hop.trim()) {
            Some(address) => client = address.to_canonical(),
            None => return client,
        }
    }
    client
}

/// An address as proxies write it, with or without a port.
fn parse_hop(text: &str) -> Option<IpAddr> {
    if let Ok(address) = text.parse::<IpAddr>() {
        return Some(address);
    }
    if let Ok(address) = text.parse::<SocketAddr>() {
        return Some(address.ip());
    }
    let bracketed = text.strip_prefix('[')?.strip_suffix(']')?;
    bracketed.parse::<Ipv6Addr>().ok().map(IpAddr::V6)
}

/// What limits count by: an IPv4 address, or the /64 of an IPv6 address, which is what one customer gets.
pub(super) fn limit_key(address: IpAddr) -> String {
    match address.to_canonical() {
        IpAddr::V4(address) => address.to_string(),
        IpAddr::V6(address) => {
            let network = address.to_bits() & !u128::from(u64::MAX);
            format!("{}/64", Ipv6Addr::from_bits(network))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ip(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    fn walk(peer: &str, headers: &[&str], trusted: &[&str]) -> IpAddr {
        let trusted: Vec<IpAddr> = trusted.iter().map(|text| ip(text)).collect();
        client_address(ip(peer), headers.iter().copied(), |address| {
            trusted.contains(&address)
        })
    }

    #[test]
    fn threat_21_a_stranger_cannot_choose_an_address() {
        assert_eq!(walk("9.9.9.9", &["1.1.1.1"], &[]), ip("9.9.9.9"));
        assert_eq!(walk("9.9.9.9", &["1.1.1.1"], &["10.0.0.1"]), ip("9.9.9.9"));
        assert_eq!(
            walk("10.0.0.1", &["1.1.1.1, 9.9.9.9"], &["10.0.0.1"]),
            ip("9.9.9.9")
        );
    }

    #[test]
    fn proxies_of_ours_are_walked_from_the_right_over_several_headers() {
        let trusted = ["10.0.0.1", "10.0.0.2"];
        assert_eq!(
            walk("10.0.0.1", &["6.6.6.6, 7.7.7.7", "10.0.0.2"], &trusted),
            ip("7.7.7.7")
        );
        assert_eq!(walk("10.0.0.1", &["10.0.0.2"], &trusted), ip("10.0.0.2"));
        assert_eq!(walk("10.0.0.1", &[], &trusted), ip("10.0.0.1"));
    }

    #[test]
    fn what_cannot_be_read_ends_the_walk_at_the_last_hop_that_can() {
        assert_eq!(
            walk("10.0.0.1", &["1.1.1.1, unknown"], &["10.0.0.1"]),
            ip("10.0.0.1")
        );
        assert_eq!(
            walk("10.0.0.1", &["[2001:db8::1]:443"], &["10.0.0.1"]),
            ip("2001:db8::1")
        );
        assert_eq!(walk("10.0.0.1", &["1.2.3.4:5555"], &["10.0.0.1"]), ip("1.2.3.4"));
        assert_eq!(
            walk("10.0.0.1", &["[2001:db8::1]"], &["10.0.0.1"]),
            ip("2001:db8::1")
        );
    }

    #[test]
    fn threat_22_one_network_is_one_bucket() {
        let key = |text| limit_key(ip(text));
        assert_eq!(key("2001:db8::1"), key("2001:DB8:0:0:ffff::2"));
        assert_ne!(key("2001:db8::1"), key("2001:db8:0:1::1"));
        assert_eq!(key("::ffff:1.2.3.4"), key("1.2.3.4"));
        assert_eq!(
            walk("::ffff:10.0.0.1", &["1.1.1.1"], &["10.0.0.1"]),
            ip("1.1.1.1")
        );
    }
}
