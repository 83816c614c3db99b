//! Appends a CRC.
use super::crc::crc32;
use sluice_dataplane::args::Args;
use sluice_dataplane::batch::Batch;
use sluice_dataplane::context::Context;
use sluice_dataplane::element::{Configure, Element};
use sluice_dataplane::env::Env;
use sluice_dataplane::info::Info;
use sluice_dataplane::packet::Packet;
use sluice_dataplane::reason::Reason;

/// Appends a CRC.
pub struct SetCRC32;

impl Configure for SetCRC32 {
    const INFO: &'static Info = &Info {
        doc: "Appends four bytes to each packet: a CRC over the others with the polynomial of Ethernet, in the form that \
              CheckCRC32 expects (not the frame check sequence that a NIC appends). A packet without room for them is \
              dropped as `oversize`.",
        example: "InfiniteSource(LIMIT 5) -> SetCRC32 -> CheckCRC32 -> Discard;",
        see: &["CheckCRC32"],
        ..Info::new("SetCRC32", "bytes", "appends a CRC")
    };
    fn configure(_args: &mut Args<'_>, _env: &mut Env<'_>) -> Self {
        SetCRC32
    }
}

fn append(p: &mut Packet) -> Option<Reason> {
    let crc = crc32(p.data());
    if p.tailroom() < crc.len() {
        return Some(Reason::Oversize);
    }
    (!p.append(&crc)).then_some(Reason::NoBuffer)
}

impl Element for SetCRC32 {
    fn process(&mut self, cx: &mut Context<'_>, _port: usize, batch: &mut Batch) {
        cx.check(batch, append);
    }
}
