//! The keys of a message as words of 32 bits, so that compiled rules compare them as they compare headers.
//!
//! Names that rules ask for have numbers; every other name is number 0.
use super::message::{MAX_USER, Message};
use crate::classify::filter::{Base, Expr, Test};
use alloc::boxed::Box;
use alloc::vec::Vec;
use hashbrown::HashMap;

/// SNMP, and its notifications (RFC 3417 section 3.1).
pub const PORTS: [u16; 2] = [161, 162];
/// In place of a PDU that is encrypted.
pub(super) const ENCRYPTED: u8 = 0x04;

/// The keys of a message: version and PDU type, then the number of a name of each [`Kind`].
pub(crate) type Values = [u32; 5];

/// A name in a message.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Kind {
    Community,
    User,
    Context,
    Engine,
}

/// The names that some rules ask for, and the UDP ports on which messages are looked for.
#[derive(Clone, Debug)]
pub struct Keys {
    names: [HashMap<Box<[u8]>, u32>; 4],
    ports: Vec<u16>,
}

impl Default for Keys {
    /// No names yet; the ports of SNMP.
    fn default() -> Keys {
        Keys { names: Default::default(), ports: PORTS.into() }
    }
}

impl Keys {
    /// The same on other ports.
    pub fn on_ports(ports: Vec<u16>) -> Keys {
        Keys { ports, ..Keys::default() }
    }

    /// Whether a segment that begins with these ports, source and destination, may hold a message.
    #[inline]
    pub(crate) fn has_port(&self, ports: u32) -> bool {
        let (from, to) = ((ports >> 16) as u16, ports as u16);
        self.ports.iter().any(|p| *p == to || *p == from)
    }

    /// The keys of a datagram; `None` if it is no message.
    #[inline]
    pub(crate) fn values(&self, datagram: &[u8]) -> Option<Values> {
        let m = Message::parse(datagram)?;
        let pdu = m.pdu.map_or(ENCRYPTED, |pdu| pdu as u8);
        let mut values = [u32::from(m.version as u8) << 8 | u32::from(pdu), 0, 0, 0, 0];
        let found = [m.community, m.user, m.context, m.engine];
        for ((value, names), name) in values[1..].iter_mut().zip(&self.names).zip(found) {
            if !names.is_empty()
                && let Some(number) = name.and_then(|name| names.get(name))
            {
                *value = *number;
            }
        }
        Some(values)
    }

    /// A test for a name, which has a number from now on.
    pub(super) fn name_is(&mut self, kind: Kind, name: &[u8]) -> Expr {
        let names = &mut self.names[kind as usize];
        let next = names.len() as u32 + 1; // each takes some bytes of text
        let number = *names.entry_ref(name).or_insert(next);
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
