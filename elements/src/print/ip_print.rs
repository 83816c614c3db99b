//! Prints IPv4 packets in words.
use super::contents::{Contents, in_lines, limited};
use super::ip_line::IpPacket;
use super::time::Seconds;
use alloc::format;
use alloc::string::String;
use core::fmt::Write;
use sluice_dataplane::args::{Args, Word};
use sluice_dataplane::batch::Batch;
use sluice_dataplane::context::{Context, Stream};
use sluice_dataplane::element::{Configure, Element};
use sluice_dataplane::env::Env;
#[cfg(feature = "std")]
use sluice_dataplane::env::SetUp;
use sluice_dataplane::handler::{HandlerError, Reply, value};
use sluice_dataplane::info::{Arg, Handler, Info};
use sluice_dataplane::packet::Packet;
use sluice_dataplane::wire::Ethernet;

/// Prints IPv4 packets in words.
pub struct IPPrint {
    label: String,
    contents: Contents,
    /// The contents are those of the payload alone.
    payload: bool,
    /// Bytes to show; all when negative.
    limit: i32,
    show: Show,
    swap: bool,
    active: bool,
    line: String,
    /// Where lines go instead of standard error.
    #[cfg(feature = "std")]
    file: Option<crate::io::files::OutFile>,
}

/// What stands before the addresses.
struct Show {
    ether: bool,
    id: bool,
    ttl: bool,
    tos: bool,
    length: bool,
    timestamp: bool,
    aggregate: bool,
    paint: bool,
}

impl Configure for IPPrint {
    const INFO: &'static Info = &Info {
        args: &[
            Arg::optional("LABEL", "text", "", "stands before each line"),
            Arg::keyword("CONTENTS", "NONE, HEX or ASCII", "NONE", "shows the packet's bytes"),
            Arg::keyword("PAYLOAD", "NONE, HEX or ASCII", "NONE", "shows the bytes behind the TCP or UDP header"),
            Arg::keyword("MAXLENGTH", "bytes", "1500", "shows at most so many bytes; below 0 all"),
            Arg::keyword("ETHER", "boolean", "false", "shows Ethernet addresses"),
            Arg::keyword("ID", "boolean", "false", "shows the identification"),
            Arg::keyword("TTL", "boolean", "false", "shows the time to live"),
            Arg::keyword("TOS", "boolean", "false", "shows the type of service"),
            Arg::keyword("LENGTH", "boolean", "false", "shows the length field"),
            Arg::keyword("TIMESTAMP", "boolean", "true", "shows the timestamp annotation, seconds"),
            Arg::keyword("AGGREGATE", "boolean", "false", "shows the aggregate annotation"),
            Arg::keyword("PAINT", "boolean", "false", "shows the paint annotation"),
            Arg::keyword("SWAP", "boolean", "true", "shows ICMP identifiers and sequence numbers in network order"),
            Arg::keyword("OUTFILE", "file name", "", "writes there instead of to standard error"),
            Arg::keyword("ACTIVE", "boolean", "true", "whether it prints"),
            Arg::keyword("CHANNEL", "word", "", "accepted; text goes to standard error"),
        ],
        handlers: &[Handler::both("active", "whether it prints")],
        doc: "Passes packets on unchanged and prints a line for each in the manner of tcpdump: `label: 1000.000020: \
              1.0.0.1.10 > 1.0.0.2.20: udp 28`. TCP shows flags, the sequence numbers of first and last byte, and in \
              parentheses the bytes of payload, of the packet and of the length field. Packets must have their network \
              header marked, by CheckIPHeader or MarkIPHeader; others pass without a line.",
        example: "InfiniteSource(LIMIT 1) -> IPPrint(got) -> Discard;",
        see: &["Print"],
        ..Info::new("IPPrint", "print", "prints IPv4 packets in words")
    };
    fn configure(args: &mut Args<'_>, env: &mut Env<'_>) -> Self {
        let label = args.optional("LABEL", String::new());
        let contents = args.keyword("CONTENTS", Contents::None);
        let payload = args.keyword("PAYLOAD", Contents::None);
        let limit = args.keyword("MAXLENGTH", 1500);
        let limit = args.keyword("NBYTES", limit);
        if contents != Contents::None && payload != Contents::None {
            args.error("specify at most one of PAYLOAD and CONTENTS");
        }
        let show = Show {
            ether: args.keyword("ETHER", false),
            id: args.keyword("ID", false),
            timestamp: args.keyword("TIMESTAMP", true),
            paint: args.keyword("PAINT", false),
            tos: args.keyword("TOS", false),
            ttl: args.keyword("TTL", false),
            length: args.keyword("LENGTH", false),
            aggregate: args.keyword("AGGREGATE", false),
        };
        let swap = args.keyword("SWAP", true);
        let active = args.keyword("ACTIVE", true);
        #[cfg(feature = "std")]
        let file = args.keyword_some::<String>("OUTFILE").map(|name| {
            crate::io::files::check(args, "OUTFILE", &env.files(), &name);
            crate::io::files::OutFile::new(name, env.files())
        });
        #[cfg(not(feature = "std"))]
        let _ = env;
        args.keyword("CHANNEL", Word::default());
        IPPrint {
            label,
            contents: if payload == Contents::None { contents } else { payload },
            payload: payload != Contents::None,
            limit,
            show,
            swap,
            active,
            line: String::new(),
            #[cfg(feature = "std")]
            file,
        }
    }
}

impl IPPrint {
    /// Makes the line; false when the packet has no network header.
    fn write_line(&mut self, p: &Packet) -> bool {
        let Some(network) = p.network() else { return false };
        let (out, show) = (&mut self.line, &self.show);
        out.clear();
        if !self.label.is_empty() {
            let _ = write!(out, "{}: ", self.label);
        }
        if show.timestamp {
            let _ = write!(out, "{}: ", Seconds(p.timestamp()));
        }
        if show.aggregate {
            let _ = write!(out, "#{}", p.aggregate());
        }
        if show.paint {
            let _ = write!(out, "{}{}", if show.aggregate { "." } else { "paint " }, p.paint());
        }
        if show.aggregate || show.paint {
            out.push_str(": ");
        }
        if show.ether
            && let (Some(mac), Some(net)) = (p.mac_off(), p.net_off())
            && let Some(Ok((eth, _))) = p.data().get(mac..net).map(Ethernet::parse)
        {
            let _ = write!(out, "{} > {}: ", eth.src(), eth.dst());
        }
        let head = usize::from(network.first().map_or(0, |b| b & 15)) * 4;
        let transport = p.transport().or_else(|| network.get(head..)).unwrap_or_default();
        match IpPacket::new(network, transport, p.len()) {
            None => out.push_str("truncated-ip"),
            Some(ip) => {
                let fields = [
                    (show.id, "id", u32::from(ip.ident())),
                    (show.ttl, "ttl", ip.ttl().into()),
                    (show.tos, "tos", ip.tos().into()),
                    (show.length, "length", ip.len_field().into()),
                ];
                for (_, name, value) in fields.iter().filter(|f| f.0) {
                    let _ = write!(out, "{name} {value} ");
                }
                ip.describe(out, self.swap);
                if self.contents != Contents::None {
                    let data = if self.payload { ip.payload(transport) } else { p.data() };
                    in_lines(out, self.contents, limited(data, self.limit));
                }
            }
        }
        out.push('\n');
        true
    }

    #[cfg(feature = "std")]
    fn print_line(&mut self, cx: &mut Context<'_>) {
        match self.file.as_mut().map(|f| f.put(self.line.as_bytes())) {
            None => cx.print(Stream::Err, &self.line),
            Some(Err(Some(why))) => cx.print(Stream::Err, &format!("{}: {why}\n", cx.name())),
            Some(_) => {}
        }
    }

    #[cfg(not(feature = "std"))]
    fn print_line(&mut self, cx: &mut Context<'_>) {
        cx.print(Stream::Err, &self.line);
    }
}

impl Element for IPPrint {
    #[cfg(feature = "std")]
    fn set_up(&mut self, _cx: &mut SetUp<'_>) -> Result<(), String> {
        self.file.as_mut().map_or(Ok(()), crate::io::files::OutFile::open)
    }
    #[cfg(feature = "std")]
    fn start(&mut self, _cx: &mut Context<'_>) {
        self.file.as_mut().map(crate::io::files::OutFile::begin);
    }
    fn process(&mut self, cx: &mut Context<'_>, _port: usize, batch: &mut Batch) {
        if !self.active {
            return;
        }
        for p in batch.iter() {
            if self.write_line(p) {
                self.print_line(cx);
            }
        }
    }
    #[cfg(feature = "std")]
    fn take_state(&mut self, _cx: &mut Context<'_>, old: &mut dyn core::any::Any) {
        if let Some(old) = old.downcast_mut::<IPPrint>()
            && let (Some(file), Some(old)) = (&mut self.file, &mut old.file)
        {
            file.take(old);
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
