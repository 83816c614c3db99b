//! The tests that each directive stands for, once [`Primitive::check`] knows which it is.
use super::compare::{Compare, combine, protocol_test};
use super::expr::{Base, Expr};
use super::primitive::{Data, Header, Kind, Mask, Notes, Op, Primitive, Side};
use super::words::{TCP_OR_UDP, proto_name};
use alloc::format;
use alloc::string::String;
use alloc::vec;
use alloc::vec::Vec;
use sluice_dataplane::wire::ip_proto::{TCP, UDP};

/// DCCP (RFC 4340), whose ports stand where those of TCP and UDP do.
const DCCP: u32 = 33;

impl Primitive {
    /// Adds the tests of the protocol and, if need be, that the transport header is there.
    pub(super) fn in_first_fragment(&self, first: bool, test: Expr) -> Expr {
        let mut all = Vec::new();
        match self.proto {
            Some(TCP_OR_UDP) => all.push(Expr::any(vec![protocol_test(TCP.into()), protocol_test(UDP.into())])),
            Some(p) if p < 256 => all.push(protocol_test(p)),
            _ => {}
        }
        if first {
            let c = Compare { mask: 0x1fff, value: 0, greater: false, negated: false };
            all.push(c.test(Base::Network, 4, 4));
        }
        all.push(test);
        Expr::all(all)
    }

    /// `test` for source, destination or both.
    pub(super) fn sides(&self, test: impl Fn(bool, bool) -> Expr) -> Expr {
        let negated = self.negates();
        // `src or dst host != X`: neither is X.
        let both = |any: bool| {
            let parts = vec![test(true, negated), test(false, negated)];
            if any != negated { Expr::any(parts) } else { Expr::all(parts) }
        };
        match self.side.unwrap_or(Side::Either) {
            Side::Src => test(true, negated),
            Side::Dst => test(false, negated),
            Side::Either => both(true),
            Side::Both => both(false),
        }
    }

    pub(super) fn host(&mut self, kind: Kind, header: Header, mask: Option<Mask>) -> Result<Expr, String> {
        let (value, own) = match (kind, self.data) {
            (Kind::Host, Data::Host(a)) => (a, u32::MAX),
            (Kind::Net, Data::Net(a, m)) => (a, m),
            _ => return Err(self.wrong("address missing")),
        };
        if header != Header::Ip {
            return Err(self.wrong("address missing"));
        }
        if self.op != Op::Equal {
            return Err(self.wrong("operator not supported"));
        }
        self.kind = Some(Kind::Host);
        let mask = match mask {
            None => own,
            Some(Mask::Int(m) | Mask::Host(m)) => m,
            Some(Mask::Ether(_)) => return Err(self.wrong("bad mask")),
        };
        Ok(self.sides(|src, negated| {
            let c = Compare { mask, value: value & mask, greater: false, negated };
            c.test(Base::Network, if src { 12 } else { 16 }, 4)
        }))
    }

    pub(super) fn ether(&mut self, header: Header, mask: Option<Mask>) -> Result<Expr, String> {
        let Data::Ether(address) = self.data else { return Err(self.wrong("address missing")) };
        if header != Header::Ether {
            return Err(self.wrong("address missing"));
        }
        if self.op != Op::Equal {
            return Err(self.wrong("operator not supported"));
        }
        let mask = match mask {
            None => [0xff; 6],
            Some(Mask::Ether(m)) => m,
            Some(_) => return Err(self.wrong("bad mask")),
        };
        let word = |bytes: [u8; 6], at: usize| {
            let mut w = [0; 4];
            w.iter_mut().zip(bytes.iter().skip(at)).for_each(|(w, b)| *w = *b);
            u32::from_be_bytes(w)
        };
        // The destination's words are aligned to its end, the source's to its start: those of one
        // Ethernet header behind two bytes of padding.
        let part = |offset: u16, from: usize, length: usize| {
            let keep = !u32::MAX.checked_shr(length as u32 * 8).unwrap_or(0);
            let mask = word(mask, from) & keep;
            let c = Compare { mask, value: word(address, from) & mask, greater: false, negated: false };
            c.test(Base::Link, offset, length as u8)
        };
        Ok(self.sides(|src, negated| {
            let parts = if src { [part(6, 0, 4), part(10, 4, 2)] } else { [part(0, 0, 2), part(2, 2, 4)] };
            if !negated {
                return Expr::all(parts.into());
            }
            // A header that is not there differs from nothing.
            let there = Compare { mask: 0, value: 0, greater: false, negated: false };
            let there = Expr::Test(there.raw(Base::Link, if src { 10 } else { 2 }, if src { 2 } else { 4 }));
            Expr::all(vec![there, Expr::all(parts.into()).not()])
        }))
    }

    pub(super) fn protocol(
        &mut self,
        masked: bool,
        number: Result<Option<u32>, String>,
        notes: &mut Notes,
    ) -> Result<Expr, String> {
        let value = match (self.data, self.proto) {
            (Data::Int(v) | Data::Named(Kind::Proto, v), said) => {
                if said.is_some_and(|p| p != v) {
                    return Err(self.wrong("specified twice"));
                }
                v
            }
            (Data::Range(..), None) => 0,
            (Data::None, Some(p)) => p,
            _ => return Err(self.wrong("value missing")),
        };
        self.proto = None;
        if value >= 256 {
            if self.op != Op::Equal || masked {
                return Err(format!("‘{}’: operator or mask not supported", proto_name(value)));
            }
            if matches!(self.data, Data::Int(_)) {
                return Err(self.wrong("out of range, bound 255"));
            }
            let tests = match value {
                TCP_OR_UDP => Expr::any(vec![protocol_test(TCP.into()), protocol_test(UDP.into())]),
                _ => Expr::Const(true),
            };
            self.proto = Some(value).filter(|_| !self.negated);
            return Ok(if self.negated { tests.not() } else { tests });
        }
        if !matches!(self.data, Data::Range(..)) {
            self.data = Data::Int(value);
        }
        let (plain, negated) = (self.op == Op::Equal, self.negated);
        let number = number?;
        let parts = self.compare(0xff, number, notes)?;
        if plain && !negated && number.is_none_or(|m| m == 0xff) && matches!(self.data, Data::Int(_)) {
            self.proto = Some(value);
        }
        Ok(combine(&parts, self.negates(), |c| c.shifted(16).test(Base::Network, 8, 2)))
    }

    pub(super) fn port(&mut self, mask: Option<u32>, notes: &mut Notes) -> Result<Expr, String> {
        match self.data {
            Data::Int(_) | Data::Range(..) => {}
            Data::Named(Kind::Port, v) => self.data = Data::Int(v),
            _ => return Err(self.wrong("value missing")),
        }
        let proto = self.proto.unwrap_or(TCP_OR_UDP);
        if ![TCP.into(), UDP.into(), TCP_OR_UDP, DCCP].contains(&proto) {
            return Err(format!("‘port’: bad protocol {proto}"));
        }
        self.proto = Some(proto);
        let parts = self.compare(0xffff, mask, notes)?;
        let test = self.sides(|src, negated| {
            combine(&parts, negated, |c| {
                // A packet has both ports or none.
                if src { c.shifted(16) } else { c }.test(Base::Transport, 0, 4)
            })
        });
        Ok(self.in_first_fragment(true, test))
    }

    pub(super) fn tcp_opt(&mut self, masked: bool) -> Result<Expr, String> {
        let (Data::Int(flags) | Data::Named(Kind::TcpOpt, flags)) = self.data else {
            return Err(self.wrong("value missing"));
        };
        let proto = self.proto.unwrap_or(TCP.into());
        if proto != u32::from(TCP) {
            return Err(format!("‘tcp opt’: bad protocol {proto}"));
        }
        self.proto = Some(proto);
        if self.op != Op::Equal || self.negated || masked {
            return Err(self.wrong("operator or mask not supported"));
        }
        if flags > 255 {
            return Err(format!("‘tcp opt’: value {flags} out of range"));
        }
        let c = Compare { mask: flags, value: flags, greater: false, negated: false };
        Ok(self.in_first_fragment(true, c.shifted(16).test(Base::Transport, 12, 2)))
    }
}
