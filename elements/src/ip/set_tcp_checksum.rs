//! Sets the checksum of TCP segments.
use super::header_mut;
use sluice_dataplane::args::Args;
use sluice_dataplane::batch::Batch;
use sluice_dataplane::context::{Context, Stream};
use sluice_dataplane::element::{Configure, Element};
use sluice_dataplane::env::Env;
use sluice_dataplane::info::{Arg, Info};
use sluice_dataplane::packet::Packet;
use sluice_dataplane::reason::Reason;
use sluice_dataplane::wire::checksum::{Addresses, fill_transport};
use sluice_dataplane::wire::{Ipv4, ip_proto, tcp};

/// Sets the checksum of TCP segments.
pub struct SetTCPChecksum {
    fix_offset: bool,
}

impl Configure for SetTCPChecksum {
    const INFO: &'static Info = &Info {
        live: true,
        args: &[Arg::optional("FIXOFF", "boolean", "false", "correct an impossible data offset first")],
        doc: "Computes and sets the checksum of the TCP segment behind the marked IP header. A packet that is too \
              short for its lengths is dropped, with a message.",
        example: "InfiniteSource(LIMIT 5) -> CheckIPHeader -> SetTCPChecksum -> Discard;",
        see: &["CheckTCPHeader", "SetIPChecksum", "SetUDPChecksum"],
        ..Info::new("SetTCPChecksum", "ip", "sets the checksum of TCP segments")
    };
    fn configure(args: &mut Args<'_>, _env: &mut Env<'_>) -> Self {
        SetTCPChecksum { fix_offset: args.optional("FIXOFF", false) }
    }
}

fn fill(p: &mut Packet, fix_offset: bool) -> Result<(), Reason> {
    let (ip, _, segment) = Ipv4::parse_full_mut(header_mut(p)?).map_err(|_| Reason::BadIp)?;
    let (length, fragment) = (segment.len(), ip.is_fragment());
    if fix_offset && let Some(offset) = segment.get_mut(12) {
        let words = match usize::from(*offset >> 4) * 4 {
            n if n < tcp::LEN => tcp::LEN / 4,
            // What follows in other fragments may make it right.
            n if n > length && !fragment => length / 4,
            n => n / 4,
        };
        *offset = (words as u8) << 4 | *offset & 0xf;
    }
    fill_transport(Addresses::from(&*ip), ip_proto::TCP, segment).map_err(|_| Reason::BadTransport)?;
    Ok(())
}

impl Element for SetTCPChecksum {
    fn process(&mut self, cx: &mut Context<'_>, _port: usize, batch: &mut Batch) {
        let mut bad = 0;
        cx.check(batch, |p| {
            let why = fill(p, self.fix_offset).err()?;
            bad += u32::from(why != Reason::NoBuffer);
            Some(why)
        });
        (0..bad).for_each(|_| cx.print(Stream::Err, "SetTCPChecksum: bad lengths\n"));
    }
}
