//! Protocol numbers of the IPv4 protocol field and the IPv6 next-header field (IANA "Protocol Numbers").

/// IPv6 hop-by-hop options (RFC 8200 section 4.3).
pub const HOP_BY_HOP: u8 = 0;
/// ICMP for IPv4 (RFC 792).
pub const ICMP: u8 = 1;
/// IGMP (RFC 3376).
pub const IGMP: u8 = 2;
/// IPv4 in IP (RFC 2003).
pub const IPIP: u8 = 4;
/// TCP (RFC 9293).
pub const TCP: u8 = 6;
/// UDP (RFC 768).
pub const UDP: u8 = 17;
/// IPv6 in IP (RFC 2473).
pub const IPV6: u8 = 41;
/// IPv6 routing header (RFC 8200 section 4.4).
pub const ROUTING: u8 = 43;
/// IPv6 fragment header (RFC 8200 section 4.5).
pub const FRAGMENT: u8 = 44;
/// GRE (RFC 2784).
pub const GRE: u8 = 47;
/// Encapsulating security payload (RFC 4303).
pub const ESP: u8 = 50;
/// Authentication header (RFC 4302).
pub const AH: u8 = 51;
/// ICMPv6 (RFC 4443).
pub const ICMPV6: u8 = 58;
/// No next header (RFC 8200 section 4.7).
pub const NO_NEXT: u8 = 59;
/// IPv6 destination options (RFC 8200 section 4.6).
pub const DEST_OPTIONS: u8 = 60;
/// OSPF (RFC 2328).
pub const OSPF: u8 = 89;
/// VRRP (RFC 9568).
pub const VRRP: u8 = 112;
/// SCTP (RFC 9260).
pub const SCTP: u8 = 132;
/// UDP-Lite (RFC 3828).
pub const UDP_LITE: u8 = 136;

/// The names that users write and read, sorted by name.
pub const NAMES: &[(&str, u8)] = &[
    ("ah", AH),
    ("dstopts", DEST_OPTIONS),
    ("esp", ESP),
    ("frag", FRAGMENT),
    ("gre", GRE),
    ("hopopts", HOP_BY_HOP),
    ("icmp", ICMP),
    ("icmp6", ICMPV6),
    ("igmp", IGMP),
    ("ip6", IPV6),
    ("ipip", IPIP),
    ("nonxt", NO_NEXT),
    ("ospf", OSPF),
    ("routing", ROUTING),
    ("sctp", SCTP),
    ("tcp", TCP),
    ("udp", UDP),
    ("udplite", UDP_LITE),
    ("vrrp", VRRP),
];

/// The name of a protocol number, if it has one here.
pub fn name(protocol: u8) -> Option<&'static str> {
    NAMES.iter().find(|row| row.1 == protocol).map(|row| row.0)
}

/// The number of a protocol name (lower case), if known.
pub fn number(name: &str) -> Option<u8> {
    NAMES.binary_search_by_key(&name, |row| row.0).ok().map(|i| NAMES[i].1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_is_sorted_and_reads_both_ways() {
        assert!(NAMES.is_sorted_by(|a, b| a.0 < b.0));
        for &(text, protocol) in NAMES {
            assert_eq!(number(text), Some(protocol));
            assert_eq!(name(protocol), Some(text));
        }
        assert_eq!(name(255), None);
        assert_eq!(number("nonesuch"), None);
    }
}
