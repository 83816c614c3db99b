//! The files of AggregateCounter: Click's format `IPAggregate 1.0`.
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;
use core::net::Ipv4Addr;
use sluice_dataplane::files::Files;

/// How counts are written.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Format {
    /// Aggregate and count, decimal.
    Text,
    /// The aggregate as an address.
    Addresses,
    /// The share of all counts.
    Shares,
    /// 32 bits each, least byte first.
    Binary,
}

/// A file with these counts, which add up to `total`.
pub(super) fn write(counts: &[(u32, u64)], total: u64, banner: &str, format: Format) -> Vec<u8> {
    let mut head = String::from("!IPAggregate 1.0\n");
    if !banner.is_empty() {
        head += banner;
        head.push('\n');
    }
    head += &format!("!num_nonzero {}\n", counts.len());
    head += match format {
        Format::Addresses => "!ip\n",
        Format::Binary => "!packed_le\n",
        Format::Text | Format::Shares => "",
    };
    let mut out = head.into_bytes();
    for &(aggregate, n) in counts {
        let line = match format {
            Format::Text => format!("{aggregate} {n}\n"),
            Format::Addresses => format!("{} {n}\n", Ipv4Addr::from(aggregate)),
            Format::Shares => format!("{aggregate} {}\n", general(n as f64 / total as f64)),
            Format::Binary => {
                out.extend(aggregate.to_le_bytes());
                out.extend(u32::try_from(n).unwrap_or(u32::MAX).to_le_bytes());
                continue;
            }
        };
        out.extend(line.into_bytes());
    }
    out
}

/// A number with twelve significant digits, as `printf("%.12g")` writes it.
fn general(v: f64) -> String {
    let text = format!("{v:.11e}");
    let (digits, exponent) = text.split_once('e').unwrap_or((&text, "0"));
    let exponent: i32 = exponent.parse().unwrap_or(0);
    if exponent < -4 {
        return format!("{}e-{:02}", trimmed(digits), -exponent);
    }
    let places = usize::try_from(11 - exponent).unwrap_or(0);
    trimmed(&format!("{v:.places$}")).into()
}

/// Without zeros at the end of the fraction.
fn trimmed(digits: &str) -> &str {
    match digits.contains('.') {
        true => digits.trim_end_matches('0').trim_end_matches('.'),
        false => digits,
    }
}

/// Writes a file, `-` for standard output.
#[cfg(feature = "std")]
pub(super) fn save(files: &Files, name: &str, bytes: &[u8]) -> Result<(), String> {
    use std::io::Write as _;
    if name == "-" {
        files.check_stream()?;
    }
    let done = match name {
        "-" => std::io::stdout().write_all(bytes),
        _ => files.create(name).and_then(|mut f| f.write_all(bytes)),
    };
    done.map_err(|e| format!("{name}: {}", sluice_dataplane::os::strerror(&e)))
}

/// There are no files here.
#[cfg(not(feature = "std"))]
pub(super) fn save(_files: &Files, _name: &str, _bytes: &[u8]) -> Result<(), String> {
    Err("no files here".into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_have_twelve_digits() {
        for (v, text) in [(0.5, "0.5"), (1.0, "1"), (1.0 / 3.0, "0.333333333333"), (0.000_012_5, "1.25e-05")] {
            assert_eq!(general(v), text);
        }
    }

    #[test]
    fn files_are_as_click_writes_them() {
        let of = |format| write(&[(1, 3), (0x0a00_0001, 1)], 4, "!mine", format);
        let text = |format| String::from_utf8(of(format)).expect("text");
        let head = "!IPAggregate 1.0\n!mine\n!num_nonzero 2\n";
        assert_eq!(text(Format::Text), format!("{head}1 3\n167772161 1\n"));
        assert_eq!(text(Format::Addresses), format!("{head}!ip\n0.0.0.1 3\n10.0.0.1 1\n"));
        assert_eq!(text(Format::Shares), format!("{head}1 0.75\n167772161 0.25\n"));
        let packed =
            [format!("{head}!packed_le\n").as_bytes(), &[1, 0, 0, 0, 3, 0, 0, 0, 1, 0, 0, 10, 1, 0, 0, 0]].concat();
        assert_eq!(of(Format::Binary), packed);
    }
}
