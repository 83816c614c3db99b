//! TCP and UDP ports and IP protocols, by number or name.

use super::{FromArg, NameDb, Named, parse_int};
use alloc::string::{String, ToString};

const TCP: u8 = 1;
const UDP: u8 = 2;
const BOTH: u8 = TCP | UDP;

/// Common services, by name (IANA Service Name and Transport Protocol Port Number Registry, which has most of
/// the old ones for both protocols).
static SERVICES: [(&str, u16, u8); 65] = [
    ("auth", 113, BOTH),
    ("bgp", 179, TCP),
    ("bootpc", 68, BOTH),
    ("bootps", 67, BOTH),
    ("chargen", 19, BOTH),
    ("daytime", 13, BOTH),
    ("discard", 9, BOTH),
    ("dns", 53, BOTH),
    ("domain", 53, BOTH),
    ("echo", 7, BOTH),
    ("finger", 79, BOTH),
    ("ftp", 21, BOTH),
    ("ftp-data", 20, BOTH),
    ("ftps", 990, TCP),
    ("gopher", 70, BOTH),
    ("gtp-control", 2123, UDP),
    ("gtp-user", 2152, UDP),
    ("http", 80, BOTH),
    ("http-alt", 8080, TCP),
    ("https", 443, BOTH),
    ("imap", 143, TCP),
    ("imap2", 143, BOTH),
    ("imap3", 220, BOTH),
    ("imaps", 993, TCP),
    ("ipsec-nat-t", 4500, UDP),
    ("irc", 194, BOTH),
    ("isakmp", 500, BOTH),
    ("kerberos", 88, BOTH),
    ("l2tp", 1701, UDP),
    ("ldap", 389, BOTH),
    ("ldaps", 636, TCP),
    ("mdns", 5353, UDP),
    ("ms-sql-s", 1433, TCP),
    ("mysql", 3306, TCP),
    ("netbios-dgm", 138, BOTH),
    ("netbios-ns", 137, BOTH),
    ("netbios-ssn", 139, BOTH),
    ("nfs", 2049, BOTH),
    ("nntp", 119, BOTH),
    ("ntp", 123, UDP),
    ("openvpn", 1194, BOTH),
    ("pop2", 109, BOTH),
    ("pop3", 110, BOTH),
    ("pop3s", 995, TCP),
    ("postgresql", 5432, TCP),
    ("radius", 1812, UDP),
    ("radius-acct", 1813, UDP),
    ("rip", 520, UDP),
    ("route", 520, UDP),
    ("rtsp", 554, BOTH),
    ("sip", 5060, BOTH),
    ("sip-tls", 5061, TCP),
    ("smtp", 25, BOTH),
    ("snmp", 161, BOTH),
    ("snmp-trap", 162, BOTH),
    ("socks", 1080, TCP),
    ("ssh", 22, BOTH),
    ("submission", 587, TCP),
    ("sunrpc", 111, BOTH),
    ("syslog", 514, UDP),
    ("telnet", 23, BOTH),
    ("tftp", 69, BOTH),
    ("time", 37, BOTH),
    ("whois", 43, BOTH),
    ("www", 80, BOTH),
];

fn service(name: &str, kind: u8) -> Option<u16> {
    let (_, port, kinds) = SERVICES.get(SERVICES.binary_search_by(|s| s.0.cmp(name)).ok()?)?;
    (kinds & kind != 0).then_some(*port)
}

fn port(text: &str, kind: u8, named: Option<u16>) -> Result<u16, String> {
    if let Some(port) = named.or_else(|| service(text, kind)) {
        return Ok(port);
    }
    let n: u32 = parse_int(text).map_err(|_| "parse error".to_string())?;
    u16::try_from(n).map_err(|_| "overflow, range 0-65535".to_string())
}

/// A TCP port, in host byte order: a number, or a service's name.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct TcpPort(pub u16);

impl FromArg for TcpPort {
    fn from_arg(text: &str, names: &NameDb) -> Result<Self, String> {
        let named = names.find(text, |v| if let Named::Tcp(p) = v { Some(*p) } else { None });
        port(text, TCP, named).map(TcpPort)
    }
    fn blank() -> Self {
        TcpPort(0)
    }
}

/// A UDP port, in host byte order: a number, or a service's name.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct UdpPort(pub u16);

impl FromArg for UdpPort {
    fn from_arg(text: &str, names: &NameDb) -> Result<Self, String> {
        let named = names.find(text, |v| if let Named::Udp(p) = v { Some(*p) } else { None });
        port(text, UDP, named).map(UdpPort)
    }
    fn blank() -> Self {
        UdpPort(0)
    }
}

/// IP protocols by name (IANA Assigned Internet Protocol Numbers).
static PROTOCOLS: [(&str, u8); 21] = [
    ("ah", 51),
    ("dccp", 33),
    ("egp", 8),
    ("esp", 50),
    ("gre", 47),
    ("icmp", 1),
    ("icmp6", 58),
    ("igmp", 2),
    ("igp", 9),
    ("ip4", 4),
    ("ip6", 41),
    ("ipip", 4),
    ("ipv6-icmp", 58),
    ("ospf", 89),
    ("payload", 0),
    ("pim", 103),
    ("rsvp", 46),
    ("sctp", 132),
    ("tcp", 6),
    ("udp", 17),
    ("vrrp", 112),
];

/// An IP protocol number, 0 to 255, or a protocol's name.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct IpProto(pub u8);

impl FromArg for IpProto {
    fn from_arg(text: &str, _: &NameDb) -> Result<Self, String> {
        if let Ok(i) = PROTOCOLS.binary_search_by(|p| p.0.cmp(text)) {
            return Ok(IpProto(PROTOCOLS[i].1));
        }
        parse_int(text).map(IpProto).map_err(|_| "parse error".to_string())
    }
    fn blank() -> Self {
        IpProto(0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tables_are_sorted_and_found() {
        assert!(SERVICES.is_sorted_by(|a, b| a.0 < b.0));
        assert!(PROTOCOLS.is_sorted_by(|a, b| a.0 < b.0));
        let db = NameDb::new();
        assert_eq!(UdpPort::from_arg("domain", &db), Ok(UdpPort(53)));
        assert_eq!(TcpPort::from_arg("0x50", &db), Ok(TcpPort(80)));
        assert_eq!(UdpPort::from_arg("imaps", &db), Err("parse error".into()));
        assert_eq!(TcpPort::from_arg("65536", &db), Err("overflow, range 0-65535".into()));
        assert_eq!(IpProto::from_arg("ospf", &db), Ok(IpProto(89)));
        assert_eq!(IpProto::from_arg("256", &db), Err("parse error".into()));
    }
}
