//! Copies bytes from one packet into others.
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;
use core::any::Any;
use sluice_dataplane::args::{Args, FromArg};
use sluice_dataplane::batch::Batch;
use sluice_dataplane::context::{Context, Upstream};
use sluice_dataplane::element::{Configure, Element};
use sluice_dataplane::env::Env;
use sluice_dataplane::info::{Arg, Info, Paths, State};
use sluice_dataplane::packet::Packet;
use sluice_dataplane::reason::Reason;

/// Copies bytes from one packet into others.
pub struct Clipboard {
    /// Offset and length of each range, bytes.
    ranges: Vec<(usize, usize)>,
    /// The shortest packet that has all ranges, bytes.
    shortest: usize,
    /// The bytes of the ranges, one after the other; empty before the first packet.
    bytes: Vec<u8>,
}

impl Clipboard {
    fn copy(&mut self, p: &Packet) {
        if p.len() < self.shortest {
            return;
        }
        self.bytes.clear();
        for &(at, n) in &self.ranges {
            self.bytes.extend(p.data().get(at..at + n).unwrap_or_default());
        }
    }
    fn paste(&self, p: &mut Packet) -> Option<Reason> {
        if p.len() < self.shortest || self.bytes.is_empty() {
            return None;
        }
        let Some(data) = p.data_mut() else { return Some(Reason::NoBuffer) };
        let mut rest = &self.bytes[..];
        for &(at, n) in &self.ranges {
            let (now, then) = rest.split_at(n.min(rest.len()));
            data.get_mut(at..at + now.len())?.copy_from_slice(now);
            rest = then;
        }
        None
    }
    fn look(&mut self, cx: &mut Context<'_>, port: usize, batch: &mut Batch) {
        if port == 0 {
            batch.iter().for_each(|p| self.copy(p));
        } else {
            batch.divert(|p| self.paste(p), |p, why| cx.drop(p, why));
        }
    }
}

/// Reads `offset/length`.
fn range(text: &str, number: usize, args: &Args<'_>) -> Result<(usize, usize), String> {
    let parts = text.split_once('/').map(|(at, n)| (at.trim(), n.trim()));
    let Some((at, n)) = parts.filter(|(at, n)| !at.is_empty() && !n.is_empty()) else {
        return Err(format!("range {number}: expected '/' between offset and length"));
    };
    match (u16::from_arg(at, args.names()), u16::from_arg(n, args.names())) {
        (Ok(at), Ok(n)) => Ok((at.into(), n.into())),
        _ => Err(format!("range {number}: invalid offset or length")),
    }
}

impl Configure for Clipboard {
    const INFO: &'static Info = &Info {
        ports: "2/2",
        paths: Paths::Same,
        live: true,
        state: State::Single,
        args: &[Arg::rest("RANGES", "offset/length", "bytes of a packet that are copied")],
        doc: "Notes the bytes of its ranges in each packet that passes from input 0 to output 0, and writes them at the same \
              places into each packet that passes from input 1 to output 1. Packets that are too short to have all \
              ranges pass unchanged, and so do all that come to input 1 before there is anything noted.\n\nEach pair of \
              ports may push or pull. With a burst of more than one packet, all of a burst pass one pair before others \
              pass the other: put packets that follow each other closely through with burst 1.",
        example: "InfiniteSource(LIMIT 5) -> c :: Clipboard(0/6, 12/2) -> Discard; InfiniteSource(LIMIT 5) -> [1] c [1] -> Discard;",
        see: &["Strip", "Unstrip", "Resize"],
        ..Info::new("Clipboard", "bytes", "copies bytes from one packet into others")
    };
    fn configure(args: &mut Args<'_>, _env: &mut Env<'_>) -> Self {
        let mut ranges = Vec::new();
        for (number, text) in args.rest_strings().iter().enumerate() {
            match range(text, number, args) {
                Ok(r) => ranges.push(r),
                Err(why) => args.error(why),
            }
        }
        let shortest = ranges.iter().map(|&(at, n)| at + n).max().unwrap_or(0);
        Clipboard { ranges, shortest, bytes: Vec::new() }
    }
}

impl Element for Clipboard {
    fn process(&mut self, cx: &mut Context<'_>, port: usize, batch: &mut Batch) {
        self.look(cx, port, batch);
        if port > 0 {
            batch.drain().for_each(|p| cx.emit(port, p));
        }
    }
    fn pull(&mut self, cx: &mut Context<'_>, up: &mut Upstream<'_>, port: usize, n: usize, batch: &mut Batch) {
        let mut got = cx.spare();
        up.pull(cx, port, n, &mut got);
        self.look(cx, port, &mut got);
        got.append_to(batch);
        cx.give_spare(got);
    }
    fn take_state(&mut self, _cx: &mut Context<'_>, old: &mut dyn Any) {
        if let Some(old) = old.downcast_mut::<Clipboard>().filter(|o| o.ranges == self.ranges) {
            self.bytes = core::mem::take(&mut old.bytes);
        }
    }
}
