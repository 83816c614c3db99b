//! Prints packets.
use super::contents::{Contents, in_line, limited};
use super::time::Seconds;
use alloc::format;
use alloc::string::String;
use core::fmt::Write;
use sluice_dataplane::args::Args;
use sluice_dataplane::batch::Batch;
use sluice_dataplane::context::{Context, Stream};
use sluice_dataplane::element::{Configure, Element};
use sluice_dataplane::env::Env;
use sluice_dataplane::handler::{HandlerError, Reply, value};
use sluice_dataplane::info::{Arg, Handler, Info};
use sluice_dataplane::packet::Packet;

/// Prints packets.
pub struct Print {
    label: String,
    /// Bytes to show; all when negative.
    limit: i32,
    contents: Contents,
    timestamp: bool,
    annotations: bool,
    headroom: bool,
    cpu: bool,
    active: bool,
    line: String,
}

impl Configure for Print {
    const INFO: &'static Info = &Info {
        live: true,
        args: &[
            Arg::optional("LABEL", "text", "", "stands before each line"),
            Arg::optional("MAXLENGTH", "bytes", "24", "shows at most so many bytes; below 0 all"),
            Arg::keyword("CONTENTS", "NONE, HEX or ASCII", "HEX", "how bytes are shown"),
            Arg::keyword("TIMESTAMP", "boolean", "false", "shows the timestamp annotation, seconds"),
            Arg::keyword("PRINTANNO", "boolean", "false", "shows the 48 bytes of annotations as Click lays them out"),
            Arg::keyword("HEADROOM", "boolean", "false", "shows the free bytes before and behind the data"),
            Arg::keyword("CPU", "boolean", "false", "shows the worker's number; a graph runs on worker 0"),
            Arg::keyword("ACTIVE", "boolean", "true", "whether it prints"),
        ],
        handlers: &[Handler::both("active", "whether it prints")],
        doc: "Passes packets on unchanged and prints a line for each to standard error: the label, the length, and the \
              first bytes in groups of four: `label:   64 | 00112233 44556677`.",
        example: "InfiniteSource(LIMIT 1) -> Print(got, 8) -> Discard;",
        see: &["IPPrint"],
        ..Info::new("Print", "print", "prints packets")
    };
    fn configure(args: &mut Args<'_>, _env: &mut Env<'_>) -> Self {
        let label = args.optional("LABEL", String::new());
        let mut limit = args.optional("MAXLENGTH", 24);
        for old in ["LENGTH", "NBYTES"] {
            limit = args.keyword(old, limit);
        }
        Print {
            label,
            limit,
            contents: args.keyword("CONTENTS", Contents::Hex),
            timestamp: args.keyword("TIMESTAMP", false),
            annotations: args.keyword("PRINTANNO", false),
            headroom: args.keyword("HEADROOM", false),
            cpu: args.keyword("CPU", false),
            active: args.keyword("ACTIVE", true),
            line: String::new(),
        }
    }
}

/// Annotations at the places that Click gives them, numbers in little-endian order as on its usual machines.
fn annotations(p: &Packet) -> [u8; 48] {
    let mut a = [0; 48];
    a[..16].copy_from_slice(&p.dst6().octets());
    if !p.dst().is_unspecified() {
        a[..4].copy_from_slice(&p.dst().octets());
    }
    (a[16], a[17], a[19]) = (p.paint(), p.icmp_pointer(), p.fix_ip_src().into());
    a[20..24].copy_from_slice(&p.aggregate().to_le_bytes());
    if p.aggregate() == 0 {
        a[20..22].copy_from_slice(&p.vlan_tci().to_be_bytes());
    }
    a[24..28].copy_from_slice(&p.extra_packets().to_le_bytes());
    a[28..32].copy_from_slice(&p.extra_length().to_le_bytes());
    a
}

impl Print {
    fn write_line(&mut self, p: &Packet) {
        let out = &mut self.line;
        out.clear();
        out.push_str(&self.label);
        if self.cpu {
            out.push_str("(0)");
        }
        let mut separator = if out.is_empty() { "" } else { ": " };
        if self.timestamp {
            let _ = write!(out, "{separator}{}", Seconds(p.timestamp()));
            separator = ": ";
        }
        let _ = write!(out, "{separator}{:4}", p.len());
        if self.headroom {
            let _ = write!(out, " (h{} t{})", p.headroom(), p.tailroom());
        }
        if self.annotations {
            out.push_str(" | ");
            annotations(p).iter().for_each(|b| {
                let _ = write!(out, "{b:02x}");
            });
        }
        let data = limited(p.data(), self.limit);
        if self.contents != Contents::None && !data.is_empty() {
            out.push_str(" | ");
            in_line(out, self.contents, data);
        }
        out.push('\n');
    }
}

impl Element for Print {
    fn process(&mut self, cx: &mut Context<'_>, _port: usize, batch: &mut Batch) {
        if !self.active {
            return;
        }
        for p in batch.iter() {
            self.write_line(p);
            cx.print(Stream::Err, &self.line);
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
