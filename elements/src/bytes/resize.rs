//! Adds bytes at both ends, or removes them.
use alloc::format;
use sluice_dataplane::args::Args;
use sluice_dataplane::batch::Batch;
use sluice_dataplane::context::Context;
use sluice_dataplane::element::{Configure, Element};
use sluice_dataplane::env::Env;
use sluice_dataplane::handler::{HandlerError, Reply, value};
use sluice_dataplane::info::{Arg, Handler, Info};
use sluice_dataplane::packet::Packet;
use sluice_dataplane::reason::Reason;

/// Adds bytes at both ends, or removes them.
pub struct Resize {
    head: i32,
    tail: i32,
}

impl Resize {
    fn resize(&self, p: &mut Packet) -> Option<Reason> {
        let n = self.head.unsigned_abs() as usize;
        let fits = if self.head > 0 { p.push(n) } else { p.strip(n.min(p.len())) };
        if !fits {
            return Some(Reason::NoHeadroom);
        }
        let n = self.tail.unsigned_abs() as usize;
        let fits = if self.tail > 0 { p.grow(n) } else { p.take(n.min(p.len())) };
        (!fits).then_some(Reason::Oversize)
    }
}

impl Configure for Resize {
    const INFO: &'static Info = &Info {
        live: true,
        args: &[
            Arg::optional("HEAD", "bytes", "0", "bytes added at the start; removed if below 0"),
            Arg::optional("TAIL", "bytes", "0", "bytes added at the end; removed if below 0"),
        ],
        handlers: &[Handler::both("head", "the HEAD argument"), Handler::both("tail", "the TAIL argument")],
        doc: "Adds HEAD bytes at the start of each packet, then TAIL bytes at its end; it removes bytes where a number is below \
              0, as many as there are. New bytes at the start are whatever lies there: those that Strip took away, for \
              one; new bytes at the end are 0. A packet without room for them is dropped, as `no_headroom` or `oversize`.",
        example: "InfiniteSource(LIMIT 5) -> Resize(-14, +4) -> Discard;",
        see: &["Strip", "Unstrip", "Truncate", "Pad"],
        ..Info::new("Resize", "bytes", "adds bytes at both ends, or removes them")
    };
    fn configure(args: &mut Args<'_>, _env: &mut Env<'_>) -> Self {
        Resize { head: args.optional("HEAD", 0), tail: args.optional("TAIL", 0) }
    }
}

impl Element for Resize {
    fn process(&mut self, cx: &mut Context<'_>, _port: usize, batch: &mut Batch) {
        cx.check(batch, |p| self.resize(p));
    }
    fn read(&mut self, _cx: &mut Context<'_>, handler: &str, _parameter: &str) -> Reply {
        Ok(format!("{}", if handler == "head" { self.head } else { self.tail }))
    }
    fn write(&mut self, _cx: &mut Context<'_>, handler: &str, text: &str) -> Result<(), HandlerError> {
        let bytes = value(text, handler)?;
        *(if handler == "head" { &mut self.head } else { &mut self.tail }) = bytes;
        Ok(())
    }
}
