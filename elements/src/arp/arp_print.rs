//! Prints ARP messages as tcpdump does.
use crate::print::time::Seconds;
use alloc::format;
use alloc::string::String;
use sluice_dataplane::args::{Args, FromArg};
use sluice_dataplane::batch::Batch;
use sluice_dataplane::context::{Context, Stream};
use sluice_dataplane::element::{Configure, Element};
use sluice_dataplane::env::{Env, SetUp};
use sluice_dataplane::files::Files;
use sluice_dataplane::handler::{HandlerError, Reply, value};
use sluice_dataplane::info::{Arg, Handler, Info};
use sluice_dataplane::packet::Packet;
use sluice_dataplane::wire::arp::{
    self, HARDWARE_ETHERNET, OP_REPLY, OP_REQUEST, OP_REVERSE_REPLY, OP_REVERSE_REQUEST,
};
use sluice_dataplane::wire::ethernet::TYPE_IPV4;
use sluice_dataplane::wire::{EtherAddr, Ethernet};

/// The type of trailer encapsulation (RFC 893).
const TYPE_TRAILER: u16 = 0x1000;
/// Who has this hardware address? (RFC 2390)
const OP_INVERSE_REQUEST: u16 = 8;
/// It belongs to this protocol address (RFC 2390).
const OP_INVERSE_REPLY: u16 = 9;

/// Prints ARP messages as tcpdump does.
pub struct ARPPrint {
    label: String,
    timestamp: bool,
    ether: bool,
    active: bool,
    /// Path, empty for standard error.
    path: String,
    #[cfg_attr(not(feature = "std"), allow(dead_code))] // nothing can be opened
    files: Files,
    #[cfg(feature = "std")]
    file: Option<std::fs::File>,
}

impl Configure for ARPPrint {
    const INFO: &'static Info = &Info {
        args: &[
            Arg::optional("LABEL", "text", "", "printed first"),
            Arg::keyword("TIMESTAMP", "boolean", "true", "prints the timestamp annotation"),
            Arg::keyword("ETHER", "boolean", "false", "prints the Ethernet addresses of the frame"),
            Arg::keyword("ACTIVE", "boolean", "true", "whether it prints"),
            Arg::keyword("OUTFILE", "file name", "standard error", "where it prints"),
        ],
        handlers: &[Handler::both("active", "whether it prints")],
        doc: "Prints a line for each ARP message and passes it on unchanged. Where the message begins, the network header \
              annotation says (CheckARPHeader sets it); packets without it are not printed.",
        example: "InfiniteSource(LIMIT 5) -> CheckARPHeader -> ARPPrint(x) -> Discard;",
        see: &["CheckARPHeader", "ARPQuerier"],
        ..Info::new("ARPPrint", "arp", "prints ARP messages as tcpdump does")
    };
    fn configure(args: &mut Args<'_>, env: &mut Env<'_>) -> Self {
        let label = args.optional("LABEL", String::blank());
        let timestamp = args.keyword("TIMESTAMP", true);
        let ether = args.keyword("ETHER", false);
        let active = args.keyword("ACTIVE", true);
        let path = args.keyword("OUTFILE", String::blank());
        let files = env.files();
        if let Err(why) = files.check(&path) {
            args.error_in("OUTFILE", &why);
        }
        ARPPrint {
            label,
            timestamp,
            ether,
            active,
            path,
            files,
            #[cfg(feature = "std")]
            file: None,
        }
    }
}

impl ARPPrint {
    /// The line for a packet, without its end; `None` for packets without network header.
    fn line(&self, p: &Packet) -> Option<String> {
        let message = p.network()?;
        let mut text = String::new();
        if !self.label.is_empty() {
            text += &format!("{}: ", self.label);
        }
        if self.timestamp {
            text += &format!("{}: ", Seconds(p.timestamp()));
        }
        let link = p.mac_off_signed().map_or(Some(0), |o| usize::try_from(o).ok());
        if self.ether
            && let Some(at) = link.filter(|at| at + 14 <= p.data().len() - message.len())
            && let Some(Ok((h, _))) = p.data().get(at..).map(Ethernet::parse)
        {
            text += &format!("{} > {}: ", h.src(), h.dst());
        }
        Some(text + &describe(message))
    }

    fn put(&mut self, cx: &mut Context<'_>, line: String) {
        #[cfg(feature = "std")]
        if let Some(file) = &mut self.file {
            // As in Click, a line that cannot be written is lost.
            let _ = std::io::Write::write_all(file, line.as_bytes());
            return;
        }
        cx.print(Stream::Err, &line);
    }
}

/// A message in words.
fn describe(b: &[u8]) -> String {
    let Some(b) = b.first_chunk::<{ arp::LEN }>() else { return format!("truncated-arp ({})", b.len()) };
    let word = |at: usize| u16::from_be_bytes([b[at], b[at + 1]]);
    let (hardware, protocol, operation) = (word(0), word(2), word(6));
    let (hardware_len, protocol_len) = (b[4], b[5]);
    if !matches!(protocol, TYPE_IPV4 | TYPE_TRAILER) || protocol_len != 4 || hardware_len == 0 {
        return format!(
            "arp-#{operation} for proto #{protocol} ({protocol_len}) hardware #{hardware} ({hardware_len})"
        );
    }
    let ether = |at: usize| EtherAddr(core::array::from_fn(|i| b[at + i]));
    let ip = |at: usize| core::net::Ipv4Addr::new(b[at], b[at + 1], b[at + 2], b[at + 3]);
    let (sender, sender_ip, target, target_ip) = (ether(8), ip(14), ether(18), ip(24));
    let what = match operation {
        OP_REQUEST if target == EtherAddr::ZERO => format!("arp who-has {target_ip} tell {sender_ip}"),
        OP_REQUEST => format!("arp who-has {target_ip} ({target}) tell {sender_ip}"),
        OP_REPLY => format!("arp reply {sender_ip} is-at {sender}"),
        OP_REVERSE_REQUEST => format!("rarp who-is {target} tell {sender}"),
        OP_REVERSE_REPLY => format!("rarp reply {target} at {target_ip}"),
        OP_INVERSE_REQUEST => format!("invarp who-is {target} tell {sender}"),
        OP_INVERSE_REPLY => format!("invarp reply {target} at {target_ip}"),
        other => format!("arp-#{other}"),
    };
    let trailer = if protocol == TYPE_TRAILER { "trailer-" } else { "" };
    let medium = if hardware == HARDWARE_ETHERNET { String::new() } else { format!("hardware #{hardware}") };
    format!("{trailer}{what}{medium}")
}

impl Element for ARPPrint {
    fn set_up(&mut self, _cx: &mut SetUp<'_>) -> Result<(), String> {
        if self.path.is_empty() {
            return Ok(());
        }
        #[cfg(feature = "std")]
        match self.files.create(&self.path) {
            Ok(file) => {
                self.file = Some(file);
                Ok(())
            }
            Err(why) => Err(format!("{}: {why}", self.path)),
        }
        #[cfg(not(feature = "std"))]
        Err(format!("{}: there are no files here", self.path))
    }
    fn process(&mut self, cx: &mut Context<'_>, _port: usize, batch: &mut Batch) {
        if !self.active {
            return;
        }
        for p in batch.iter() {
            if let Some(line) = self.line(p) {
                self.put(cx, line + "\n");
            }
        }
    }
    fn read(&mut self, _cx: &mut Context<'_>, _handler: &str, _parameter: &str) -> Reply {
        Ok(format!("{}", self.active))
    }
    fn write(&mut self, _cx: &mut Context<'_>, handler: &str, text: &str) -> Result<(), HandlerError> {
        self.active = value(text, handler)?;
        Ok(())
    }
}
