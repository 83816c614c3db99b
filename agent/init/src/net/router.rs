//! DNS servers and domains that routers advertise (RFC 8106). Addresses and routes are the kernel's part; these options it
//! hands on as they came.
use super::bytes::{Reader, names};
use std::net::Ipv6Addr;
use std::time::Duration;

/// Section 5.3.1: at least three have to be kept; glibc reads three.
const SERVERS: usize = 4;
/// glibc reads six.
const DOMAINS: usize = 6;
const RDNSS: u8 = 25;
const DNSSL: u8 = 31;

/// What holds now. Until: since boot; None is for ever.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct RouterDns {
    servers: Vec<(Ipv6Addr, Option<Duration>)>,
    domains: Vec<(String, Option<Duration>)>,
}

impl RouterDns {
    /// Options of a router advertisement (RFC 4861 section 4.6). False if they are broken; those before are taken.
    pub(super) fn receive(&mut self, now: Duration, options: &[u8]) -> bool {
        let mut reader = Reader(options);
        while !reader.is_empty() {
            if self.option(now, &mut reader).is_none() {
                return false;
            }
        }
        true
    }

    fn option(&mut self, now: Duration, reader: &mut Reader<'_>) -> Option<()> {
        let kind = reader.u8()?;
        let length = usize::from(reader.u8()?) * 8;
        let mut body = Reader(reader.take(length.checked_sub(2)?)?);
        if kind != RDNSS && kind != DNSSL {
            return Some(());
        }
        body.take(2)?;
        let seconds = body.u32()?;
        let until = (seconds != u32::MAX).then(|| now + Duration::from_secs(seconds.into()));
        if kind == DNSSL {
            for domain in names(body.0) {
                keep(&mut self.domains, domain, until, seconds, DOMAINS);
            }
            return Some(());
        }
        while let Some(server) = body.ipv6() {
            if !server.is_multicast() && !server.is_unspecified() {
                keep(&mut self.servers, server, until, seconds, SERVERS);
            }
        }
        Some(())
    }

    /// Forgets what is over (section 5.1: it must not be used after its lifetime).
    pub(super) fn expire(&mut self, now: Duration) {
        self.servers.retain(|(_, until)| until.is_none_or(|until| now < until));
        self.domains.retain(|(_, until)| until.is_none_or(|until| now < until));
    }

    /// When [`RouterDns::expire`] is due.
    pub(super) fn deadline(&self) -> Option<Duration> {
        let servers = self.servers.iter().filter_map(|(_, until)| *until);
        servers.chain(self.domains.iter().filter_map(|(_, until)| *until)).min()
    }

    pub(super) fn servers(&self) -> impl Iterator<Item = Ipv6Addr> {
        self.servers.iter().map(|(server, _)| *server)
    }

    pub(super) fn domains(&self) -> impl Iterator<Item = &String> {
        self.domains.iter().map(|(domain, _)| domain)
    }
}

/// Section 6.2: known ones get the new lifetime, 0 removes, and a new one takes the place of that which ends first.
fn keep<T: PartialEq>(
    list: &mut Vec<(T, Option<Duration>)>,
    value: T,
    until: Option<Duration>,
    seconds: u32,
    most: usize,
) {
    if let Some(at) = list.iter().position(|(other, _)| *other == value) {
        if seconds == 0 {
            list.remove(at);
        } else {
            list[at].1 = until;
        }
        return;
    }
    if seconds == 0 {
        return;
    }
    if list.len() >= most {
        let first = (0..list.len()).min_by_key(|at| list[*at].1.unwrap_or(Duration::MAX));
        list.remove(first.unwrap_or(0));
    }
    list.push((value, until));
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn rdnss(seconds: u32, last: u16) -> Vec<u8> {
        let address = Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, last);
        [&[RDNSS, 3, 0, 0][..], &seconds.to_be_bytes(), &address.octets()].concat()
    }

    fn at(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    #[test]
    fn a_server_is_used_for_its_lifetime_and_not_longer() {
        let mut dns = RouterDns::default();
        assert!(dns.receive(at(100), &rdnss(30, 1)));
        assert!(dns.receive(at(120), &rdnss(30, 1)));
        assert_eq!(dns.deadline(), Some(at(150)));
        dns.expire(at(149));
        assert_eq!(dns.servers().count(), 1);
        dns.expire(at(150));
        assert_eq!((dns.servers().count(), dns.deadline()), (0, None));
    }

    #[test]
    fn a_lifetime_of_zero_takes_the_server_back() {
        let mut dns = RouterDns::default();
        dns.receive(at(0), &[rdnss(u32::MAX, 1), rdnss(60, 2)].concat());
        dns.receive(at(1), &rdnss(0, 1));
        assert_eq!(dns.servers().map(|server| server.segments()[7]).collect::<Vec<_>>(), [2]);
    }

    #[test]
    fn of_too_many_servers_the_one_that_ends_first_makes_room() {
        let mut dns = RouterDns::default();
        for n in 1..=5 {
            dns.receive(at(0), &rdnss(if n == 3 { 10 } else { 1000 }, n));
        }
        assert_eq!(dns.servers().map(|server| server.segments()[7]).collect::<Vec<_>>(), [1, 2, 4, 5]);
    }

    #[test]
    fn search_domains_come_too() {
        let mut dns = RouterDns::default();
        assert!(dns.receive(at(0), b"\x1f\x03\0\0\0\0\x0e\x10\x03lab\x07example\0\0\0\0"));
        assert_eq!(dns.domains().collect::<Vec<_>>(), ["lab.example"]);
    }

    proptest! {
        #[test]
        fn any_options_are_survived_and_little_is_kept(
            lists in prop::collection::vec((any::<bool>(), prop::collection::vec(any::<u8>(), 0..80)), 0..40),
        ) {
            let mut dns = RouterDns::default();
            for (index, (server, mut bytes)) in lists.into_iter().enumerate() {
                if bytes.len() > 2 {
                    (bytes[0], bytes[1]) = (if server { RDNSS } else { DNSSL }, (bytes.len() / 8) as u8);
                }
                dns.receive(at(index as u64), &bytes);
                prop_assert!(dns.servers.len() <= SERVERS && dns.domains.len() <= DOMAINS);
            }
        }
    }
}
