//! Checks and removes a CRC.
use super::crc::crc32;
use alloc::format;
use sluice_dataplane::args::Args;
use sluice_dataplane::batch::Batch;
use sluice_dataplane::batch::Fate;
use sluice_dataplane::context::Context;
use sluice_dataplane::context::Stream;
use sluice_dataplane::element::{Configure, Element};
use sluice_dataplane::env::Env;
use sluice_dataplane::info::Info;
use sluice_dataplane::packet::Packet;
use sluice_dataplane::reason::Reason;

/// Checks and removes a CRC.
pub struct CheckCRC32;

impl Configure for CheckCRC32 {
    const INFO: &'static Info = &Info {
        doc: "Checks the CRC that SetCRC32 appended and removes it. A packet with another CRC is dropped as \
              `bad_checksum`, one of less than four bytes as `truncated`; a message says its length.",
        example: "InfiniteSource(LIMIT 5) -> SetCRC32 -> CheckCRC32 -> Discard;",
        see: &["SetCRC32"],
        ..Info::new("CheckCRC32", "bytes", "checks and removes a CRC")
    };
    fn configure(_args: &mut Args<'_>, _env: &mut Env<'_>) -> Self {
        CheckCRC32
    }
}

fn check(p: &mut Packet) -> Option<Reason> {
    match p.data().split_last_chunk::<4>() {
        None => Some(Reason::Truncated),
        Some((data, crc)) if crc32(data) != *crc => Some(Reason::BadChecksum),
        Some(_) => {
            p.take(4);
            None
        }
    }
}

impl Element for CheckCRC32 {
    fn process(&mut self, cx: &mut Context<'_>, _port: usize, batch: &mut Batch) {
        let judge = |p: &mut Packet| check(p).map_or(Fate::Keep, |why| Fate::Move(why as u16));
        batch.retain_or_move(judge, |p, why| {
            cx.print(Stream::Err, &format!("CRC32 failed, len {}\n", p.len()));
            cx.drop(p, Reason::ALL[why as usize]);
        });
    }
}
