//! Numbers as C prints them: `%.12g`, and the conversions of `sprintf`.
use alloc::format;
use alloc::string::{String, ToString};

/// Widest field and greatest precision that a format may ask for.
const WIDEST: usize = 65_536;

/// As `%.12g`: at most twelve digits, no zeros at the end.
pub(super) fn real(x: f64) -> String {
    if x.is_nan() {
        return "nan".to_string();
    }
    if x.is_infinite() {
        return if x > 0.0 { "inf" } else { "-inf" }.to_string();
    }
    let scientific = format!("{x:.11e}");
    let (digits, exponent) = scientific.split_once('e').unwrap_or((&scientific, "0"));
    let exponent: i32 = exponent.parse().unwrap_or(0);
    let trim = |s: &str| s.trim_end_matches('0').trim_end_matches('.').to_string();
    if (-4..12).contains(&exponent) {
        let text = format!("{x:.*}", usize::try_from(11 - exponent).unwrap_or(0));
        return if text.contains('.') { trim(&text) } else { text };
    }
    let sign = if exponent < 0 { '-' } else { '+' };
    format!("{}e{sign}{:02}", trim(digits), exponent.unsigned_abs())
}

/// Flags, width and precision of a conversion.
#[derive(Default)]
struct Spec {
    zero: bool,
    alternate: bool,
    left: bool,
    space: bool,
    plus: bool,
    width: usize,
    precision: Option<usize>,
}

impl Spec {
    fn flag(&mut self, c: u8) -> bool {
        match c {
            b'0' => self.zero = true,
            b'#' => self.alternate = true,
            b'-' => self.left = true,
            b' ' => self.space = true,
            b'+' => self.plus = true,
            _ => return false,
        }
        true
    }

    /// A field: sign or prefix, then digits or text.
    fn field(&self, out: &mut String, prefix: &str, body: &str, zeros: bool) {
        let pad = self.width.saturating_sub(prefix.chars().count() + body.chars().count());
        if !self.left && !zeros {
            out.extend(core::iter::repeat_n(' ', pad));
        }
        out.push_str(prefix);
        if !self.left && zeros {
            out.extend(core::iter::repeat_n('0', pad));
        }
        out.push_str(body);
        if self.left {
            out.extend(core::iter::repeat_n(' ', pad));
        }
    }

    fn number(&self, out: &mut String, prefix: &str, digits: String) {
        let mut body = digits;
        if let Some(p) = self.precision {
            if p == 0 && body == "0" {
                body.clear();
            }
            body.insert_str(0, &"0".repeat(p.saturating_sub(body.len())));
        }
        self.field(out, prefix, &body, self.zero && self.precision.is_none());
    }

    fn signed(&self, out: &mut String, n: i64) {
        let sign = match (n < 0, self.plus, self.space) {
            (true, ..) => "-",
            (_, true, _) => "+",
            (_, _, true) => " ",
            _ => "",
        };
        self.number(out, sign, n.unsigned_abs().to_string());
    }

    fn unsigned(&self, out: &mut String, n: u64, conversion: u8) {
        let (prefix, digits) = match conversion {
            b'x' => ("0x", format!("{n:x}")),
            b'X' => ("0X", format!("{n:X}")),
            b'o' => ("0", format!("{n:o}")),
            _ => ("", n.to_string()),
        };
        self.number(out, if self.alternate && n != 0 { prefix } else { "" }, digits);
    }
}

/// Where `sprintf` gets its arguments from.
pub(super) trait Arguments {
    /// The next argument as a signed number.
    fn signed(&mut self) -> Option<i64>;
    /// The next argument as an unsigned number.
    fn unsigned(&mut self) -> Option<u64>;
    /// The next argument as a string.
    fn string(&mut self) -> Option<String>;
}

/// C's `sprintf` with the conversions `d i o u x X s %`. Nothing if the format or an argument is bad.
pub(super) fn sprintf(format: &str, args: &mut dyn Arguments) -> Option<String> {
    let mut out = String::new();
    let mut rest = format;
    while let Some(at) = rest.find('%') {
        out.push_str(rest.get(..at)?);
        let b = rest.as_bytes();
        let mut i = at + 1;
        let mut spec = Spec::default();
        while b.get(i).is_some_and(|c| spec.flag(*c)) {
            i += 1;
        }
        let mut number = |i: &mut usize| -> Option<i64> {
            if b.get(*i) == Some(&b'*') {
                *i += 1;
                return args.signed();
            }
            let mut n = 0i64;
            while let Some(d) = b.get(*i).filter(|c| c.is_ascii_digit()) {
                n = n.saturating_mul(10).saturating_add((d - b'0').into());
                *i += 1;
            }
            Some(n)
        };
        let width = number(&mut i)?;
        spec.left |= width < 0;
        spec.width = usize::try_from(width.unsigned_abs()).unwrap_or(WIDEST).min(WIDEST);
        if b.get(i) == Some(&b'.') {
            i += 1;
            spec.precision = Some(usize::try_from(number(&mut i)?).ok()?.min(WIDEST));
        }
        let mut half = false;
        while let Some(c @ (b'h' | b'l' | b'L' | b'q')) = b.get(i) {
            half = *c == b'h';
            i += 1;
        }
        match b.get(i)? {
            b'd' | b'i' => {
                let n = args.signed()?;
                spec.signed(&mut out, if half { n as i16 as i64 } else { n });
            }
            c @ (b'o' | b'u' | b'x' | b'X') => {
                let n = args.unsigned()?;
                spec.unsigned(&mut out, if half { n as u16 as u64 } else { n }, *c);
            }
            b's' => {
                let s = args.string()?;
                let end = spec.precision.map_or(s.chars().count(), |p| p.min(s.chars().count()));
                let s: String = s.chars().take(end).collect();
                spec.field(&mut out, "", &s, false);
            }
            b'%' => out.push('%'),
            _ => return None,
        }
        rest = rest.get(i + 1..)?;
    }
    out.push_str(rest);
    Some(out)
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec::Vec;

    struct Words(Vec<&'static str>);
    impl Arguments for Words {
        fn signed(&mut self) -> Option<i64> {
            self.string()?.parse().ok()
        }
        fn unsigned(&mut self) -> Option<u64> {
            self.string()?.parse().ok()
        }
        fn string(&mut self) -> Option<String> {
            (!self.0.is_empty()).then(|| self.0.remove(0).to_string())
        }
    }

    fn print(format: &str, args: &[&'static str]) -> Option<String> {
        sprintf(format, &mut Words(args.to_vec()))
    }

    #[test]
    fn real_numbers_have_at_most_twelve_digits() {
        let cases = [
            (0.0, "0"),
            (6.0, "6"),
            (-2.5, "-2.5"),
            (1.0 / 3.0, "0.333333333333"),
            (1e11, "100000000000"),
            (1e12, "1e+12"),
            (123_456_789_012_345.0, "1.23456789012e+14"),
            (0.0001, "0.0001"),
            (0.00001, "1e-05"),
            (f64::INFINITY, "inf"),
            (999_999_999_999.9, "1e+12"),
        ];
        for (x, text) in cases {
            assert_eq!(real(x), text);
        }
    }

    #[test]
    fn conversions_are_those_of_c() {
        assert_eq!(
            print("%05x|%-4d|%+d|% d|%.3d", &["127", "7", "3", "3", "5"]).as_deref(),
            Some("0007f|7   |+3| 3|005")
        );
        assert_eq!(print("%#o %#X %hu %%", &["8", "255", "65537"]).as_deref(), Some("010 0XFF 1 %"));
        assert_eq!(print("[%6s][%-6s][%.2s]", &["abc", "abc", "abc"]).as_deref(), Some("[   abc][abc   ][ab]"));
        assert_eq!(print("%*d", &["5", "42"]).as_deref(), Some("   42"));
        assert_eq!(print("é%sé", &["ü"]).as_deref(), Some("éüé"));
        assert_eq!(print("%f", &["1"]), None);
        assert_eq!(print("%d", &[]), None);
        assert_eq!(print("%", &[]), None);
    }
}
