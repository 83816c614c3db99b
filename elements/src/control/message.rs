//! Says something when a configuration is loaded.
use alloc::format;
use alloc::string::String;
use sluice_dataplane::args::{Args, Word};
use sluice_dataplane::context::{Context, Stream};
use sluice_dataplane::element::{Configure, Element};
use sluice_dataplane::env::{Env, SetUp};
use sluice_dataplane::info::{Arg, Info};

/// Says something when a configuration is loaded.
pub struct Message {
    text: String,
    warning: bool,
}

impl Configure for Message {
    const INFO: &'static Info = &Info {
        ports: "0/0",
        args: &[
            Arg::required("MESSAGE", "text", "what it says"),
            Arg::optional("TYPE", "MESSAGE, WARNING, ERROR", "MESSAGE", "an error refuses the configuration"),
        ],
        doc: "Prints its text on standard error when the configuration starts, or makes it a warning or an error of the \
              configuration.",
        example: "Message(\"hello\");",
        see: &["Error"],
        ..Info::new("Message", "control", "says something when a configuration is loaded")
    };
    fn configure(args: &mut Args<'_>, _env: &mut Env<'_>) -> Self {
        let text: String = args.required("MESSAGE");
        let kind = args.optional("TYPE", Word("MESSAGE".into())).0;
        match &*kind {
            "MESSAGE" | "WARNING" => {}
            "ERROR" => args.error(text.clone()),
            _ => args.error("unrecognized message type"),
        }
        Message { text, warning: kind == "WARNING" }
    }
}

impl Element for Message {
    fn set_up(&mut self, cx: &mut SetUp<'_>) -> Result<(), String> {
        if self.warning {
            cx.warnings.push(self.text.clone());
        }
        Ok(())
    }
    fn start(&mut self, cx: &mut Context<'_>) {
        if !self.warning {
            cx.print(Stream::Err, &format!("{}\n", self.text));
        }
    }
}
