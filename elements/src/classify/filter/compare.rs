//! Comparisons of numbers: what operator, mask and value of a primitive ask of a field.
use super::expr::{Base, Expr, Test};
use super::primitive::{Data, Notes, Op, Primitive};
use alloc::format;
use alloc::string::String;
use alloc::vec;
use alloc::vec::Vec;

/// A comparison of a number of up to 32 bits with a mask.
#[derive(Clone, Copy)]
pub(super) struct Compare {
    pub(super) mask: u32,
    pub(super) value: u32,
    pub(super) greater: bool,
    pub(super) negated: bool,
}

impl Primitive {
    /// Whether the comparisons must fail. As in Click `<` is the failure of `>`, for both sides of a
    /// packet: `port < 1024` means that neither port is above 1023.
    pub(super) fn negates(&self) -> bool {
        self.negated != (self.op == Op::Less)
    }

    /// The comparisons, all of which must hold, of a number with up to `full`, before negation.
    pub(super) fn compare(&mut self, full: u32, given: Option<u32>, notes: &mut Notes) -> Result<Vec<Compare>, String> {
        let mask = given.unwrap_or(full);
        if mask & full != mask {
            return Err(self.wrong(&format!("mask out of range, bound 0x{full:X}")));
        }
        let value = match self.data {
            Data::Int(v) | Data::Named(_, v) => v,
            Data::Range(low, high) => {
                if self.op != Op::Equal || given.is_some() {
                    return Err(self.wrong("operator or mask not supported"));
                }
                if low > high || high > full {
                    return Err(self.wrong(&format!("out of range, bound {full}")));
                }
                let mut parts = Vec::new();
                if let Some(below) = low.checked_sub(1) {
                    parts.push(Compare { mask, value: below, greater: true, negated: false });
                }
                if high < full {
                    parts.push(Compare { mask, value: high, greater: true, negated: true });
                }
                return Ok(parts);
            }
            _ => 0,
        };
        let equal = |mask: u32, value: u32| Compare { mask, value: value & mask, greater: false, negated: false };
        match self.op {
            Op::Equal if value > full => Err(self.wrong(&format!("out of range, bound {full}"))),
            Op::Equal => Ok(vec![equal(mask, value)]),
            op => {
                let (never, always) = match op {
                    Op::Less => (value == 0, value > mask),
                    _ => (value >= mask, false),
                };
                if never || always {
                    let sign = match (op, self.negated) {
                        (Op::Less, false) => "<",
                        (Op::Less, true) => ">=",
                        (_, false) => ">",
                        (_, true) => "<=",
                    };
                    let will = always != self.negated;
                    notes.warnings.push(format!("relation ‘{sign} {value}’ is always {will} (range 0-{mask})"));
                    // Nothing to compare: the negation alone decides.
                    let holds = will != self.negates();
                    return Ok(if holds { vec![] } else { vec![Compare { negated: true, ..equal(0, 0) }] });
                }
                let bound = if op == Op::Less { value - 1 } else { value };
                Ok(vec![Compare { mask, value: bound, greater: true, negated: false }])
            }
        }
    }
}

impl Compare {
    pub(super) fn shifted(self, by: u32) -> Compare {
        Compare { mask: self.mask << by, value: self.value << by, ..self }
    }
    pub(super) fn raw(self, base: Base, offset: u16, end: u8) -> Test {
        let Compare { mask, value, greater, negated } = self;
        Test { base, offset, end, mask, value, greater, negated }
    }
    /// The comparison as a test; one that compares no bits is a constant.
    pub(super) fn test(self, base: Base, offset: u16, end: u8) -> Expr {
        let t = self.raw(base, offset, end);
        if t.mask == 0 { Expr::Const(t.passes(0)) } else { Expr::Test(t) }
    }
}

/// All comparisons, or if `negated` the failure of any.
pub(super) fn combine(parts: &[Compare], negated: bool, test: impl Fn(Compare) -> Expr) -> Expr {
    let tests = parts.iter().map(|c| test(Compare { negated: c.negated != negated, ..*c })).collect();
    if negated { Expr::any(tests) } else { Expr::all(tests) }
}

/// RFC 791 section 3.1: the protocol is the second byte of the third word.
pub(super) fn protocol_test(proto: u32) -> Expr {
    let c = Compare { mask: 0xff, value: proto & 0xff, greater: false, negated: false };
    c.shifted(16).test(Base::Network, 8, 2)
}
