//! One primitive of the filter language, such as `src tcp port != 80`: what was said, whether it
//! makes sense, and the tests that it stands for.
use super::compare::{Compare, combine};
use super::expr::{Base, Expr};
use super::words::proto_name;
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;
use core::net::Ipv4Addr;
use sluice_dataplane::wire::ip_proto::ICMP;

/// A field of the IP header, or of the transport header of one protocol.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Field {
    /// The protocol to whose header it belongs; `None` for the IP header.
    proto: Option<u32>,
    /// Offset of the first bit.
    bit: u32,
    /// Bits, 1 to 32, all in one aligned word.
    bits: u32,
}

impl Field {
    pub(super) const TOS: Field = Field::ip(8, 8);
    pub(super) const ICMP_TYPE: Field = Field::of(ICMP as u32, 0, 8);

    /// A field of the IP header.
    pub(super) const fn ip(bit: u32, bits: u32) -> Field {
        Field { proto: None, bit, bits }
    }
    /// A field of a protocol's header.
    pub(super) const fn of(proto: u32, bit: u32, bits: u32) -> Field {
        Field { proto: Some(proto), bit, bits }
    }
    /// `ip[pos:len]`, or of a transport header.
    pub(super) const fn bytes(proto: Option<u32>, pos: u32, len: u32) -> Field {
        Field { proto, bit: pos * 8, bits: len * 8 }
    }
    /// The protocol of whose header it is.
    pub(super) fn proto(&self) -> Option<u32> {
        self.proto
    }
    pub(super) fn full(&self) -> u32 {
        u32::MAX >> (32 - self.bits)
    }
}

/// What a primitive is about.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Kind {
    Host,
    Net,
    Ether,
    Proto,
    Port,
    TcpOpt,
    Frag,
    Unfrag,
    Ect,
    Ce,
    Field(Field),
}

impl Kind {
    /// As messages name it.
    pub(super) fn name(self) -> String {
        let known = |f: Field| match (f.proto, f.bit, f.bits) {
            (None, 16, 16) => "ip len",
            (None, 32, 16) => "ip id",
            (None, 0, 4) => "ip vers",
            (None, 4, 4) => "ip hl",
            (None, 8, 8) => "ip tos",
            (None, 8, 6) => "ip dscp",
            (None, 14, 2) => "ip ecn",
            (None, 64, 8) => "ip ttl",
            (Some(6), 112, 16) => "tcp win",
            (Some(1), 0, 8) => "icmp type",
            _ => "",
        };
        match self {
            Kind::Host => "ip host",
            Kind::Net => "ip net",
            Kind::Ether => "ether host",
            Kind::Proto => "proto",
            Kind::Port => "port",
            Kind::TcpOpt => "tcp opt",
            Kind::Frag => "ip frag",
            Kind::Unfrag => "ip unfrag",
            Kind::Ect => "ip ect",
            Kind::Ce => "ip ce",
            Kind::Field(f) if known(f).is_empty() => {
                return format!("{}[...]", f.proto.map_or("ip".into(), proto_name));
            }
            Kind::Field(f) => known(f),
        }
        .into()
    }
}

/// Source, destination, or both.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Side {
    Src,
    Dst,
    Either,
    Both,
}

/// The value at the end of a primitive.
#[derive(Clone, Copy, PartialEq, Debug, Default)]
pub(super) enum Data {
    #[default]
    None,
    Int(u32),
    /// `LOW-HIGH`.
    Range(u32, u32),
    /// A name that stands for a value of this kind.
    Named(Kind, u32),
    Host(u32),
    Net(u32, u32),
    Ether([u8; 6]),
}

/// A comparison.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(super) enum Op {
    #[default]
    Equal,
    Greater,
    Less,
}

/// The header that `ip` or `ether` named.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Header {
    Ip,
    Ether,
}

/// The mask after `&`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Mask {
    Int(u32),
    Host(u32),
    Ether([u8; 6]),
}

/// A primitive: first as it was said, then, after [`Primitive::check`], as it is meant.
#[derive(Clone, Debug, Default)]
pub(super) struct Primitive {
    pub(super) kind: Option<Kind>,
    pub(super) side: Option<Side>,
    pub(super) proto: Option<u32>,
    pub(super) data: Data,
    pub(super) op: Op,
    pub(super) negated: bool,
}

/// Errors and warnings about a pattern.
#[derive(Debug, Default)]
pub(super) struct Notes {
    pub(super) errors: Vec<String>,
    pub(super) warnings: Vec<String>,
}

impl Notes {
    pub(super) fn error(&mut self, text: impl Into<String>) {
        self.errors.push(text.into());
    }
}
impl Primitive {
    pub(super) fn set_kind(&mut self, kind: Kind, notes: &mut Notes) {
        if self.kind.is_some() {
            notes.error("type specified twice");
        }
        self.kind = Some(kind);
    }
    pub(super) fn set_side(&mut self, side: Side, notes: &mut Notes) {
        if self.side.is_some() {
            notes.error("‘src’ or ‘dst’ specified twice");
        }
        self.side = Some(side);
    }
    pub(super) fn set_proto(&mut self, proto: u32, notes: &mut Notes) {
        if self.proto.is_some_and(|p| p != proto) {
            notes.error("transport protocol specified twice");
        }
        self.proto = Some(proto);
    }

    fn name(&self) -> String {
        let side = match self.side {
            None => "",
            Some(Side::Src) => "src ",
            Some(Side::Dst) => "dst ",
            Some(Side::Either) => "src or dst ",
            Some(Side::Both) => "src and dst ",
        };
        format!("{side}{}", self.kind.map_or("<none>".into(), Kind::name))
    }

    pub(super) fn wrong(&self, what: &str) -> String {
        format!("‘{}’: {what}", self.name())
    }

    /// Fills in what was left out, from the value and from the primitive before.
    fn complete(&mut self, previous: &Primitive) -> Result<Kind, String> {
        if let Some(kind) = self.kind {
            return Ok(kind);
        }
        let by_data = match self.data {
            Data::Host(_) => Kind::Host,
            Data::Net(..) => Kind::Net,
            Data::Ether(_) => Kind::Ether,
            Data::Named(kind, _) => kind,
            Data::Int(_) | Data::Range(..) => match previous.kind {
                Some(kind @ (Kind::Field(_) | Kind::Proto | Kind::Port)) => kind,
                _ => return Err("specify header field or ‘port’".into()),
            },
            Data::None if self.proto.is_some() => Kind::Proto,
            Data::None => return Err("partial directive".into()),
        };
        match by_data {
            Kind::Host | Kind::Net | Kind::Ether | Kind::TcpOpt => self.side = self.side.or(previous.side),
            Kind::Port => {
                self.side = self.side.or(previous.side);
                self.proto = self.proto.or(previous.proto);
            }
            Kind::Field(f) => self.proto = self.proto.or(f.proto),
            _ => {}
        }
        self.kind = Some(by_data);
        Ok(by_data)
    }

    /// The meaning, as an expression. `self` becomes what the next primitive may leave out.
    ///
    /// # Errors
    /// Value, operator or mask do not go with the directive.
    pub(super) fn check(
        &mut self,
        previous: &Primitive,
        header: Option<Header>,
        mask: Option<Mask>,
        notes: &mut Notes,
    ) -> Result<Expr, String> {
        let said_side = self.side.is_some();
        let mut kind = self.complete(previous)?;
        let by_data = if matches!(self.data, Data::Ether(_)) { Header::Ether } else { Header::Ip };
        let header = header.unwrap_or(by_data);
        if header == Header::Ether && kind == Kind::Host {
            kind = Kind::Ether;
            self.kind = Some(kind);
        }
        if header == Header::Ether && !matches!(kind, Kind::Ether | Kind::Net) {
            return Err(self.wrong("ip only"));
        }
        let number = match mask {
            None => Ok(None),
            Some(Mask::Int(m)) => Ok(Some(m)),
            Some(_) => Err(self.wrong("bad mask")),
        };
        let expr = match kind {
            Kind::Host | Kind::Net => self.host(kind, header, mask)?,
            Kind::Ether => self.ether(header, mask)?,
            Kind::Proto => self.protocol(mask.is_some(), number, notes)?,
            Kind::Port => self.port(number?, notes)?,
            Kind::TcpOpt => self.tcp_opt(mask.is_some())?,
            Kind::Frag | Kind::Unfrag => {
                if self.data != Data::None || mask.is_some() {
                    return Err(self.wrong("value not supported"));
                }
                self.kind = Some(Kind::Frag);
                let c =
                    Compare { mask: 0x3fff, value: 0, greater: false, negated: (kind == Kind::Frag) != self.negated };
                c.test(Base::Network, 4, 4)
            }
            Kind::Ect => {
                if !matches!(self.data, Data::None | Data::Int(_)) {
                    return Err(self.wrong("value missing"));
                }
                if self.data == Data::None {
                    (self.data, self.negated) = (Data::Int(0), true);
                }
                let parts = self.compare(3, number?, notes)?;
                self.kind = Some(Kind::Field(Field::TOS));
                combine(&parts, self.negates(), |c| c.shifted(16).test(Base::Network, 0, 2))
            }
            Kind::Ce => {
                if self.data != Data::None || mask.is_some() {
                    return Err(self.wrong("value not supported"));
                }
                self.kind = Some(Kind::Field(Field::TOS));
                let c = Compare { mask: 3, value: 3, greater: false, negated: self.negated };
                c.shifted(16).test(Base::Network, 0, 2)
            }
            Kind::Field(f) => {
                match self.data {
                    Data::Int(_) | Data::Range(..) => {}
                    Data::Named(k, v) if k == kind => self.data = Data::Int(v),
                    _ => return Err(self.wrong("value missing")),
                }
                let parts = self.compare(f.full(), number?, notes)?;
                let base = if f.proto.is_some() { Base::Transport } else { Base::Network };
                let (word, in_word) = (f.bit / 32 * 4, f.bit % 32);
                let last = in_word + f.bits;
                let offset = u16::try_from(word).map_err(|_| self.wrong("out of range, bound 65532"))?;
                let test = |c: Compare| c.shifted(32 - last).test(base, offset, last.div_ceil(8) as u8);
                let test = combine(&parts, self.negates(), test);
                self.in_first_fragment(f.proto.is_some(), test)
            }
        };
        if matches!(kind, Kind::Host | Kind::Net | Kind::Port | Kind::Ether) {
            self.side = self.side.or(Some(Side::Either));
        } else if said_side {
            notes.warnings.push(self.wrong("‘src’ or ‘dst’ ignored"));
        }
        Ok(expr)
    }
}

/// An address as the number that tests compare.
pub(super) fn number(a: Ipv4Addr) -> u32 {
    a.into()
}
