//! What we know, as values and indices of SNMP. Whatever does not fit is cut.
use async_snmp::Value;
use bytes::Bytes;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

/// Octets of a name that is an index: `SIZE (1..64)`.
pub(super) const NAME: usize = 64;
/// Octets of an `SnmpAdminString` (RFC 3411 section 5).
pub(super) const TEXT: usize = 255;
/// Octets of a pattern.
pub(super) const PATTERN: usize = 1024;
/// The greatest service path identifier (RFC 8300 section 2.3).
pub(super) const LAST_PATH: u32 = 0xFF_FFFF;
/// Next hops that a hop may have.
pub(super) const NEXT_HOPS: u32 = 16;

/// A text in UTF-8 of at most so many octets.
pub(super) fn text(text: &str, most: usize) -> Value {
    let end = (0..=most.min(text.len())).rev().find(|at| text.is_char_boundary(*at)).unwrap_or(0);
    octets(text.get(..end).unwrap_or_default().as_bytes())
}

/// A `DisplayString` (RFC 2579 section 2): ASCII, at most 255 octets. What is not is shown as `?`.
pub(super) fn ascii(text: &str) -> Value {
    let one = |c: char| if c.is_ascii() && !c.is_ascii_control() { c } else { '?' };
    Value::from(text.chars().take(TEXT).map(one).collect::<String>())
}

pub(super) fn octets(octets: &[u8]) -> Value {
    Value::OctetString(Bytes::copy_from_slice(octets))
}

/// An Ethernet address that is written with colons; empty if there is none.
pub(super) fn mac(text: Option<&str>) -> Value {
    let all: Option<Vec<u8>> = text.unwrap_or_default().split(':').map(|o| u8::from_str_radix(o, 16).ok()).collect();
    octets(&all.filter(|a| a.len() == 6).unwrap_or_default())
}

/// An `Unsigned32` in a range.
pub(super) fn unsigned(n: impl TryInto<u32>, low: u32, high: u32) -> Value {
    Value::Gauge32(n.try_into().unwrap_or(u32::MAX).clamp(low, high))
}

/// An `Integer32` that is not negative; -1 if there is none.
pub(super) fn or_any(n: Option<impl Into<i32>>) -> Value {
    Value::Integer(n.map_or(-1, Into::into))
}

/// A `DateAndTime` (RFC 2579 section 2): year, month, day, hour, minute, second, tenth of a second, distance from UTC.
pub(super) fn date_and_time(rfc3339: &str) -> Value {
    let t = OffsetDateTime::parse(rfc3339, &Rfc3339).unwrap_or(OffsetDateTime::UNIX_EPOCH);
    let [high, low] = u16::try_from(t.year()).unwrap_or(0).to_be_bytes();
    let tenth = (t.millisecond() / 100) as u8;
    let (hours, minutes, _) = t.offset().as_hms();
    let sign = if t.offset().is_negative() { b'-' } else { b'+' };
    let day = [high, low, u8::from(t.month()), t.day()];
    let hour = [t.hour(), t.minute(), t.second(), tenth, sign, hours.unsigned_abs(), minutes.unsigned_abs()];
    octets(&[&day[..], &hour[..]].concat())
}

/// A name as an index (RFC 2578 section 7.7): its length and its octets. None where it is empty or too long.
pub(super) fn name_index(name: &str) -> Option<Vec<u32>> {
    let length = u32::try_from(name.len()).ok().filter(|_| (1..=NAME).contains(&name.len()))?;
    Some(std::iter::once(length).chain(name.bytes().map(u32::from)).collect())
}

/// The name that an index is.
pub(super) fn name_of(index: &[u32]) -> Option<String> {
    let (length, octets) = index.split_first()?;
    if usize::try_from(*length).ok()? != octets.len() || !(1..=NAME).contains(&octets.len()) {
        return None;
    }
    let octets: Vec<u8> = octets.iter().map(|o| u8::try_from(*o).ok()).collect::<Option<_>>()?;
    String::from_utf8(octets).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn texts_are_cut_between_characters() {
        assert_eq!(text("aéb", 4), Value::from("aéb"));
        assert_eq!(text("aéb", 3), Value::from("aé"));
        assert_eq!(text("aéb", 2), Value::from("a"));
        assert_eq!(text("", 0), Value::from(""));
        assert_eq!(ascii("é\n~"), Value::from("??~"));
    }

    #[test]
    fn an_ethernet_address_is_six_octets_or_none() {
        assert_eq!(mac(Some("02:0:ff:1:2:3")), octets(&[2, 0, 255, 1, 2, 3]));
        for wrong in
            [None, Some(""), Some("02:00"), Some("02:00:00:00:00:100"), Some("2:0:0:0:0:0:0"), Some("é:0:0:0:0:0")]
        {
            assert_eq!(mac(wrong), octets(&[]), "{wrong:?}");
        }
    }

    /// RFC 2579 section 2, DateAndTime: its own example is 1992-5-26,13:30:15.0,-4:0.
    #[test]
    fn a_time_has_its_distance_from_utc() {
        let at = |t| date_and_time(t);
        assert_eq!(at("1992-05-26T13:30:15-04:00"), octets(&[7, 200, 5, 26, 13, 30, 15, 0, b'-', 4, 0]));
        assert_eq!(at("2026-11-27T01:02:03.987654Z"), octets(&[7, 234, 11, 27, 1, 2, 3, 9, b'+', 0, 0]));
        assert_eq!(at("never"), octets(&[7, 178, 1, 1, 0, 0, 0, 0, b'+', 0, 0]));
    }

    #[test]
    fn numbers_that_do_not_fit_are_cut() {
        assert_eq!(unsigned(u64::MAX, 0, u32::MAX), Value::Gauge32(u32::MAX));
        assert_eq!(unsigned(0_u8, 1, 255), Value::Gauge32(1));
        assert_eq!(or_any(None::<u16>), Value::Integer(-1));
        assert_eq!(or_any(Some(u16::MAX)), Value::Integer(65535));
    }

    proptest! {
        #[test]
        fn a_name_is_what_its_index_says(name in "\\PC{0,70}") {
            prop_assert_eq!(name_index(&name).is_some(), (1..=NAME).contains(&name.len()));
            if let Some(index) = name_index(&name) {
                prop_assert_eq!(name_of(&index), Some(name));
            }
        }

        #[test]
        fn an_index_is_a_name_in_one_way_only(index in proptest::collection::vec(0..300_u32, 0..70)) {
            if let Some(name) = name_of(&index) {
                prop_assert_eq!(name_index(&name), Some(index));
            }
        }
    }
}
