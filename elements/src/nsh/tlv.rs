//! Metadata as text: TLVs with a class and type, and the typed ones of RFC 8979 and RFC 9263.
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;
use core::fmt::{self, Write};
use sluice_dataplane::args::{FromArg, NameDb, parse_int, split_words};
use sluice_dataplane::wire::nsh::{self, CLASS_IETF};

/// How the value of a typed TLV is written.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Form {
    /// Bytes that mean something to the operator only.
    Opaque,
    /// RFC 9263 section 4.1: `vlan ID`, `qinq SERVICE CUSTOMER`, `mpls LABEL`, `vni VNI`, `session ID`.
    Forwarding,
    /// RFC 9263 section 4.5: `ipv6 LABEL`, `mpls LABEL`.
    Flow,
    /// RFC 9263 section 4.6: `SOURCE DESTINATION`.
    Groups,
}

/// The typed TLVs: name, type within the IETF's class, form.
const TYPED: [(&str, u8, Form); 9] = [
    ("subscriber", nsh::TLV_SUBSCRIBER, Form::Opaque),
    ("performance-policy", nsh::TLV_PERFORMANCE_POLICY, Form::Opaque),
    ("forwarding", nsh::TLV_FORWARDING_CONTEXT, Form::Forwarding),
    ("tenant", nsh::TLV_TENANT, Form::Opaque),
    ("ingress-node", nsh::TLV_INGRESS_NODE, Form::Opaque),
    ("ingress-interface", nsh::TLV_INGRESS_INTERFACE, Form::Opaque),
    ("flow-id", nsh::TLV_FLOW_ID, Form::Flow),
    ("groups", nsh::TLV_GROUPS, Form::Groups),
    ("policy", nsh::TLV_POLICY, Form::Opaque),
];

/// The class and type of a TLV: a name of a typed one, or `CLASS/TYPE`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Kind {
    pub(crate) class: u16,
    pub(crate) kind: u8,
}

impl Kind {
    fn typed(self) -> Option<&'static (&'static str, u8, Form)> {
        TYPED.iter().find(|t| self.class == CLASS_IETF && t.1 == self.kind)
    }
    /// Whether a TLV is of this kind.
    pub(crate) fn is(self, tlv: &nsh::Tlv<'_>) -> bool {
        (tlv.class, tlv.kind) == (self.class, self.kind)
    }
}

impl FromArg for Kind {
    fn from_arg(text: &str, _: &NameDb) -> Result<Self, String> {
        let text = text.trim();
        if let Some(typed) = TYPED.iter().find(|t| t.0 == text) {
            return Ok(Kind { class: CLASS_IETF, kind: typed.1 });
        }
        let pair = text.split_once('/').and_then(|(c, k)| Some((parse_int(c).ok()?, parse_int(k).ok()?)));
        pair.map(|(class, kind)| Kind { class, kind }).ok_or_else(|| {
            let names: Vec<&str> = TYPED.iter().map(|t| t.0).collect();
            format!("should be CLASS/TYPE or one of {}", names.join(", "))
        })
    }
    fn blank() -> Self {
        Kind { class: 0, kind: 0 }
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.typed() {
            Some(typed) => f.write_str(typed.0),
            None => write!(f, "{:#06x}/{:#04x}", self.class, self.kind),
        }
    }
}

/// A TLV as an argument: its kind, then its value.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Metadata {
    pub(crate) kind: Kind,
    /// Up to 127 bytes.
    pub(crate) value: Vec<u8>,
}

impl FromArg for Metadata {
    fn from_arg(text: &str, names: &NameDb) -> Result<Self, String> {
        let words = split_words(text);
        let (first, rest) = words.split_first().ok_or("should be a TLV's kind and value")?;
        let kind = Kind::from_arg(first, names)?;
        let value = match kind.typed().map_or(Form::Opaque, |t| t.2) {
            Form::Opaque => hex(&rest.concat()),
            Form::Forwarding => forwarding(rest),
            Form::Flow => flow(rest),
            Form::Groups => groups(rest),
        };
        let value = value.filter(|v| v.len() <= nsh::TLV_MAX);
        value.map(|value| Metadata { kind, value }).ok_or_else(|| {
            let form = match kind.typed().map_or(Form::Opaque, |t| t.2) {
                Form::Opaque => "up to 127 bytes in hexadecimal digits",
                Form::Forwarding => "`vlan ID`, `qinq SERVICE CUSTOMER`, `mpls LABEL`, `vni VNI` or `session ID`",
                Form::Flow => "`ipv6 LABEL` or `mpls LABEL`",
                Form::Groups => "`SOURCE DESTINATION`",
            };
            format!("the value of {kind} should be {form}")
        })
    }
    fn blank() -> Self {
        Metadata { kind: Kind::blank(), value: Vec::new() }
    }
}

/// Hexadecimal digits, `0x` before them or not.
pub(crate) fn hex(text: &str) -> Option<Vec<u8>> {
    let digits = text.strip_prefix("0x").unwrap_or(text);
    if !digits.len().is_multiple_of(2) {
        return None;
    }
    let pairs = digits.as_bytes().as_chunks::<2>().0.iter();
    pairs.map(|[a, b]| Some((char::from(*a).to_digit(16)? << 4 | char::from(*b).to_digit(16)?) as u8)).collect()
}

fn number(text: &str, bits: u32) -> Option<u32> {
    parse_int::<u32>(text).ok().filter(|n| bits == 32 || *n < 1 << bits)
}

/// The context type is in the top four bits of the first byte.
fn forwarding(words: &[&str]) -> Option<Vec<u8>> {
    let word = |context: u32, rest: u32| Some((context << 28 | rest).to_be_bytes().to_vec());
    match words {
        ["vlan", id] => word(0, number(id, 12)?),
        ["qinq", service, customer] => word(1, number(service, 12)? << 12 | number(customer, 12)?),
        ["mpls", label] => word(2, number(label, 20)?),
        ["vni", vni] => word(3, number(vni, 24)?),
        ["session", id] => Some([(4u32 << 28).to_be_bytes(), number(id, 32)?.to_be_bytes()].concat()),
        _ => None,
    }
}

fn flow(words: &[&str]) -> Option<Vec<u8>> {
    let (context, label) = match words {
        ["ipv6", label] => (0, label),
        ["mpls", label] => (1u32, label),
        _ => return None,
    };
    Some((context << 28 | number(label, 20)?).to_be_bytes().to_vec())
}

fn groups(words: &[&str]) -> Option<Vec<u8>> {
    let [source, destination] = words else { return None };
    Some([number(source, 32)?.to_be_bytes(), number(destination, 32)?.to_be_bytes()].concat())
}

/// Writes a TLV as it would be an argument; a typed one whose value has another form in hexadecimal digits.
pub(crate) fn describe(out: &mut String, kind: Kind, value: &[u8]) {
    let _ = write!(out, "{kind}"); // a string takes everything
    let form = kind.typed().map_or(Form::Opaque, |t| t.2);
    let done = match (form, value.as_chunks::<4>()) {
        (Form::Forwarding, ([word], [])) => {
            let n = u32::from_be_bytes(*word);
            match n >> 28 {
                0 => write!(out, " vlan {}", n & 0xfff).is_ok(),
                1 => write!(out, " qinq {} {}", n >> 12 & 0xfff, n & 0xfff).is_ok(),
                2 => write!(out, " mpls {}", n & 0xf_ffff).is_ok(),
                3 => write!(out, " vni {}", n & 0xff_ffff).is_ok(),
                _ => false,
            }
        }
        (Form::Forwarding, ([word, id], [])) if word[0] >> 4 == 4 => {
            write!(out, " session {}", u32::from_be_bytes(*id)).is_ok()
        }
        (Form::Flow, ([word], [])) if word[0] >> 4 < 2 => {
            let name = if word[0] >> 4 == 0 { "ipv6" } else { "mpls" };
            write!(out, " {name} {}", u32::from_be_bytes(*word) & 0xf_ffff).is_ok()
        }
        (Form::Groups, ([source, destination], [])) => {
            write!(out, " {} {}", u32::from_be_bytes(*source), u32::from_be_bytes(*destination)).is_ok()
        }
        _ => false,
    };
    if !done {
        out.push(' ');
        digits(out, value);
    }
}

/// Writes bytes in hexadecimal digits.
pub(crate) fn digits(out: &mut String, bytes: &[u8]) {
    bytes.iter().for_each(|b| {
        let _ = write!(out, "{b:02x}");
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<(u16, u8, String), String> {
        let tlv = Metadata::from_arg(text, &NameDb::default())?;
        let mut value = String::new();
        digits(&mut value, &tlv.value);
        Ok((tlv.kind.class, tlv.kind.kind, value))
    }

    /// RFC 8979 sections 3 and 4; RFC 9263 section 4.
    #[test]
    fn typed_tlvs_have_the_layout_of_their_rfcs() {
        for (text, kind, value) in [
            ("subscriber 0a0b", 0, "0a0b"),
            ("performance-policy 07", 1, "07"),
            ("forwarding vlan 4095", 4, "00000fff"),
            ("forwarding qinq 1 2", 4, "10001002"),
            ("forwarding mpls 1048575", 4, "200fffff"),
            ("forwarding vni 0xabcdef", 4, "30abcdef"),
            ("forwarding session 7", 4, "4000000000000007"),
            ("tenant 00ff", 5, "00ff"),
            ("ingress-node 01", 6, "01"),
            ("ingress-interface 02", 7, "02"),
            ("flow-id ipv6 5", 8, "00000005"),
            ("flow-id mpls 5", 8, "10000005"),
            ("groups 1 4294967295", 9, "00000001ffffffff"),
            ("policy 0a 0b", 10, "0a0b"),
        ] {
            assert_eq!(read(text), Ok((0, kind, value.into())), "{text}");
            let tlv = Metadata::from_arg(text, &NameDb::default()).unwrap();
            let mut again = String::new();
            describe(&mut again, tlv.kind, &tlv.value);
            assert_eq!(Metadata::from_arg(&again, &NameDb::default()), Ok(tlv), "{again}");
        }
        assert_eq!(read("0x1000/10 0x12345678"), Ok((0x1000, 10, "12345678".into())));
        assert_eq!(read("0/77"), Ok((0, 77, "".into())));
    }

    #[test]
    fn what_does_not_fit_is_refused() {
        let long = format!("tenant {}", "00".repeat(128));
        for wrong in [
            "",
            "tenant 0",
            "tenant xy",
            "nothing 00",
            "forwarding vlan 4096",
            "forwarding 00",
            "flow-id ipv6 1048576",
            "groups 1",
            "65536/1 00",
            "1/256 00",
            &long,
        ] {
            assert!(read(wrong).is_err(), "{wrong}");
        }
    }
}
