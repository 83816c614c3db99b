//! Sets the checksum of UDP datagrams.
use super::header_mut;
use alloc::format;
use sluice_dataplane::args::Args;
use sluice_dataplane::batch::Batch;
use sluice_dataplane::context::{Context, Stream};
use sluice_dataplane::element::{Configure, Element};
use sluice_dataplane::env::Env;
use sluice_dataplane::info::Info;
use sluice_dataplane::packet::Packet;
use sluice_dataplane::reason::Reason;
use sluice_dataplane::wire::checksum::{Addresses, fill_transport};
use sluice_dataplane::wire::{Ipv4, ip_proto};

/// Sets the checksum of UDP datagrams.
#[derive(Default)]
pub struct SetUDPChecksum {
    warned: bool,
}

impl Configure for SetUDPChecksum {
    const INFO: &'static Info = &Info {
        ports: "1/1-2",
        flow: "a/ah",
        doc: "Computes and sets the checksum of the UDP datagram behind the marked IP header. Fragments and packets \
              that are too short for their lengths go to output 1 if that is connected, else they are dropped, with a \
              message the first time.",
        example: "InfiniteSource(LIMIT 5) -> CheckIPHeader -> SetUDPChecksum -> Discard;",
        see: &["CheckUDPHeader", "SetIPChecksum", "SetTCPChecksum"],
        ..Info::new("SetUDPChecksum", "ip", "sets the checksum of UDP datagrams")
    };
    fn configure(_args: &mut Args<'_>, _env: &mut Env<'_>) -> Self {
        SetUDPChecksum::default()
    }
}

fn fill(p: &mut Packet) -> Result<(), Reason> {
    let bytes = header_mut(p)?;
    let ip = *Ipv4::parse_header(bytes).map_err(|_| Reason::BadIp)?;
    let segment = bytes.get_mut(ip.header_len()..).ok_or(Reason::BadIp)?;
    if ip.is_fragment() {
        return Err(Reason::BadTransport);
    }
    fill_transport(Addresses::from(&ip), ip_proto::UDP, segment).map_err(|_| Reason::BadTransport)?;
    Ok(())
}

impl Element for SetUDPChecksum {
    fn process(&mut self, cx: &mut Context<'_>, _port: usize, batch: &mut Batch) {
        let mut bad = false;
        cx.check(batch, |p| {
            let why = fill(p).err()?;
            bad |= why != Reason::NoBuffer;
            Some(why)
        });
        if bad && !self.warned && !cx.output_connected(1) {
            self.warned = true;
            let line = format!("{} :: SetUDPChecksum: fragment or short packet\n", cx.name());
            cx.print(Stream::Err, &line);
        }
    }
}
