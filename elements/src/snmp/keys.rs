//! The keys of a message as words of 32 bits, so that compiled rules compare them as they compare headers.
//!
//! Names that rules ask for have numbers; every other name is number 0.
use super::message::{MAX_USER, Message};
use super::names::Names;
use crate::classify::filter::{Base, Expr, Test};
use alloc::vec::Vec;

/// SNMP, and its notifications (RFC 3417 section 3.1).
pub const PORTS: [u16; 2] = [161, 162];
/// In place of a PDU that is encrypted.
pub(super) const ENCRYPTED: u8 = 0x04;

/// The keys of a message: version and PDU type, then the number of a name of each [`Kind`].
pub(crate) type Values = [u32; 5];

/// A name in a message.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Kind {
    Community,
    User,
    Context,
    Engine,
}

/// The names that some rules ask for, and the UDP ports on which messages are looked for.
#[derive(Clone, Debug)]
pub struct Keys {
    names: [Names; 4],
    ports: Ports,
}

/// Ports.
#[derive(Clone, Debug)]
struct Ports {
    /// All are among `low..=low + span`.
    low: u32,
    span: u32,
    /// All of these are meant.
    all: bool,
    list: Vec<u16>,
}

impl Ports {
    fn new(list: Vec<u16>) -> Ports {
        let low = list.iter().min().map_or(0, |p| *p);
        let high = list.iter().max().map_or(0, |p| *p);
        let all = (low..=high).all(|p| list.contains(&p));
        Ports { low: low.into(), span: (high - low).into(), all, list }
    }

    /// Whether one of two ports is meant.
    #[inline]
    fn any(&self, from: u32, to: u32) -> bool {
        let is_near = |port: u32| port.wrapping_sub(self.low) <= self.span;
        (is_near(to) || is_near(from)) && (self.all || self.lists(from, to))
    }

    #[inline(never)]
    fn lists(&self, from: u32, to: u32) -> bool {
        self.list.iter().any(|p| u32::from(*p) == from || u32::from(*p) == to)
    }
}

impl Default for Keys {
    /// No names yet; the ports of SNMP.
    fn default() -> Keys {
        Keys::on_ports(PORTS.into())
    }
}

impl Keys {
    /// No names yet; these ports.
    pub fn on_ports(ports: Vec<u16>) -> Keys {
        Keys { names: Default::default(), ports: Ports::new(ports) }
    }

    /// Whether a segment that begins with these ports, source and destination, may hold a message.
    #[inline]
    pub(crate) fn has_port(&self, ports: u32) -> bool {
        self.ports.any(ports >> 16, ports & 0xffff)
    }

    /// The keys of a message.
    pub(crate) fn values(&self, m: &Message<'_>) -> Values {
        let pdu = m.pdu.map_or(ENCRYPTED, |pdu| pdu as u8);
        let head = u32::from(m.version as u8) << 8 | u32::from(pdu);
        let number = |kind: Kind, name: Option<&[u8]>| name.map_or(0, |name| self.number(kind, name));
        let community = number(Kind::Community, m.community);
        let (user, context) = (number(Kind::User, m.user), number(Kind::Context, m.context));
        [head, community, user, context, number(Kind::Engine, m.engine)]
    }

    /// The number of a name, or 0.
    #[inline(always)] // into the loop over a batch
    pub(crate) fn number(&self, kind: Kind, name: &[u8]) -> u32 {
        self.names[kind as usize].number(name)
    }

    /// How many names there are of each kind.
    pub(crate) fn counts(&self) -> [u32; 4] {
        self.names.each_ref().map(|names| names.len() as u32)
    }

    /// A test for a name, which has a number from now on.
    pub(super) fn name_is(&mut self, kind: Kind, name: &[u8]) -> Expr {
        let number = self.names[kind as usize].add(name);
        test(1 + kind as u16, u32::MAX, number)
    }
}

/// Whether some message may have the name.
pub(super) fn is_possible(kind: Kind, name: &[u8]) -> bool {
    kind != Kind::User || name.len() <= MAX_USER
}

/// A test for a version.
pub(super) fn version_is(version: u8) -> Expr {
    test(0, 0xff00, u32::from(version) << 8)
}

/// A test for a PDU type, or for [`ENCRYPTED`].
pub(super) fn pdu_is(pdu: u8) -> Expr {
    test(0, 0xff, pdu.into())
}

/// A test that each message passes, and nothing else.
pub(super) fn is_message() -> Expr {
    let Expr::Test(t) = test(0, 0xff00, 0) else { return Expr::Const(false) };
    Expr::Test(Test { greater: true, ..t })
}

fn test(word: u16, mask: u32, value: u32) -> Expr {
    Expr::Test(Test { base: Base::Snmp, offset: word * 4, end: 4, mask, value, greater: false, negated: false })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_are_looked_for_on_the_ports_of_the_list_at_either_end() {
        for list in [&[161, 162][..], &[161, 1161], &[65535, 0], &[7], &[]] {
            let keys = Keys::on_ports(list.into());
            for port in 0..=u16::MAX {
                let expected = list.contains(&port);
                let port = u32::from(port);
                assert_eq!(keys.has_port(port << 16 | 40_000), expected, "{list:?} {port}");
                assert_eq!(keys.has_port(40_000 << 16 | port), expected, "{list:?} {port}");
            }
        }
    }
}
