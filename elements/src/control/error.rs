//! Refuses to be started.
use alloc::string::{String, ToString};
use sluice_dataplane::args::Args;
use sluice_dataplane::element::{Configure, Element};
use sluice_dataplane::env::{Env, SetUp};
use sluice_dataplane::info::{Arg, Info};

/// Refuses to be started.
pub struct Error(String);

impl Configure for Error {
    const INFO: &'static Info = &Info {
        ports: "-/-",
        args: &[Arg::rest("...", "text", "what the error says, if anything")],
        doc: "Takes any arguments and connections, and lets no configuration start that it is in: a place holder.",
        example: "Idle0 :: Script(TYPE PASSIVE); Error(not yet);",
        see: &["Message"],
        ..Info::new("Error", "control", "refuses to be started")
    };
    fn configure(args: &mut Args<'_>, _env: &mut Env<'_>) -> Self {
        Error(args.rest_strings().join(", "))
    }
}

impl Element for Error {
    fn set_up(&mut self, _cx: &mut SetUp<'_>) -> Result<(), String> {
        Err(if self.0.is_empty() { "error element".to_string() } else { self.0.clone() })
    }
}
