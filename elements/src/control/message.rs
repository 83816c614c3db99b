//! Says something when a configuration is loaded.
use alloc::string::String;
use sluice_dataplane::args::{Args, Word};
use sluice_dataplane::element::{Configure, Element};
use sluice_dataplane::env::Env;
use sluice_dataplane::info::{Arg, Info};

/// Says something when a configuration is loaded.
pub struct Message;

impl Configure for Message {
    const INFO: &'static Info = &Info {
        ports: "0/0",
        args: &[
            Arg::required("MESSAGE", "text", "what it says"),
            Arg::optional("TYPE", "MESSAGE, WARNING, ERROR", "MESSAGE", "an error refuses the configuration"),
        ],
        doc: "Says its text on standard error when the configuration is read, as a message, a warning or an error of the \
              configuration.",
        example: "Message(\"hello\");",
        see: &["Error"],
        ..Info::new("Message", "control", "says something when a configuration is loaded")
    };
    fn configure(args: &mut Args<'_>, env: &mut Env<'_>) -> Self {
        let text: String = args.required("MESSAGE");
        match &*args.optional("TYPE", Word("MESSAGE".into())).0 {
            "MESSAGE" => env.say(text),
            "WARNING" => env.warn(text),
            "ERROR" => args.error(text),
            _ => args.error("unrecognized message type"),
        }
        Message
    }
}

impl Element for Message {}
