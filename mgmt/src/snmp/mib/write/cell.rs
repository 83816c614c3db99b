//! A variable binding by itself: what it names, and whether that can have such a value.
use crate::snmp::mib::names::{self, next_hop, path, rule};
use crate::snmp::mib::value::{LAST_PATH, NAME, NEXT_HOPS, PATTERN, name_of};
use async_snmp::{ErrorStatus, RowStatus, Value, VarBind};

/// A row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Place {
    /// A rule, by its name.
    Rule(String),
    /// A path, by its identifier.
    Path(u32),
    /// A next hop.
    NextHop(Next),
}

/// A next hop, by its indices.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Next {
    /// Service path identifier.
    pub(super) path: u32,
    /// Service index.
    pub(super) si: u8,
    /// Its number among the next hops of the hop, from 1 on.
    pub(super) number: u8,
}

/// A value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Cell {
    /// A text, or an Ethernet address as text; empty if there is none.
    Text(String),
    /// Of `Integer32` and `Unsigned32`.
    Number(i64),
    /// What becomes of the row; only what we do.
    Status(RowStatus),
}

/// What a variable binding asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Wish {
    pub(super) place: Place,
    pub(super) column: u32,
    pub(super) cell: Cell,
}

/// What a column can have.
#[derive(Clone, Copy)]
enum Syntax {
    /// At most so many octets of UTF-8.
    Text(usize),
    /// An Ethernet address, or nothing.
    Mac,
    /// `Integer32` from -1 on, which is none.
    OrAny(i64),
    /// `Unsigned32`
    Unsigned(i64, u32),
    RowStatus,
}

/// The syntax of the columns that can be written.
fn syntax(table: u32, column: u32) -> Option<Syntax> {
    use Syntax::*;
    Some(match (table, column) {
        (names::RULE, rule::POSITION) => Unsigned(1, 65535),
        (names::RULE, rule::FROM) => Text(NAME),
        (names::RULE, rule::VLAN) => OrAny(4095),
        (names::RULE, rule::ETHER_TYPE) => OrAny(65535),
        (names::RULE, rule::PACKETS | rule::SNMP) => Text(PATTERN),
        (names::RULE, rule::NSH_PATH) => Unsigned(0, LAST_PATH),
        (names::RULE, rule::NSH_INDEX) => Unsigned(0, 255),
        (names::RULE, rule::PATH) => Unsigned(1, LAST_PATH),
        (names::RULE, rule::INDEX) => OrAny(255),
        (names::RULE, rule::ROW_STATUS) => RowStatus,
        (names::PATH, path::FIRST_INDEX) => Unsigned(1, 255),
        (names::PATH, path::TO_PORT) => Text(NAME),
        (names::PATH, path::TO_MAC) => Mac,
        (names::PATH, path::ROW_STATUS) => RowStatus,
        (names::NEXT_HOP, next_hop::FUNCTION | next_hop::PORT) => Text(NAME),
        (names::NEXT_HOP, next_hop::MAC) => Mac,
        (names::NEXT_HOP, next_hop::WEIGHT) => Unsigned(1, 65535),
        (names::NEXT_HOP, next_hop::ROW_STATUS) => RowStatus,
        _ => return None,
    })
}

/// RFC 3416 section 4.2.5, (2) to (7).
pub(super) fn read(binding: &VarBind) -> Result<Wish, ErrorStatus> {
    let tables = [names::RULE, names::PATH, names::NEXT_HOP];
    let below = tables.into_iter().find_map(|t| Some((t, binding.oid.strip_prefix(&names::entry(t))?)));
    let (table, rest) = below.ok_or(ErrorStatus::NotWritable)?;
    let (column, index) = rest.arcs().split_first().ok_or(ErrorStatus::NotWritable)?;
    let cell = value(syntax(table, *column).ok_or(ErrorStatus::NotWritable)?, &binding.value)?;
    let place = place(table, index).ok_or(ErrorStatus::NoCreation)?;
    Ok(Wish { place, column: *column, cell })
}

fn place(table: u32, index: &[u32]) -> Option<Place> {
    let path = |id: u32| (1..=LAST_PATH).contains(&id).then_some(id);
    match (table, index) {
        (names::RULE, name) => name_of(name).map(Place::Rule),
        (names::PATH, [id]) => path(*id).map(Place::Path),
        (names::NEXT_HOP, [id, si, number]) => {
            let number = u8::try_from(*number).ok().filter(|n| (1..=NEXT_HOPS).contains(&u32::from(*n)))?;
            let si = u8::try_from(*si).ok().filter(|si| *si > 0)?;
            Some(Place::NextHop(Next { path: path(*id)?, si, number }))
        }
        _ => None,
    }
}

fn value(syntax: Syntax, value: &Value) -> Result<Cell, ErrorStatus> {
    match (syntax, value) {
        (Syntax::Text(most), Value::OctetString(octets)) => {
            if octets.len() > most {
                return Err(ErrorStatus::WrongLength);
            }
            let text = std::str::from_utf8(octets).map_err(|_| ErrorStatus::WrongValue)?;
            Ok(Cell::Text(text.into()))
        }
        (Syntax::Mac, Value::OctetString(octets)) => match octets.len() {
            0 | 6 => Ok(Cell::Text(octets.iter().map(|o| format!("{o:02x}")).collect::<Vec<_>>().join(":"))),
            _ => Err(ErrorStatus::WrongLength),
        },
        (Syntax::OrAny(most), Value::Integer(n)) => number((*n).into(), -1, most),
        (Syntax::Unsigned(least, most), Value::Gauge32(n)) => number((*n).into(), least, most.into()),
        (Syntax::RowStatus, Value::Integer(n)) => match RowStatus::from_i32(*n) {
            Some(status @ (RowStatus::Active | RowStatus::CreateAndGo | RowStatus::Destroy)) => {
                Ok(Cell::Status(status))
            }
            // RFC 2579 section 2: what an agent does not do is a wrong value.
            _ => Err(ErrorStatus::WrongValue),
        },
        _ => Err(ErrorStatus::WrongType),
    }
}

fn number(n: i64, least: i64, most: i64) -> Result<Cell, ErrorStatus> {
    if (least..=most).contains(&n) { Ok(Cell::Number(n)) } else { Err(ErrorStatus::WrongValue) }
}
