//! Sets the source address of packets that ask for it.
use super::header_mut;
use core::net::Ipv4Addr;
use sluice_dataplane::args::Args;
use sluice_dataplane::batch::Batch;
use sluice_dataplane::context::Context;
use sluice_dataplane::element::{Configure, Element};
use sluice_dataplane::env::Env;
use sluice_dataplane::info::{Arg, Info};
use sluice_dataplane::packet::Packet;
use sluice_dataplane::reason::Reason;
use sluice_dataplane::wire::{Ipv4, ipv4};

/// Sets the source address of packets that ask for it.
pub struct FixIPSrc {
    address: Ipv4Addr,
}

impl Configure for FixIPSrc {
    const INFO: &'static Info = &Info {
        live: true,
        args: &[Arg::required("IPADDR", "IP address", "this interface's address")],
        doc: "Sets the source address of packets whose fix IP source annotation is set to IPADDR, clears the \
              annotation, and computes the IP checksum. ICMPError sets the annotation, because the interface that an \
              error leaves through, hence the right source address, is known only after routing.",
        example: "InfiniteSource(LIMIT 5) -> CheckIPHeader -> ICMPError(10.0.0.1, unreachable, host) \
                  -> FixIPSrc(10.0.1.1) -> Discard;",
        see: &["ICMPError"],
        ..Info::new("FixIPSrc", "ip", "sets the source address of packets that ask for it")
    };
    fn configure(args: &mut Args<'_>, _env: &mut Env<'_>) -> Self {
        FixIPSrc { address: args.required("IPADDR") }
    }
}

fn fix(p: &mut Packet, address: Ipv4Addr) -> Result<(), Reason> {
    if !p.fix_ip_src() || !p.has_net() {
        return Ok(());
    }
    let bytes = header_mut(p)?;
    Ipv4::parse_header_mut(bytes).map_err(|_| Reason::BadIp)?.set_src(address);
    ipv4::fill_checksum(bytes).map_err(|_| Reason::BadIp)?;
    p.set_fix_ip_src(false);
    Ok(())
}

impl Element for FixIPSrc {
    fn process(&mut self, cx: &mut Context<'_>, _port: usize, batch: &mut Batch) {
        cx.check(batch, |p| fix(p, self.address).err());
    }
}
