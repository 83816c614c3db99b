//! Prints NSH headers in words.
use super::header::header;
use super::next::Next;
use super::tlv::{Kind, describe, digits};
use crate::print::contents::{Contents, in_lines, limited};
use crate::print::time::Seconds;
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
use sluice_dataplane::wire::nsh;

/// Prints NSH headers in words.
pub struct NSHPrint {
    label: String,
    contents: Contents,
    /// Bytes to show; all when negative.
    limit: i32,
    metadata: bool,
    timestamp: bool,
    active: bool,
    line: String,
}

impl Configure for NSHPrint {
    const INFO: &'static Info = &Info {
        args: &[
            Arg::optional("LABEL", "text", "", "stands before each line"),
            Arg::keyword("CONTENTS", "NONE, HEX or ASCII", "NONE", "shows the inner packet's bytes"),
            Arg::keyword("MAXLENGTH", "bytes", "1500", "shows at most so many bytes; below 0 all"),
            Arg::keyword("METADATA", "boolean", "true", "shows the context"),
            Arg::keyword("TIMESTAMP", "boolean", "true", "shows the timestamp annotation, seconds"),
            Arg::keyword("ACTIVE", "boolean", "true", "whether it prints"),
        ],
        handlers: &[Handler::both("active", "whether it prints")],
        doc: "Passes packets on unchanged and prints a line for each, to standard error: `label: 1000.000020: nsh 10/255 ttl 63 md 2 \
              len 16 next ipv4 (84): tenant 0a0b`. Behind the path (SPI/SI) come `oam` if the O bit is set, the unassigned bits \
              if any are, and the length of the header; in parentheses that of the inner packet; then the context of MD type 1, \
              or the TLVs, as NSHEncap would have them. A malformed TLV ends the line with `bad-tlv`; a packet without a sound \
              header shows as `bad-nsh`.",
        example: "InfiniteSource(LIMIT 1) -> NSHEncap(10, NEXT ethernet) -> NSHPrint(got) -> Discard;",
        see: &["IPPrint", "Print", "NSHMetadata"],
        ..Info::new("NSHPrint", "nsh", "prints NSH headers in words")
    };
    fn configure(args: &mut Args<'_>, _env: &mut Env<'_>) -> Self {
        NSHPrint {
            label: args.optional("LABEL", String::new()),
            contents: args.keyword("CONTENTS", Contents::None),
            limit: args.keyword("MAXLENGTH", 1500),
            metadata: args.keyword("METADATA", true),
            timestamp: args.keyword("TIMESTAMP", true),
            active: args.keyword("ACTIVE", true),
            line: String::new(),
        }
    }
}

/// Writes the metadata of a header with MD type 1 or 2, each item between `between`.
pub(super) fn describe_metadata(out: &mut String, md: u8, context: &[u8], between: &str) {
    if md != nsh::MD_TLV {
        if !context.is_empty() {
            out.push_str("context ");
            digits(out, context);
        }
        return;
    }
    for (i, tlv) in nsh::tlvs(context).enumerate() {
        if i > 0 {
            out.push_str(between);
        }
        match tlv {
            Ok(tlv) => describe(out, Kind { class: tlv.class, kind: tlv.kind }, tlv.value),
            Err(_) => out.push_str("bad-tlv"),
        }
    }
}

impl NSHPrint {
    fn write_line(&mut self, p: &Packet) {
        let out = &mut self.line;
        out.clear();
        if !self.label.is_empty() {
            let _ = write!(out, "{}: ", self.label); // a string takes everything
        }
        if self.timestamp {
            let _ = write!(out, "{}: ", Seconds(p.timestamp()));
        }
        let Ok((nsh, context, inner)) = header(p) else {
            out.push_str("bad-nsh\n");
            return;
        };
        let _ = write!(out, "nsh {}/{}", nsh.spi(), nsh.index());
        if nsh.is_oam() {
            out.push_str(" oam");
        }
        if nsh.unassigned() != 0 {
            let _ = write!(out, " u {:#04x}", nsh.unassigned());
        }
        let (ttl, md, len, next) = (nsh.ttl(), nsh.md_type(), nsh.header_len(), Next(nsh.next_protocol()));
        let _ = write!(out, " ttl {ttl} md {md} len {len} next {next} ({})", inner.len());
        if self.metadata && !context.is_empty() {
            out.push_str(": ");
            describe_metadata(out, md, context, ", ");
        }
        if self.contents != Contents::None {
            in_lines(out, self.contents, limited(inner, self.limit));
        }
        out.push('\n');
    }
}

impl Element for NSHPrint {
    fn process(&mut self, cx: &mut Context<'_>, _port: usize, batch: &mut Batch) {
        if self.active {
            for p in batch.iter() {
                self.write_line(p);
                cx.print(Stream::Err, &self.line);
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
