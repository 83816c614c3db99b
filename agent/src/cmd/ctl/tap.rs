//! A stream of packets for tshark.
use super::session::{Done, Session, Trouble, write};
use sluice_mgmt::client::{Call, Failure, path};
use std::io::{IsTerminal as _, Read as _};

/// Writes packets that leave an output, or all drops, to standard output as pcapng:
/// sluice ctl tap drops | tshark -i -
#[derive(clap::Args)]
pub(crate) struct Tap {
    /// As `q[0]`; `drops` for all packets that are dropped.
    edge: String,
    /// Ends after so many packets.
    #[arg(long, value_name = "N")]
    count: Option<u64>,
    /// Bytes of each packet.
    #[arg(long, value_name = "BYTES")]
    snap: Option<u32>,
}

pub(super) fn tap(s: &Session, args: &Tap) -> Done {
    if std::io::stdout().is_terminal() {
        let line = format!("sluice ctl tap '{}' | tshark -i -", args.edge);
        return Err(Trouble::Usage(format!("packets are nothing for a terminal; run: {line}")));
    }
    let (count, snap) = (args.count.map(|n| n.to_string()), args.snap.map(|n| n.to_string()));
    let edge = Some(args.edge.clone());
    let path =
        path::query(&path::v1(&["tap"]), &[("edge", edge), ("count", count), ("snap", snap), s.which_function()]);
    let mut packets = s.send(&Call::get(path).stream())?.reader();
    let mut piece = vec![0; 64 << 10];
    loop {
        let broken = |e: std::io::Error| Failure::Broken { url: s.client.url().into(), why: e.to_string() };
        match packets.read(&mut piece).map_err(broken)? {
            0 => return Ok(()),
            n => write(&piece[..n])?,
        }
    }
}
