//! Fields about annotations: times, counts, paint, aggregate.
use super::describe::Missing;
use super::{Field, Value, Width, order};
use crate::print::time::Seconds;
use core::fmt::Write;
use sluice_dataplane::args::{FromArg, parse_int};

const SECOND: u64 = 1_000_000_000;

pub(super) const FIELDS: &[Field] = &[
    timestamp("timestamp", Width::Micro),
    timestamp("ntimestamp", Width::Nano),
    Field::number(
        "ts_sec",
        order::ANNO,
        4,
        |d| Ok(Value::Number(d.timestamp / SECOND)),
        |b, v| b.anno.timestamp = v.number() * SECOND + b.anno.timestamp % SECOND,
    ),
    Field::number(
        "ts_usec",
        order::ANNO,
        4,
        |d| Ok(Value::Number(d.timestamp % SECOND / 1000)),
        |b, v| b.anno.timestamp = (b.anno.timestamp / SECOND * SECOND).saturating_add(v.number() * 1000),
    ),
    Field::number(
        "ts_usec1",
        order::ANNO,
        8,
        |d| Ok(Value::Number(d.timestamp / 1000)),
        |b, v| b.anno.timestamp = v.number().saturating_mul(1000),
    ),
    first_timestamp("first_timestamp", Width::Micro),
    first_timestamp("first_ntimestamp", Width::Nano),
    Field::number(
        "count",
        order::ANNO,
        4,
        |d| Ok(Value::Number(u64::from(d.packet.extra_packets()) + 1)),
        |b, v| b.anno.extra_packets = v.number().saturating_sub(1) as u32,
    ),
    paint("link"),
    paint("paint"),
    paint("direction").show(|_, v, out| {
        let _ = match v.number() {
            0 => write!(out, ">"),
            1 => write!(out, "<"),
            n => write!(out, "{n}"),
        };
    }),
    Field::number(
        "aggregate",
        order::ANNO,
        4,
        |d| Ok(Value::Number(d.packet.aggregate().into())),
        |b, v| b.anno.aggregate = v.number() as u32,
    ),
    Field::number(
        "wire_len",
        order::ANNO,
        4,
        |d| Ok(Value::Number(d.packet.len() as u64)),
        |b, v| b.want_len = v.number() as usize,
    ),
    // A graph runs on one worker, number 0.
    Field::output("thread", order::ANNO, 4, |_| Ok(Value::Number(0))),
];

const fn timestamp(name: &'static str, width: Width) -> Field {
    Field::number(name, order::ANNO, 8, |d| Ok(Value::Number(d.timestamp)), |b, v| b.anno.timestamp = v.number())
        .show(|_, v, out| {
            let _ = write!(out, "{}", Seconds(v.number()));
        })
        .read(|b, text| Seconds::from_arg(text, &b.names).ok().map(|t| Value::Number(t.0)))
        .width(width)
}

/// Packets carry no such annotation: it is read, to spread the packets of one line, and not written.
const fn first_timestamp(name: &'static str, width: Width) -> Field {
    Field::number(name, order::ANNO, 8, |_| Err(Missing::Silent), |b, v| b.anno.first_timestamp = v.number())
        .read(|b, text| Seconds::from_arg(text, &b.names).ok().map(|t| Value::Number(t.0)))
        .width(width)
}

const fn paint(name: &'static str) -> Field {
    Field::number(
        name,
        order::ANNO,
        1,
        |d| Ok(Value::Number(d.packet.paint().into())),
        |b, v| b.anno.paint = v.number() as u8,
    )
    .read(|_, text| match text {
        ">" | "L" => Some(Value::Number(0)),
        "<" | "R" | "X" => Some(Value::Number(1)),
        _ => parse_int::<u8>(text).ok().map(|n| Value::Number(n.into())),
    })
}
