//! What the header checkers share: how many packets failed and why, and what is printed about it.
use alloc::format;
use alloc::string::String;
use alloc::vec;
use alloc::vec::Vec;
use sluice_dataplane::args::Args;
use sluice_dataplane::context::{Context, Stream};
use sluice_dataplane::handler::{HandlerError, Reply};
use sluice_dataplane::info::{Access, Arg, Handler};

/// `VERBOSE` and `DETAILS`, as every checker documents them.
pub(crate) const VERBOSE: Arg =
    Arg::keyword("VERBOSE", "boolean", "false", "print a message for every bad packet, not just for the first");
/// See [`VERBOSE`].
pub(crate) const DETAILS: Arg =
    Arg::keyword("DETAILS", "boolean", "false", "count bad packets by what is wrong: handler drop_details");
/// The handler that every checker has.
pub(crate) const DROPS: Handler = Handler::read("drops", "bad packets so far");

/// Bad packets so far, by what is wrong with them.
pub(crate) struct Tally {
    texts: &'static [&'static str],
    /// What the message begins with, from the element's name.
    prefix: fn(&str) -> String,
    verbose: bool,
    drops: u64,
    /// One number for each text; empty without `DETAILS`.
    details: Vec<u64>,
}

impl Tally {
    /// Reads `VERBOSE` and `DETAILS`.
    pub(crate) fn configure(args: &mut Args<'_>, texts: &'static [&'static str], prefix: fn(&str) -> String) -> Tally {
        let verbose = args.keyword("VERBOSE", false);
        let details = args.keyword("DETAILS", false);
        Tally { texts, prefix, verbose, drops: 0, details: vec![0; if details { texts.len() } else { 0 }] }
    }
    /// Counts a packet with fault `why`; prints the first one, or all.
    #[cold]
    pub(crate) fn note(&mut self, cx: &mut Context<'_>, why: u16) {
        if self.drops == 0 || self.verbose {
            let text = self.texts.get(usize::from(why)).unwrap_or(&"");
            let line = format!("{}: {text}\n", (self.prefix)(cx.name()));
            cx.print(Stream::Err, &line);
        }
        self.drops += 1;
        if let Some(n) = self.details.get_mut(usize::from(why)) {
            *n += 1;
        }
    }
    /// `drops` and `drop_details`.
    pub(crate) fn read(&self, handler: &str) -> Reply {
        match handler {
            "drops" => Ok(format!("{}", self.drops)),
            "drop_details" => {
                Ok(self.details.iter().zip(self.texts).map(|(n, text)| format!("{n}\t{text}\n")).collect())
            }
            _ => Err(HandlerError::NoHandler(handler.into())),
        }
    }
    /// `drop_details`, if it is kept.
    pub(crate) fn handlers(&self) -> Vec<(String, Access)> {
        if self.details.is_empty() { Vec::new() } else { vec![("drop_details".into(), Access::Read)] }
    }
    /// Goes on counting where `old` stopped.
    pub(crate) fn take(&mut self, old: &Tally) {
        self.drops = old.drops;
        self.details.iter_mut().zip(&old.details).for_each(|(n, old)| *n = *old);
    }
}
